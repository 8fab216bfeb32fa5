package dev.sequor.benchmarks.devices;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/**
 * One chart as SVG: both axes logarithmic, a line per series, a bar around each point. Colours come
 * from the page's style sheet, by the class of the device.
 */
record Chart(String title, String xLabel, String yLabel, List<Series> series, String watermark) {

  private static final int WIDTH = 620;
  private static final int HEIGHT = 400;
  private static final int LEFT = 66;
  private static final int RIGHT = 92;
  private static final int TOP = 14;
  private static final int BOTTOM = 52;
  private static final int LABEL_HEIGHT = 14;

  /** Lines are told apart without colour, too. */
  private static final List<String> DASHES = List.of("", "7 4", "2 4", "9 3 2 3", "1 2");

  /**
   * A line.
   *
   * @param label stands at its end
   * @param device colour and marker
   * @param dash the pattern of its line
   */
  record Series(String label, int device, int dash, List<Point> points) {}

  /** A median between a least and a largest value; {@code words} show under the pointer. */
  record Point(double x, double y, double least, double largest, String words) {}

  /** The picture; the caller has at least one point. */
  String svg() {
    List<Point> points = series.stream().flatMap(s -> s.points().stream()).toList();
    LogAxis x = LogAxis.around(points.stream().map(Point::x).toList(), LEFT, WIDTH - RIGHT);
    LogAxis y =
        LogAxis.around(
            points.stream()
                .flatMap(p -> java.util.stream.Stream.of(p.least(), p.largest()))
                .toList(),
            HEIGHT - BOTTOM,
            TOP);
    StringBuilder svg = new StringBuilder();
    svg.append(
        format(
            "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
            WIDTH, HEIGHT, ChartPage.escape(title)));
    drawAxes(svg, x, y);
    series.forEach(line -> draw(svg, line, x, y));
    drawLabels(svg, x, y);
    if (watermark != null) {
      svg.append(
          format(
              "<text class=\"watermark\" x=\"%d\" y=\"%d\" transform=\"rotate(-24 %d %d)\">%s</text>\n",
              (LEFT + WIDTH - RIGHT) / 2,
              HEIGHT / 2,
              (LEFT + WIDTH - RIGHT) / 2,
              HEIGHT / 2,
              ChartPage.escape(watermark)));
    }
    return svg.append("</svg>\n").toString();
  }

  private void drawAxes(StringBuilder svg, LogAxis x, LogAxis y) {
    for (double value : x.lines()) {
      line(svg, "grid", x.at(value), TOP, x.at(value), HEIGHT - BOTTOM);
    }
    for (double value : y.lines()) {
      line(svg, "grid", LEFT, y.at(value), WIDTH - RIGHT, y.at(value));
    }
    line(svg, "axis", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM);
    line(svg, "axis", LEFT, TOP, LEFT, HEIGHT - BOTTOM);
    for (double value : x.ticks()) {
      text(svg, "tick middle", x.at(value), HEIGHT - BOTTOM + 17, LogAxis.label(value));
    }
    for (double value : y.ticks()) {
      text(svg, "tick end", LEFT - 7, y.at(value) + 4, LogAxis.label(value));
    }
    text(svg, "label middle", (LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 10, xLabel);
    svg.append(
        format(
            "<text class=\"label middle\" transform=\"translate(14 %.1f) rotate(-90)\">%s</text>\n",
            (TOP + HEIGHT - BOTTOM) / 2.0, ChartPage.escape(yLabel)));
  }

  private static void draw(StringBuilder svg, Series series, LogAxis x, LogAxis y) {
    svg.append(format("<g class=\"d%d\">\n", series.device()));
    StringBuilder path = new StringBuilder();
    for (Point point : series.points()) {
      path.append(
          format("%s%.1f %.1f", path.length() == 0 ? "M" : " L", x.at(point.x()), y.at(point.y())));
    }
    if (series.points().size() > 1) {
      svg.append(
          format(
              "<path class=\"line\" d=\"%s\" stroke-dasharray=\"%s\"/>\n",
              path, DASHES.get(series.dash() % DASHES.size())));
    }
    for (Point point : series.points()) {
      svg.append("<g><title>").append(ChartPage.escape(point.words())).append("</title>");
      double px = x.at(point.x());
      line(svg, "whisker", px, y.at(point.least()), px, y.at(point.largest()));
      marker(svg, series.device(), px, y.at(point.y()));
      svg.append("</g>\n");
    }
    svg.append("</g>\n");
  }

  /** A circle, a square, a triangle, a diamond: a device is told apart without its colour. */
  static void marker(StringBuilder svg, int device, double x, double y) {
    switch (device % 4) {
      case 0 ->
          svg.append(format("<circle class=\"mark\" cx=\"%.1f\" cy=\"%.1f\" r=\"4\"/>", x, y));
      case 1 ->
          svg.append(
              format(
                  "<rect class=\"mark\" x=\"%.1f\" y=\"%.1f\" width=\"7\" height=\"7\"/>",
                  x - 3.5, y - 3.5));
      case 2 ->
          svg.append(format("<path class=\"mark\" d=\"M%.1f %.1f l5 9 h-10 z\"/>", x, y - 5.5));
      default ->
          svg.append(
              format("<path class=\"mark\" d=\"M%.1f %.1f l5 5 l-5 5 l-5 -5 z\"/>", x, y - 5));
    }
  }

  /** At the right end of each line, moved apart where lines end close to each other. */
  private void drawLabels(StringBuilder svg, LogAxis x, LogAxis y) {
    record Label(Series series, double x, double y) {}
    List<Label> labels = new ArrayList<>();
    for (Series line : series) {
      Point last = line.points().get(line.points().size() - 1);
      labels.add(new Label(line, x.at(last.x()), y.at(last.y())));
    }
    labels.sort(Comparator.comparingDouble(Label::y).reversed()); // from the bottom up
    List<double[]> taken = new ArrayList<>();
    for (Label label : labels) {
      double at = label.y();
      for (double[] other : taken) {
        boolean beside = Math.abs(other[0] - label.x()) < RIGHT;
        if (beside && Math.abs(other[1] - at) < LABEL_HEIGHT) {
          at = other[1] - LABEL_HEIGHT;
        }
      }
      taken.add(new double[] {label.x(), at});
      text(svg, "name d" + label.series().device(), label.x() + 9, at + 4, label.series().label());
    }
  }

  private static void line(
      StringBuilder svg, String style, double x1, double y1, double x2, double y2) {
    svg.append(
        format(
            "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>",
            style, x1, y1, x2, y2));
  }

  private static void text(StringBuilder svg, String style, double x, double y, String words) {
    svg.append(
        format(
            "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
            style, x, y, ChartPage.escape(words)));
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}
