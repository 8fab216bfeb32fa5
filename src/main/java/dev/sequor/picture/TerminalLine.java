package dev.sequor.picture;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A line of a terminal, character by character.
 *
 * @param cells from the left
 */
record TerminalLine(List<Cell> cells) {
  /** What escape sequences there are: those with parameters, of the window, and short ones. */
  private static final Pattern ESCAPE =
      Pattern.compile(
          "\\x1b(?:\\[([0-9;:?<=>]*)[ -/]*([@-~])|\\][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)|[ -/]*[0-~])");

  private static final int TAB = 8;
  private static final Style PLAIN = new Style(Ink.TEXT, false);

  /** How characters look. */
  record Style(Ink ink, boolean bold) {}

  /**
   * A character, with the marks that stand on it.
   *
   * @param columns 1, or 2 of a wide one
   */
  record Cell(String character, int columns, Style style) {}

  /** Characters of one look beside each other, without two blanks in a row. */
  record Run(int column, int columns, String words, Style style) {}

  TerminalLine {
    cells = List.copyOf(cells);
  }

  /** Reads a line as a terminal does; what follows {@code prompt} was typed. */
  static TerminalLine of(String line, String prompt) {
    boolean typed = line.startsWith(prompt);
    List<Cell> cells = new ArrayList<>();
    Style style = typed ? new Style(Ink.FAINT, false) : PLAIN;
    Matcher escape = ESCAPE.matcher(line);
    int at = 0;
    int written = 0; // where the next character goes
    while (at < line.length()) {
      if (escape.find(at) && escape.start() == at) {
        if ("m".equals(escape.group(2))) {
          style = styled(style, escape.group(1));
        }
        at = escape.end();
        continue;
      }
      int character = line.codePointAt(at);
      at += Character.charCount(character);
      if (typed && at == prompt.length() + 1) {
        style = new Style(Ink.TEXT, true);
      }
      if (character == '\r') {
        written = 0;
      } else if (character == '\t') {
        int end = (columns(cells.subList(0, written)) / TAB + 1) * TAB;
        while (columns(cells.subList(0, written)) < end) {
          written = put(cells, written, new Cell(" ", 1, style));
        }
      } else if (isMark(character)) {
        if (written > 0) {
          Cell marked = cells.get(written - 1);
          String with = marked.character() + Character.toString(character);
          cells.set(written - 1, new Cell(with, marked.columns(), marked.style()));
        }
      } else if (!Character.isISOControl(character)) {
        int wide = isWide(character) ? 2 : 1;
        written = put(cells, written, new Cell(Character.toString(character), wide, style));
      }
    }
    return new TerminalLine(cells);
  }

  private static int put(List<Cell> cells, int at, Cell cell) {
    if (at < cells.size()) {
      cells.set(at, cell);
    } else {
      cells.add(cell);
    }
    return at + 1;
  }

  private static int columns(List<Cell> cells) {
    return cells.stream().mapToInt(Cell::columns).sum();
  }

  /** ECMA-48, "select graphic rendition"; of colours, the eight that have names. */
  private static Style styled(Style before, String parameters) {
    Style style = before;
    String[] codes = parameters.split(";", -1);
    for (int i = 0; i < codes.length; i++) {
      String code = codes[i];
      if (code.equals("38") || code.equals("48")) {
        i += i + 1 < codes.length && codes[i + 1].equals("5") ? 2 : 4; // a colour by numbers
        continue;
      }
      style =
          switch (code) {
            case "", "0" -> PLAIN;
            case "1" -> new Style(style.ink(), true);
            case "22" -> new Style(style.ink(), false);
            case "2", "90" -> new Style(Ink.FAINT, style.bold());
            case "31", "91" -> new Style(Ink.WARNING, style.bold());
            case "32", "92" -> new Style(Ink.SERIES_3, style.bold());
            case "33", "93" -> new Style(Ink.SERIES_5, style.bold());
            case "34", "94" -> new Style(Ink.SERIES_1, style.bold());
            case "35", "95" -> new Style(Ink.SERIES_4, style.bold());
            case "36", "96" -> new Style(Ink.LINK, style.bold());
            case "30", "37", "39", "97" -> new Style(Ink.TEXT, style.bold());
            default -> style;
          };
    }
    return style;
  }

  private static boolean isMark(int character) {
    int type = Character.getType(character);
    return type == Character.NON_SPACING_MARK
        || type == Character.ENCLOSING_MARK
        || type == Character.FORMAT;
  }

  /** Those of two columns: scripts of East Asia, full-width forms, emoji. */
  private static boolean isWide(int character) {
    return (character >= 0x1100 && character <= 0x115F)
        || (character >= 0x2E80 && character <= 0xA4CF && character != 0x303F)
        || (character >= 0xAC00 && character <= 0xD7A3)
        || (character >= 0xF900 && character <= 0xFAFF)
        || (character >= 0xFE30 && character <= 0xFE6F)
        || (character >= 0xFF00 && character <= 0xFF60)
        || (character >= 0xFFE0 && character <= 0xFFE6)
        || (character >= 0x1F300 && character <= 0x1F64F)
        || (character >= 0x1F900 && character <= 0x1F9FF)
        || (character >= 0x20000 && character <= 0x3FFFD);
  }

  /** Rows of at most so many columns; one at least. */
  List<TerminalLine> wrap(int most) {
    List<TerminalLine> rows = new ArrayList<>();
    List<Cell> row = new ArrayList<>();
    int columns = 0;
    for (Cell cell : cells) {
      if (columns + cell.columns() > most) {
        rows.add(new TerminalLine(row));
        row = new ArrayList<>();
        columns = 0;
      }
      row.add(cell);
      columns += cell.columns();
    }
    rows.add(new TerminalLine(row));
    return rows;
  }

  String words() {
    StringBuilder words = new StringBuilder();
    cells.forEach(cell -> words.append(cell.character()));
    return words.toString();
  }

  /** In pieces that keep their place: blanks in a row are one in SVG. */
  List<Run> runs() {
    List<Run> runs = new ArrayList<>();
    StringBuilder words = new StringBuilder();
    int begin = 0;
    int column = 0;
    for (int i = 0; i < cells.size(); i++) {
      Cell cell = cells.get(i);
      boolean isBlank = cell.character().equals(" ");
      boolean nextIsBlank = i + 1 >= cells.size() || cells.get(i + 1).character().equals(" ");
      boolean ends = isBlank && (words.isEmpty() || nextIsBlank);
      if (ends || (!words.isEmpty() && !cell.style().equals(cells.get(i - 1).style()))) {
        if (!words.isEmpty()) {
          runs.add(run(begin, words, cells.get(i - 1).style(), column));
          words.setLength(0);
        }
      }
      if (!ends && !(isBlank && words.isEmpty())) {
        if (words.isEmpty()) {
          begin = column;
        }
        words.append(cell.character());
      }
      column += cell.columns();
    }
    if (!words.isEmpty()) {
      runs.add(run(begin, words, cells.get(cells.size() - 1).style(), column));
    }
    return runs;
  }

  private static Run run(int begin, StringBuilder words, Style style, int end) {
    String text = words.toString();
    int blank = text.endsWith(" ") ? 1 : 0;
    return new Run(begin, end - begin - blank, text.stripTrailing(), style);
  }
}
