package dev.sequor.picture;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** Draws one chart: keeps room for what stands around the plot, then draws from back to front. */
final class ChartDrawing {
  /** What is drawn. */
  record Plan(
      String title,
      double width,
      double height,
      String xLabel,
      String yLabel,
      Axis x,
      Axis y,
      List<Series> series,
      String description,
      String watermark,
      boolean legend) {}

  private static final double TITLE = 15;
  private static final double LABEL = 12;
  private static final double TICK = 12;
  private static final double NAME = 12.5;
  private static final double LINE_HEIGHT = 1.3;
  private static final double NAME_GAP = NAME * 1.2;
  private static final double LEGEND_ROW = NAME * 1.5;
  private static final double EDGE = 8;
  private static final double SWATCH = 26;
  private static final double LEADER = 12;
  private static final int MOST_TITLE_LINES = 3;

  /** Of a chart's width; longer names go into a legend. */
  private static final double WIDEST_NAMES = 0.28;

  /** Places under the pointer; a line of more points has none. */
  private static final int MOST_TITLES = 300;

  private static final double DEGREES = -20;

  private final Plan plan;
  private final List<SvgElement> elements = new ArrayList<>();
  private final List<Series> named;
  private final List<BigDecimal> xTicks;
  private final List<BigDecimal> yTicks;
  private final List<String> titleLines;
  private final boolean namesAtEnds;
  private final double left;
  private final double right;
  private final double top;
  private final double bottom;
  private final double height;
  private final List<Legend.Row> legendRows;

  ChartDrawing(Plan plan) {
    this.plan = plan;
    named =
        plan.series().stream()
            .filter(each -> !each.present().isEmpty() && !each.name().isEmpty())
            .toList();
    xTicks = plan.x().ticks();
    yTicks = plan.y().ticks();
    titleLines =
        plan.title().isEmpty()
            ? List.of()
            : TextWidth.wrap(
                plan.title(), TITLE * TextWidth.BOLD, plan.width() - 2 * EDGE, MOST_TITLE_LINES);
    double head = EDGE + titleLines.size() * TITLE * LINE_HEIGHT;
    top = head + (plan.yLabel().isEmpty() ? 6 : LABEL * LINE_HEIGHT + 8);
    left =
        EDGE
            + 6
            + plan.y().labels().stream()
                .mapToDouble(label -> TextWidth.of(label, TICK))
                .max()
                .orElse(0);
    double below = TICK + 8 + (plan.xLabel().isEmpty() ? 0 : LABEL * LINE_HEIGHT + 2) + EDGE;
    double widest =
        named.stream().mapToDouble(each -> TextWidth.of(each.name(), NAME)).max().orElse(0);
    namesAtEnds =
        !plan.legend()
            && widest <= plan.width() * WIDEST_NAMES
            && named.size() * NAME_GAP <= plan.height() - below - top;
    legendRows =
        namesAtEnds ? List.of() : Legend.rows(named, NAME, plan.width() - left - EDGE, SWATCH);
    bottom = plan.height() - below;
    height = plan.height() + legendRows.size() * LEGEND_ROW;
    right =
        plan.width() - EDGE - (namesAtEnds && !named.isEmpty() ? widest + LEADER + 4 : lastTick());
  }

  /** Half of what stands at the last mark, which is in the middle below it. */
  private double lastTick() {
    List<String> labels = plan.x().labels();
    return TextWidth.of(labels.get(labels.size() - 1), TICK) / 2;
  }

  private double x(double value) {
    return left + (right - left) * clamp(plan.x().at(value));
  }

  private double y(double value) {
    return bottom + (top - bottom) * clamp(plan.y().at(value));
  }

  private static double clamp(double part) {
    return Math.max(0, Math.min(1, part));
  }

  Svg svg() {
    drawTitle();
    drawAxes();
    for (Series each : plan.series()) {
      if (each.kind() == Series.Kind.STEPS) {
        elements.add(area(each));
      }
    }
    plan.series().forEach(this::draw);
    if (isEmpty()) {
      elements.add(
          SvgElement.text((left + right) / 2, (top + bottom) / 2, LABEL, "no values")
              .fill(Ink.FAINT)
              .with("text-anchor", "middle"));
    }
    if (namesAtEnds) {
      drawNames();
    }
    drawLegend();
    drawWatermark();
    return new Svg(plan.width(), height, plan.title(), description(), elements);
  }

  private boolean isEmpty() {
    return plan.series().stream().allMatch(each -> each.present().isEmpty());
  }

  private void drawTitle() {
    for (int i = 0; i < titleLines.size(); i++) {
      elements.add(
          SvgElement.text(EDGE, EDGE + TITLE + i * TITLE * LINE_HEIGHT, TITLE, titleLines.get(i))
              .with("font-weight", "bold"));
    }
    if (!plan.yLabel().isEmpty()) {
      elements.add(
          SvgElement.text(
                  EDGE,
                  top - 10,
                  LABEL,
                  TextWidth.cut(plan.yLabel(), LABEL, plan.width() - 2 * EDGE))
              .fill(Ink.FAINT));
    }
  }

  private void drawAxes() {
    SvgElement grid = SvgElement.of("g").stroke(Ink.GRID).with("stroke-width", 1);
    if (!isEmpty()) {
      plan.y().lines().forEach(value -> grid.add(SvgElement.line(left, y(value), right, y(value))));
    }
    if (plan.x().scale() == AxisScale.LOGARITHMIC) {
      plan.x().lines().forEach(value -> grid.add(SvgElement.line(x(value), top, x(value), bottom)));
    }
    elements.add(grid);
    SvgElement axis = SvgElement.of("g").stroke(Ink.FAINT).with("stroke-width", 1);
    axis.add(SvgElement.line(left, bottom, right, bottom));
    xTicks.forEach(value -> axis.add(SvgElement.line(x(value), bottom, x(value), bottom + 4)));
    elements.add(axis);
    drawYLabels();
    drawXLabels();
    if (!plan.xLabel().isEmpty()) {
      elements.add(
          SvgElement.text(
                  (left + right) / 2,
                  bottom + TICK + 8 + LABEL * LINE_HEIGHT - 2,
                  LABEL,
                  TextWidth.cut(plan.xLabel(), LABEL, right - left + 2 * EDGE))
              .fill(Ink.FAINT)
              .with("text-anchor", "middle"));
    }
  }

  private double x(BigDecimal value) {
    return x(value.doubleValue());
  }

  private double y(BigDecimal value) {
    return y(value.doubleValue());
  }

  /** At as many marks as there is room for. */
  private void drawYLabels() {
    List<String> labels = plan.y().labels();
    int every = 1;
    while (every < labels.size() && crowd(every)) {
      every++;
    }
    for (int i = 0; i < labels.size(); i += every) {
      elements.add(
          SvgElement.text(left - 6, y(yTicks.get(i)) + TICK * 0.36, TICK, labels.get(i))
              .fill(Ink.FAINT)
              .with("text-anchor", "end"));
    }
  }

  private boolean crowd(int every) {
    for (int i = every; i < yTicks.size(); i += every) {
      if (y(yTicks.get(i - every)) - y(yTicks.get(i)) < TICK) {
        return true;
      }
    }
    return false;
  }

  /** At as many marks, equally far apart, as there is room for. */
  private void drawXLabels() {
    List<String> labels = plan.x().labels();
    int every = 1;
    while (every < labels.size() && overlap(labels, every)) {
      every++;
    }
    for (int i = 0; i < labels.size(); i += every) {
      elements.add(
          SvgElement.text(x(xTicks.get(i)), bottom + TICK + 6, TICK, labels.get(i))
              .fill(Ink.FAINT)
              .with("text-anchor", "middle"));
    }
  }

  private boolean overlap(List<String> labels, int every) {
    for (int i = every; i < labels.size(); i += every) {
      double halves =
          (TextWidth.of(labels.get(i), TICK) + TextWidth.of(labels.get(i - every), TICK)) / 2;
      if (x(xTicks.get(i)) - x(xTicks.get(i - every)) < halves + 6) {
        return true;
      }
    }
    return false;
  }

  private SvgElement area(Series of) {
    SvgPath path = new SvgPath();
    List<Series.Point> points = of.present();
    double base = plan.y().scale() == AxisScale.LOGARITHMIC ? bottom : y(0);
    for (int i = 0; i < points.size(); i++) {
      Series.Point point = points.get(i);
      double end = i + 1 < points.size() ? x(points.get(i + 1).x()) : right;
      if (i == 0) {
        path.moveTo(x(point.x()), base);
      }
      path.lineTo(x(point.x()), y(point.y())).lineTo(end, y(point.y()));
      if (i == points.size() - 1) {
        path.lineTo(end, base).close();
      }
    }
    return path.element().fill(of.ink()).with("fill-opacity", 0.18);
  }

  private void draw(Series one) {
    if (one.present().isEmpty()) {
      return;
    }
    SvgElement group = SvgElement.of("g").with("data-series", one.name());
    if (one.kind() != Series.Kind.POINTS && one.present().size() > 1) {
      group.add(
          one.dashed(
              line(one)
                  .stroke(one.ink())
                  .with("stroke-width", 2)
                  .with("stroke-linejoin", "round")));
    }
    boolean titled = one.present().size() <= MOST_TITLES;
    for (Series.Point point : one.present()) {
      double px = x(point.x());
      if (point.hasBar()) {
        group.add(
            SvgElement.line(px, y(point.least()), px, y(point.largest()))
                .stroke(one.ink())
                .with("stroke-width", 1)
                .with("stroke-opacity", 0.7));
      }
      // A single point is no line, so it is seen by its mark alone.
      Marker marker =
          one.marker() == Marker.NONE && one.present().size() == 1 ? Marker.CIRCLE : one.marker();
      if (titled || marker != Marker.NONE) {
        SvgElement mark = marker.at(px, y(point.y()), one.ink());
        group.add(titled ? mark.titled(words(one, point)) : mark);
      }
    }
    elements.add(group);
  }

  private SvgElement line(Series of) {
    SvgPath path = new SvgPath();
    boolean begins = true;
    double before = 0;
    for (Series.Point point : of.points()) {
      if (!point.isThere()) {
        begins = true;
        continue;
      }
      double px = x(point.x());
      double py = y(point.y());
      if (begins) {
        path.moveTo(px, py);
      } else {
        if (of.kind() == Series.Kind.STEPS) {
          path.lineTo(px, before);
        }
        path.lineTo(px, py);
      }
      before = py;
      begins = false;
    }
    if (of.kind() == Series.Kind.STEPS) {
      path.lineTo(right, before);
    }
    return path.element();
  }

  private String words(Series of, Series.Point point) {
    if (!point.words().isEmpty()) {
      return point.words();
    }
    String bar =
        point.hasBar()
            ? ", from "
                + TickLabels.rounded(point.least())
                + " to "
                + TickLabels.rounded(point.largest())
            : "";
    return (of.name().isEmpty() ? "" : of.name() + ": ")
        + (plan.xLabel().isEmpty() ? "x" : plan.xLabel())
        + " "
        + TickLabels.rounded(point.x())
        + ", "
        + (plan.yLabel().isEmpty() ? "y" : plan.yLabel())
        + " "
        + TickLabels.rounded(point.y())
        + bar;
  }

  /** Right of the plot, in the order of the lines' ends, with thin lines to those. */
  private void drawNames() {
    List<Series> fromTop =
        named.stream()
            .sorted(Comparator.comparingDouble((Series each) -> y(last(each).y())))
            .toList();
    double[] wanted = fromTop.stream().mapToDouble(each -> y(last(each).y())).toArray();
    double[] places = Spacing.between(wanted, NAME_GAP, top + NAME_GAP / 2, bottom - NAME_GAP / 2);
    for (int i = 0; i < places.length; i++) {
      Series each = fromTop.get(i);
      double end = x(last(each).x());
      if (right - end > 1 || Math.abs(places[i] - wanted[i]) > 3) {
        double from = Math.max(end + 6, right - (right - end) + 6);
        elements.add(
            new SvgPath()
                .moveTo(from, wanted[i])
                .lineTo(Math.max(from, right), wanted[i])
                .lineTo(right + LEADER, places[i])
                .element()
                .stroke(each.ink())
                .with("stroke-width", 1)
                .with("stroke-opacity", 0.45));
      }
      elements.add(
          SvgElement.text(right + LEADER + 3, places[i] + NAME * 0.36, NAME, each.name())
              .fill(each.ink()));
    }
  }

  private static Series.Point last(Series of) {
    List<Series.Point> points = of.present();
    return points.get(points.size() - 1);
  }

  private void drawLegend() {
    double y = plan.height() + NAME - EDGE / 2;
    for (Legend.Row row : legendRows) {
      for (Legend.Entry entry : row.entries()) {
        double from = left + entry.x();
        Series each = entry.series();
        if (each.kind() != Series.Kind.POINTS) {
          elements.add(
              each.dashed(
                  SvgElement.line(from, y - 4, from + SWATCH - 6, y - 4)
                      .stroke(each.ink())
                      .with("stroke-width", 2)));
        }
        if (each.marker() != Marker.NONE) {
          elements.add(each.marker().at(from + (SWATCH - 6) / 2, y - 4, each.ink()));
        }
        elements.add(
            SvgElement.text(
                from + SWATCH,
                y,
                NAME,
                TextWidth.cut(each.name(), NAME, plan.width() - from - SWATCH)));
      }
      y += LEGEND_ROW;
    }
  }

  private void drawWatermark() {
    if (plan.watermark().isEmpty()) {
      return;
    }
    double middle = plan.width() / 2;
    double size = Math.min(40, 0.75 * plan.width() / TextWidth.of(plan.watermark(), 1.12));
    elements.add(
        SvgElement.text(0, size / 3, size, plan.watermark())
            .with(
                "transform",
                "translate("
                    + Numbers.plain("x", middle)
                    + " "
                    + Numbers.plain("y", (top + bottom) / 2)
                    + ") rotate("
                    + Numbers.plain("angle", DEGREES)
                    + ")")
            .with("text-anchor", "middle")
            .with("font-weight", "bold")
            .with("opacity", 0.6)
            .fill(Ink.WARNING));
  }

  private String description() {
    if (!plan.description().isEmpty()) {
      return plan.description();
    }
    StringBuilder words = new StringBuilder(plan.watermark());
    words.append(plan.watermark().isEmpty() ? "" : ". ");
    words.append(plan.yLabel().isEmpty() ? "Values" : plan.yLabel());
    words.append(plan.xLabel().isEmpty() ? "" : " over " + plan.xLabel()).append('.');
    for (Series each : named) {
      List<Series.Point> points = each.present();
      words.append(' ').append(each.name()).append(": ").append(points.size());
      words.append(points.size() == 1 ? " point, " : " points, from ");
      words.append(TickLabels.rounded(points.get(0).y()));
      if (points.size() > 1) {
        words.append(" to ").append(TickLabels.rounded(last(each).y()));
      }
      words.append('.');
    }
    return words.toString();
  }
}
