package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import dev.sequor.io.TrainingRun.Curve;
import dev.sequor.io.TrainingRun.Point;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

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
}
