package dev.sequor.picture;

import java.math.BigDecimal;
import java.util.List;

/**
 * What colours stand for: a bar of all of them, with numbers.
 *
 * @param scale the colours
 * @param ends the numbers that their ends stand for
 * @param unit what the numbers are in; may be empty
 */
record ColourLegend(ColourScale scale, Axis ends, String unit) {
  private static final double LABEL = 12;
  private static final double TICK = 12;
  private static final double LINE_HEIGHT = 1.3;
  private static final double HEIGHT = 12;

  /** How wide the bar is where there is room. */
  static final double WIDEST = 260;

  private static final int STEPS = 60;

  /**
   * Draws it.
   *
   * @param left its left edge
   * @param y its upper edge
   * @param room how wide it may be at most
   * @return its lower edge
   */
  double draw(List<SvgElement> elements, double left, double y, double room) {
    double width = Math.min(WIDEST, room - 20);
    double step = width / STEPS;
    SvgElement colours = SvgElement.of("g").with("shape-rendering", "crispEdges");
    for (int i = 0; i < STEPS; i++) {
      colours.add(
          SvgElement.rect(left + i * step, y, step + 0.3, HEIGHT)
              .with("fill", scale.at((i + 0.5) / STEPS).hex()));
    }
    elements.add(colours);
    List<BigDecimal> ticks = ends.ticks();
    List<String> labels = ends.labels();
    double end = Double.NEGATIVE_INFINITY;
    for (int i = 0; i < ticks.size(); i++) {
      double x = left + width * ends.at(ticks.get(i).doubleValue());
      elements.add(SvgElement.line(x, y + HEIGHT, x, y + HEIGHT + 3).stroke(Ink.FAINT));
      double half = TextWidth.of(labels.get(i), TICK) / 2;
      if (x - half >= end) {
        elements.add(
            SvgElement.text(x, y + HEIGHT + TICK + 4, TICK, labels.get(i))
                .fill(Ink.FAINT)
                .with("text-anchor", "middle"));
        end = x + half + 6;
      }
    }
    double bottom = y + HEIGHT + TICK + 6;
    if (!unit.isEmpty()) {
      bottom += LABEL * LINE_HEIGHT;
      elements.add(
          SvgElement.text(left, bottom - 1, LABEL, TextWidth.cut(unit, LABEL, room + 8))
              .fill(Ink.FAINT));
    }
    return bottom;
  }
}
