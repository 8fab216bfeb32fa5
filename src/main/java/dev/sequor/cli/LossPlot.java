package dev.sequor.cli;

import dev.sequor.io.DurableFile;
import dev.sequor.io.TrainingRun.Curve;
import dev.sequor.io.TrainingRun.Point;
import java.awt.BasicStroke;
import java.awt.Color;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.file.Path;
import java.util.List;
import org.knowm.xchart.BitmapEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.Styler;
import org.knowm.xchart.style.markers.Marker;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** Draws a run's loss curve. */
final class LossPlot {
  private static final String UNSEEN = "unseen";

  private LossPlot() {}

  /**
   * Writes {@code file} as PNG: the loss over steps, training and held-out.
   *
   * @param unit what it is in
   */
  static void write(Path file, String title, String unit, Curve curve) throws IOException {
    byte[] png =
        BitmapEncoder.getBitmapBytes(chart(title, unit, curve), BitmapEncoder.BitmapFormat.PNG);
    DurableFile.write(file, channel -> Channels.newOutputStream(channel).write(png));
  }

  /** The picture before it is one. */
  static XYChart chart(String title, String unit, Curve curve) {
    XYChart chart =
        new XYChartBuilder()
            .width(800)
            .height(480)
            .title(title)
            .xAxisTitle("training step")
            .yAxisTitle(unit)
            .build();
    chart.getStyler().setLegendPosition(Styler.LegendPosition.InsideNE);
    chart.getStyler().setChartBackgroundColor(Color.WHITE);
    chart.getStyler().setXAxisMin(0.0);
    chart.getStyler().setXAxisTickMarkSpacingHint(90);
    chart.getStyler().setXAxisDecimalPattern("#,##0");
    chart.getStyler().setYAxisDecimalPattern("0.0##");
    add(chart, "training", curve.training(), new Color(0x1F77B4), SeriesMarkers.NONE);
    add(chart, "held-out", curve.heldOut(), new Color(0xD62728), SeriesMarkers.CIRCLE);
    spaceTicks(chart, curve.training());
    spaceTicks(chart, curve.heldOut());
    return chart;
  }

  /**
   * Where the points of all series are equally far from each other, the library takes these for the
   * marks of the axis, crooked and as many as fit. One that nobody sees, between the first two,
   * keeps it from that, and it takes round numbers.
   */
  private static void spaceTicks(XYChart chart, List<Point> points) {
    if (points.size() < 2 || chart.getSeriesMap().containsKey(UNSEEN)) {
      return;
    }
    Point first = points.get(0);
    double between = first.step() + (points.get(1).step() - first.step()) / 3.0;
    XYSeries unseen = chart.addSeries(UNSEEN, new double[] {between}, new double[] {first.loss()});
    unseen.setShowInLegend(false);
    unseen.setMarker(SeriesMarkers.NONE);
  }

  private static void add(
      XYChart chart, String name, List<Point> points, Color color, Marker marker) {
    if (points.isEmpty()) {
      return; // Which the library would refuse.
    }
    XYSeries series =
        chart.addSeries(
            name,
            points.stream().mapToDouble(Point::step).toArray(),
            points.stream().mapToDouble(Point::loss).toArray());
    series.setLineColor(color);
    series.setMarkerColor(color);
    series.setLineStyle(new BasicStroke(1.6f));
    series.setMarker(marker);
  }
}
