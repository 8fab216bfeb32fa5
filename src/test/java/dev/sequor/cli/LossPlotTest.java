package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.TrainingRun.Curve;
import dev.sequor.io.TrainingRun.Point;
import dev.sequor.picture.Svg;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LossPlotTest {
  private static final long MOST_STEPS = 1L << 53;

  @TempDir Path folder;

  /** A minute is no measure of speed, but of whether it ends. */
  @Test
  @Timeout(60)
  void everyCurveThatMayBeStoredCanBeDrawn() throws IOException {
    List<List<Point>> curves =
        new ArrayList<>(
            List.of(
                List.of(),
                List.of(new Point(1, 0)),
                List.of(new Point(MOST_STEPS, Point.MAX_LOSS)),
                List.of(new Point(MOST_STEPS - 1, 1), new Point(MOST_STEPS, 1)),
                List.of(new Point(1, Double.MIN_VALUE), new Point(MOST_STEPS, Point.MAX_LOSS)),
                List.of(new Point(1, 4.25), new Point(2, 4.25), new Point(1L << 40, 4.25))));
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < 3; i++) {
      List<Point> points = new ArrayList<>();
      for (long step = 1 + random.nextLong(9); step < MOST_STEPS; step += step + 1) {
        points.add(new Point(step, Math.scalb(random.nextDouble(), random.nextInt(-300, 120))));
      }
      curves.add(points);
    }
    for (List<Point> training : curves) {
      for (List<Point> heldOut : List.of(training, curves.get(2))) {
        Path file = folder.resolve("loss.png");
        LossPlot.write(file, "a title", "bits per character", new Curve(training, heldOut));
        assertNotNull(ImageIO.read(file.toFile()));
      }
    }
  }

  /** The marks of the x axis are few, round and told apart. */
  @ParameterizedTest
  @ValueSource(longs = {2, 7, 40, 200, 300, 1955, 123_456, 5_000_000})
  void marksDoNotCrowd(long steps) {
    long interval = Math.max(1, steps / 100);
    List<Point> training = new ArrayList<>();
    for (long step = interval; step <= steps; step += interval) {
      training.add(new Point(step, 5 / Math.sqrt((double) step)));
    }
    List<Point> heldOut = new ArrayList<>();
    for (long step = (steps - 1) / 10 + 1; step <= steps; step += (steps - 1) / 10 + 1) {
      heldOut.add(new Point(step, 6 / Math.sqrt((double) step)));
    }
    List<String> marks = marks(LossPlot.picture("a title", "loss", new Curve(training, heldOut)));
    assertTrue(marks.size() >= 3 && marks.size() <= 8, marks::toString);
    assertEquals("0", marks.get(0));
    assertEquals(marks.size(), Set.copyOf(marks).size(), marks::toString);
  }

  /** What is written below the axis: whole numbers, in the middle below their marks. */
  private static List<String> marks(Svg picture) {
    return Pattern.compile("text-anchor=\"middle\">([0-9,]+)<")
        .matcher(picture.file())
        .results()
        .map(mark -> mark.group(1))
        .toList();
  }
}
