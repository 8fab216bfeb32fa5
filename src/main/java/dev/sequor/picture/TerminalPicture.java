package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/**
 * A session in a terminal, as text that can be selected. Lines that begin with {@code "$ "} are
 * what was typed. Of escape sequences, those for colours and bold are followed, all others are left
 * out; of a line that was written again after a carriage return, the last state is shown.
 */
public final class TerminalPicture {
  private static final double SIZE = 13;
  private static final double LINE_HEIGHT = 18;

  /** Of a character of DejaVu Sans Mono; the picture has other fonts keep to it. */
  private static final double CELL = 0.602 * SIZE;

  private static final double MARGIN = 14;
  private static final double BAR = 30;
  private static final double BUTTON = 5;
  private static final String FONT = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";
  private static final String PROMPT = "$ ";
  private static final int LEAST_COLUMNS = 20;

  private TerminalPicture() {}

  /**
   * The picture.
   *
   * @param title of the window
   * @param columns characters in a line; longer lines go on in the next
   * @throws IllegalArgumentException if {@code columns} is less than 20
   */
  public static Svg of(String title, List<String> lines, int columns) {
    Required.present("title", title);
    if (columns < LEAST_COLUMNS) {
      throw new IllegalArgumentException("columns is " + columns + "; needed at least 20");
    }
    List<TerminalLine> rows = new ArrayList<>();
    for (String line : Required.present("lines", lines)) {
      rows.addAll(TerminalLine.of(line, PROMPT).wrap(columns));
    }
    double width = 2 * MARGIN + columns * CELL;
    double height = BAR + 2 * MARGIN + rows.size() * LINE_HEIGHT - 4;
    List<SvgElement> elements = new ArrayList<>();
    elements.add(
        SvgElement.rect(0.5, 0.5, width - 1, height - 1)
            .with("rx", 9)
            .fill(Ink.BOX)
            .stroke(Ink.GRID));
    elements.add(SvgElement.line(0.5, BAR, width - 0.5, BAR).stroke(Ink.GRID));
    for (int i = 0; i < 3; i++) {
      elements.add(
          SvgElement.of("circle")
              .with("cx", MARGIN + BUTTON + i * 17)
              .with("cy", BAR / 2)
              .with("r", BUTTON)
              .with("fill", "none")
              .stroke(Ink.FAINT));
    }
    elements.add(
        SvgElement.text(
                width / 2,
                BAR / 2 + 4.5,
                SIZE,
                TextWidth.cut(title, SIZE, Math.max(0, width - 2 * MARGIN - 120)))
            .fill(Ink.FAINT)
            .with("text-anchor", "middle"));
    SvgElement text = SvgElement.of("g").with("font-family", FONT);
    double y = BAR + MARGIN + SIZE - 1;
    for (TerminalLine row : rows) {
      for (TerminalLine.Run run : row.runs()) {
        text.add(draw(run, y));
      }
      y += LINE_HEIGHT;
    }
    elements.add(text);
    return new Svg(width, height, title, description(rows), elements);
  }

  private static SvgElement draw(TerminalLine.Run run, double y) {
    SvgElement words =
        SvgElement.text(MARGIN + run.column() * CELL, y, SIZE, run.words())
            .fill(run.style().ink())
            .with("textLength", run.columns() * CELL)
            .with("lengthAdjust", "spacingAndGlyphs");
    return run.style().bold() ? words.with("font-weight", "bold") : words;
  }

  private static String description(List<TerminalLine> rows) {
    List<String> typed =
        rows.stream().map(TerminalLine::words).filter(line -> line.startsWith(PROMPT)).toList();
    return "A terminal of " + rows.size() + " lines: " + String.join("; ", typed);
  }
}
