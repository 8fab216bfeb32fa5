package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/** Draws one annotated text, on a grid of columns that are a character wide. */
final class AnnotatedTextDrawing {
  private static final double TITLE = 15;
  private static final double LETTER = 13;
  private static final double NAME = 10.5;
  private static final double LINE_HEIGHT = 1.3;
  private static final double EDGE = 8;
  private static final double WIDEST_NAMES = 0.28;
  private static final double TEXT_HEIGHT = 19;
  private static final double ROW_HEIGHT = 13;
  private static final double BETWEEN_LINES = 9;

  /** A letter is six tenths as wide as high. */
  private static final double COLUMN = 0.64 * LETTER;

  private static final int MOST_TITLES = 4000;
  private static final String LINE_BREAK = "\n";

  private final String title;
  private final List<String> pieces;
  private final List<String> titles;
  private final Colours colours;
  private final Colours ofRows;
  private final List<Row> rows;
  private final double width;
  private final double left;
  private final List<SvgElement> elements = new ArrayList<>();

  /** What a number is as a colour, and those of the pieces; all of them, or none. */
  @SuppressWarnings("ArrayRecordComponent") // Copied before, and read by this class alone.
  record Colours(ColourScale scale, double least, double most, String unit, double[] values) {
    static final Colours NONE = new Colours(ColourScale.SEQUENTIAL, 0, 1, "", new double[0]);

    Colours {
      Required.present("scale", scale);
      Required.present("unit", unit);
      if (!(least < most) || Math.abs(least) > Axis.MOST_VALUE || most > Axis.MOST_VALUE) {
        throw new IllegalArgumentException(
            "the range is " + least + " to " + most + "; needed two numbers that rise");
      }
    }

    Rgb of(double value) {
      return scale.at((value - least) / (most - least));
    }

    ColourLegend legend() {
      return new ColourLegend(scale, Axis.of(AxisScale.LINEAR, least, most, false), unit);
    }
  }

  /** Numbers below the text. */
  @SuppressWarnings("ArrayRecordComponent")
  record Row(String name, double[] values) {}

  /** Where a piece stands. */
  private record Cell(int piece, int column, int columns) {}

  AnnotatedTextDrawing(
      String title,
      List<String> pieces,
      List<String> titles,
      Colours colours,
      Colours ofRows,
      List<Row> rows,
      double width) {
    this.title = title;
    this.pieces = pieces;
    this.titles = titles;
    this.colours = colours;
    this.ofRows = ofRows;
    this.rows = List.copyOf(rows);
    this.width = width;
    double widest =
        rows.stream().mapToDouble(row -> TextWidth.of(row.name(), NAME)).max().orElse(-6);
    this.left = EDGE + Math.min(widest, width * WIDEST_NAMES) + 6;
  }

  Svg svg() {
    double y = EDGE;
    for (String line : TextWidth.wrap(title, TITLE * TextWidth.BOLD, width - 2 * EDGE, 3)) {
      elements.add(SvgElement.text(EDGE, y + TITLE, TITLE, line).with("font-weight", "bold"));
      y += TITLE * LINE_HEIGHT;
    }
    y += 8;
    List<List<Cell>> lines = lines();
    for (List<Cell> line : lines) {
      draw(line, y);
      y += TEXT_HEIGHT + rows.size() * ROW_HEIGHT + BETWEEN_LINES;
    }
    double room = width - left - EDGE;
    if (colours.values().length > 0) {
      y = colours.legend().draw(elements, left, y + 4, room) + 8;
    }
    if (!rows.isEmpty()) {
      y = ofRows.legend().draw(elements, left, y + 4, room);
    }
    return new Svg(needed(lines), Math.ceil(y + EDGE), title, description(lines.size()), elements);
  }

  /** How wide it is: a short text leaves room that need not be shown. */
  private double needed(List<List<Cell>> lines) {
    double columns = 0;
    for (List<Cell> line : lines) {
      Cell last = line.get(line.size() - 1);
      columns = Math.max(columns, last.column() + last.columns());
    }
    double words = EDGE + TextWidth.of(title, TITLE * TextWidth.BOLD);
    double most = Math.max(words, left + Math.max(columns * COLUMN, ColourLegend.WIDEST + 20));
    return Math.min(width, Math.ceil(most + EDGE));
  }

  /** As many pieces in a line as there is room for; what follows a line break begins another. */
  private List<List<Cell>> lines() {
    int room = (int) ((width - left - EDGE) / COLUMN);
    List<List<Cell>> lines = new ArrayList<>();
    List<Cell> line = new ArrayList<>();
    int column = 0;
    for (int i = 0; i < pieces.size(); i++) {
      int columns = Math.min(room, columns(pieces.get(i)));
      boolean broken =
          i > 0 && pieces.get(i - 1).endsWith(LINE_BREAK) && !pieces.get(i).equals(LINE_BREAK);
      if (!line.isEmpty() && (broken || column + columns > room)) {
        lines.add(line);
        line = new ArrayList<>();
        column = 0;
      }
      line.add(new Cell(i, column, columns));
      column += columns;
    }
    lines.add(line);
    return lines;
  }

  /** At least one, that what has no letters can be seen. */
  private static int columns(String piece) {
    int columns = AnnotatedText.visible(piece).codePoints().map(TextWidth::columns).sum();
    return Math.max(1, columns);
  }

  private void draw(List<Cell> line, double y) {
    // Without this, some programs let the page shine through between cells.
    SvgElement cells = SvgElement.of("g").with("shape-rendering", "crispEdges");
    SvgElement letters =
        SvgElement.of("g").with("font-family", Svg.EVEN_FONT).with("pointer-events", "none");
    for (Cell cell : line) {
      drawPiece(cell, y, cells, letters);
      for (int row = 0; row < rows.size(); row++) {
        double value = rows.get(row).values()[cell.piece()];
        if (!Double.isNaN(value)) {
          SvgElement colour =
              rect(cell, y + TEXT_HEIGHT + row * ROW_HEIGHT, ROW_HEIGHT)
                  .with("fill", ofRows.of(value).hex());
          if ((long) pieces.size() * rows.size() <= MOST_TITLES) {
            colour.titled(
                rows.get(row).name()
                    + ", "
                    + AnnotatedText.visible(pieces.get(cell.piece()))
                    + ": "
                    + TickLabels.rounded(value));
          }
          cells.add(colour);
        }
      }
    }
    elements.add(cells);
    elements.add(letters);
    for (int row = 0; row < rows.size(); row++) {
      elements.add(
          SvgElement.text(
                  left - 5,
                  y + TEXT_HEIGHT + (row + 0.5) * ROW_HEIGHT + NAME * 0.36,
                  NAME,
                  TextWidth.cut(rows.get(row).name(), NAME, width * WIDEST_NAMES))
              .fill(Ink.FAINT)
              .with("text-anchor", "end"));
    }
  }

  private SvgElement rect(Cell cell, double y, double height) {
    return SvgElement.rect(left + cell.column() * COLUMN, y, cell.columns() * COLUMN, height);
  }

  private void drawPiece(Cell cell, double y, SvgElement cells, SvgElement letters) {
    double value = colours.values().length == 0 ? Double.NaN : colours.values()[cell.piece()];
    SvgElement place = rect(cell, y, TEXT_HEIGHT);
    if (Double.isNaN(value)) {
      place.fill(Ink.PAGE);
    } else {
      place.with("fill", colours.of(value).hex());
    }
    if (!titles.isEmpty()) {
      place.titled(titles.get(cell.piece()));
    }
    cells.add(place);
    String shown = AnnotatedText.visible(pieces.get(cell.piece()));
    String letter = shown.strip();
    if (letter.isEmpty()) {
      return;
    }
    // Blanks at the ends of a text element are left out.
    double middle = cell.column() + shown.indexOf(letter) + columns(letter) / 2.0;
    SvgElement text =
        SvgElement.text(left + middle * COLUMN, y + TEXT_HEIGHT / 2 + LETTER * 0.34, LETTER, letter)
            .with("text-anchor", "middle");
    letters.add(Double.isNaN(value) ? text : text.onColour(colours.of(value)));
  }

  private String description(int lines) {
    StringBuilder words = new StringBuilder();
    words.append(pieces.size()).append(" pieces of text in ").append(lines).append(" lines");
    if (colours.values().length > 0) {
      words.append(", on colours for ").append(colours.unit());
    }
    if (!rows.isEmpty()) {
      words.append("; below them ");
      words.append(String.join(", ", rows.stream().map(Row::name).toList()));
    }
    return words.append('.').toString();
  }
}
