package dev.sequor.cli;

import dev.sequor.io.DurableFile;
import dev.sequor.io.TrainingRun.Curve;
import dev.sequor.io.TrainingRun.Point;
import dev.sequor.picture.AxisScale;
import dev.sequor.picture.Chart;
import dev.sequor.picture.Png;
import dev.sequor.picture.Series;
import dev.sequor.picture.Svg;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Draws a run's loss curve. */
final class LossPlot {
  private static final double WIDTH = 500;
  private static final double HEIGHT = 300;

  private LossPlot() {}

  /**
   * Writes {@code file} as PNG: the loss over steps, training and held-out.
   *
   * @param unit what it is in
   */
  static void write(Path file, String title, String unit, Curve curve) throws IOException {
    byte[] png = Png.bytes(picture(title, unit, curve), PictureFile.SCALE);
    DurableFile.write(file, png);
  }

  /** The picture before it is a file. */
  static Svg picture(String title, String unit, Curve curve) {
    return Chart.of(title)
        .size(WIDTH, HEIGHT)
        .x("training step", AxisScale.INTEGER)
        .y(unit, AxisScale.LINEAR)
        .showing(0)
        .add(Series.line("training", 0, points(curve.training())))
        .add(Series.marked("held-out", 1, points(curve.heldOut())))
        .draw();
  }

  private static List<Series.Point> points(List<Point> points) {
    return points.stream()
        .map(point -> Series.Point.of((double) point.step(), point.loss()))
        .toList();
  }
}
