package dev.sequor.picture;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.DoubleStream;

/** Draws one heat map. */
final class HeatMapDrawing {
  /** What is drawn; {@code ends} are the numbers that the ends of the colours stand for. */
  record Plan(
      String title,
      ColourScale scale,
      double width,
      String rowsLabel,
      String columnsLabel,
      List<String> rows,
      List<String> columns,
      String unit,
      Axis ends,
      boolean numbers) {}

  private static final double TITLE = 15;
  private static final double LABEL = 12;
  private static final double TICK = 12;
  private static final double NUMBER = 12;
  private static final double LINE_HEIGHT = 1.3;
  private static final double EDGE = 8;
  private static final double WIDEST_NAMES = 0.34;
  private static final double TALLEST_CELL = 26;
  private static final double SHORTEST_CELL = 2;
  private static final double WIDEST_CELL = 64;
  private static final int MOST_TITLES = 4000;

  private final Plan plan;
  private final double[][] values;
  private final List<SvgElement> elements = new ArrayList<>();
  private final List<String> titleLines;
  private final double left;
  private final double top;
  private final boolean whole;
  private final double cellWidth;
  private final double cellHeight;

  /**
   * A drawing of these numbers.
   *
   * @param values [rows][columns]
   */
  HeatMapDrawing(Plan plan, double[][] values) {
    this.plan = plan;
    this.values = values;
    whole = present().allMatch(value -> value == Math.rint(value));
    titleLines = TextWidth.wrap(plan.title(), TITLE * TextWidth.BOLD, plan.width() - 2 * EDGE, 3);
    double widest =
        plan.rows().stream().mapToDouble(name -> TextWidth.of(name, TICK)).max().orElse(0);
    left = EDGE + Math.min(widest, plan.width() * WIDEST_NAMES) + 6;
    top =
        EDGE
            + titleLines.size() * TITLE * LINE_HEIGHT
            + (plan.rowsLabel().isEmpty() ? 4 : LABEL * LINE_HEIGHT + 6);
    cellWidth = Math.min(WIDEST_CELL, (plan.width() - left - EDGE) / plan.columns().size());
    cellHeight =
        Math.max(SHORTEST_CELL, Math.min(TALLEST_CELL, 1.2 * plan.width() / plan.rows().size()));
  }

  private double right() {
    return left + cellWidth * plan.columns().size();
  }

  private double bottom() {
    return top + cellHeight * plan.rows().size();
  }

  Svg svg() {
    for (int i = 0; i < titleLines.size(); i++) {
      elements.add(
          SvgElement.text(EDGE, EDGE + TITLE + i * TITLE * LINE_HEIGHT, TITLE, titleLines.get(i))
              .with("font-weight", "bold"));
    }
    if (!plan.rowsLabel().isEmpty()) {
      elements.add(SvgElement.text(EDGE, top - 8, LABEL, plan.rowsLabel()).fill(Ink.FAINT));
    }
    drawCells();
    drawRowNames();
    double y = drawColumnNames();
    if (!plan.columnsLabel().isEmpty()) {
      y += LABEL * LINE_HEIGHT;
      elements.add(
          SvgElement.text((left + right()) / 2, y, LABEL, plan.columnsLabel())
              .fill(Ink.FAINT)
              .with("text-anchor", "middle"));
    }
    y = drawLegend(y + 14);
    return new Svg(plan.width(), y + EDGE, plan.title(), description(), elements);
  }

  private void drawCells() {
    boolean numbered = plan.numbers() && haveRoom();
    boolean titled = plan.rows().size() * plan.columns().size() <= MOST_TITLES;
    // Without this, some programs let the page shine through between cells.
    SvgElement cells =
        SvgElement.of("g").with("data-series", plan.title()).with("shape-rendering", "crispEdges");
    SvgElement numbers = SvgElement.of("g");
    for (int row = 0; row < plan.rows().size(); row++) {
      for (int column = 0; column < plan.columns().size(); column++) {
        double value = values[row][column];
        SvgElement cell =
            SvgElement.rect(
                left + column * cellWidth, top + row * cellHeight, cellWidth, cellHeight);
        boolean there = !Double.isNaN(value);
        if (there) {
          cell.with("fill", colour(value).hex());
        } else {
          cell.fill(Ink.PAGE);
        }
        if (titled) {
          String number = there ? TickLabels.rounded(value) + unit() : "no value";
          cell.titled(plan.rows().get(row) + ", " + plan.columns().get(column) + ": " + number);
        }
        cells.add(cell);
        if (!there) {
          double x = left + column * cellWidth;
          double y = top + row * cellHeight;
          cells.add(
              SvgElement.line(x, y + cellHeight, x + cellWidth, y)
                  .stroke(Ink.FAINT)
                  .with("stroke-width", 1));
        }
        if (numbered && there) {
          numbers.add(
              SvgElement.text(
                      left + (column + 0.5) * cellWidth,
                      top + (row + 0.5) * cellHeight + NUMBER * 0.36,
                      NUMBER,
                      number(value))
                  .with("text-anchor", "middle")
                  .with("pointer-events", "none")
                  .onColour(colour(value)));
        }
      }
    }
    elements.add(cells);
    elements.add(numbers);
  }

  private String unit() {
    return plan.unit().isEmpty() ? "" : " " + plan.unit();
  }

  /** Whether each cell has room for its number. */
  private boolean haveRoom() {
    double widest = present().map(value -> TextWidth.of(number(value), NUMBER)).max().orElse(0);
    return cellHeight >= NUMBER + 2 && cellWidth >= widest + 4;
  }

  private DoubleStream present() {
    return Arrays.stream(values)
        .flatMapToDouble(Arrays::stream)
        .filter(value -> !Double.isNaN(value));
  }

  /** All with two decimals, or none if all are whole. */
  private String number(double value) {
    return String.format(Locale.ROOT, whole ? "%,.0f" : "%,.2f", value).replace('-', '−');
  }

  private Rgb colour(double value) {
    return plan.scale().at(plan.ends().at(value));
  }

  private void drawRowNames() {
    int every = (int) Math.ceil(TICK * 1.15 / cellHeight);
    for (int row = 0; row < plan.rows().size(); row += every) {
      elements.add(
          SvgElement.text(
                  left - 5,
                  top + (row + 0.5) * cellHeight + TICK * 0.36,
                  TICK,
                  TextWidth.cut(plan.rows().get(row), TICK, plan.width() * WIDEST_NAMES))
              .fill(Ink.FAINT)
              .with("text-anchor", "end"));
    }
  }

  /**
   * Beside each other where all, or every so-manieth of at least five, have room; else upright.
   *
   * @return how far down they reach
   */
  private double drawColumnNames() {
    double widest =
        plan.columns().stream().mapToDouble(name -> TextWidth.of(name, TICK)).max().orElse(0);
    int every = (int) Math.ceil((widest + 5) / cellWidth);
    int count = plan.columns().size();
    if (every == 1 || count / every >= 5) {
      for (int column = 0; column < count; column += every) {
        elements.add(
            SvgElement.text(
                    left + (column + 0.5) * cellWidth,
                    bottom() + TICK + 4,
                    TICK,
                    plan.columns().get(column))
                .fill(Ink.FAINT)
                .with("text-anchor", "middle"));
      }
      return bottom() + TICK + 6;
    }
    double longest = Math.min(widest, plan.width() * WIDEST_NAMES);
    every = (int) Math.ceil(TICK * 1.15 / cellWidth);
    for (int column = 0; column < count; column += every) {
      double x = left + (column + 0.5) * cellWidth + TICK * 0.36;
      elements.add(
          SvgElement.text(0, 0, TICK, TextWidth.cut(plan.columns().get(column), TICK, longest))
              .fill(Ink.FAINT)
              .with(
                  "transform",
                  "translate("
                      + Numbers.plain("x", x)
                      + " "
                      + Numbers.plain("y", bottom() + 5)
                      + ") rotate(-90)")
              .with("text-anchor", "end"));
    }
    return bottom() + 5 + longest;
  }

  private double drawLegend(double y) {
    return new ColourLegend(plan.scale(), plan.ends(), plan.unit())
        .draw(elements, left, y, plan.width() - left - EDGE);
  }

  private String description() {
    return plan.rows().size()
        + " rows and "
        + plan.columns().size()
        + " columns"
        + (plan.unit().isEmpty() ? "" : ", in " + plan.unit())
        + ". Colours reach from "
        + TickLabels.rounded(plan.ends().least())
        + " to "
        + TickLabels.rounded(plan.ends().most())
        + ".";
  }
}
