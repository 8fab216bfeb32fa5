package dev.sequor.data;

import dev.sequor.backend.Sha256;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Rows of cells under named columns, as they stand in a file: text, of which a column is read as
 * numbers when somebody asks for that. What is wrong with a cell is said with the file, the line
 * and the name of the column.
 */
public final class Table {
  /** So much of a cell is quoted in messages. */
  private static final int QUOTED_CHARACTERS = 40;

  private final String source;
  private final Map<String, Integer> columns;

  /** All cells one after the other, row by row. */
  private final String cells;

  /** Where each cell ends in {@link #cells}; it begins where the one before it ends. */
  private final int[] ends;

  /** The line of the file in which each row begins. */
  private final long[] lines;

  private Table(
      String source, Map<String, Integer> columns, String cells, int[] ends, long[] lines) {
    this.source = source;
    this.columns = columns;
    this.cells = cells;
    this.ends = ends;
    this.lines = lines;
  }

  /**
   * The yearly mean sunspot numbers of 1700 to 2008, columns {@code year} and {@code sunspots}: 309
   * rows. Source: WDC-SILSO, Royal Observatory of Belgium, Brussels (the international sunspot
   * number, version 1), as tabulated by NOAA's National Geophysical Data Center.
   */
  public static Table sunspots() {
    String name = "sunspots.csv";
    try (InputStream in = Objects.requireNonNull(Table.class.getResourceAsStream(name), name)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      int header = 0;
      while (text.startsWith("#", header)) { // where the numbers come from
        header = text.indexOf('\n', header) + 1;
      }
      return CsvFile.parse(name, text.substring(header), ',');
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * A table of numbers.
   *
   * @param source what they are, for messages; the first row is its line 2
   * @param columns the values of each column, all as many
   * @throws IllegalArgumentException if there are no columns or rows, or not as many values in each
   */
  public static Table ofNumbers(String source, Map<String, double[]> columns) {
    Map<String, double[]> copy = new LinkedHashMap<>(columns);
    Builder table = new Builder(source, List.copyOf(copy.keySet()));
    int rows = copy.values().iterator().next().length;
    copy.forEach(
        (name, values) -> {
          if (values.length != rows) {
            throw new IllegalArgumentException(
                source
                    + ": column '"
                    + name
                    + "' has "
                    + values.length
                    + " values; the first column has "
                    + rows);
          }
        });
    for (int row = 0; row < rows; row++) {
      int at = row;
      table.row(
          row + 2L,
          copy.values().stream().map(values -> Double.toString(values[at])).toArray(String[]::new));
    }
    return table.build();
  }

  /** What it was read from. */
  public String source() {
    return source;
  }

  /** The names of the columns, in the order of the file. */
  public List<String> columns() {
    return List.copyOf(columns.keySet());
  }

  /** How many rows there are below the header, at least 1. */
  public int rows() {
    return lines.length;
  }

  /** Whether there is a column of that name. */
  public boolean has(String column) {
    return columns.containsKey(column);
  }

  /** The line of the file, 1 for its first, in which a row begins. */
  public long line(int row) {
    return lines[row];
  }

  /**
   * A cell, without blanks around it.
   *
   * @param row 0 for the first
   * @throws IllegalArgumentException if there is no such column; names those there are
   */
  public String cell(int row, String column) {
    return cell(row, index(column));
  }

  String cell(int row, int column) {
    int cell = Math.addExact(Math.multiplyExact(row, columns.size()), column);
    return cells.substring(cell == 0 ? 0 : ends[cell - 1], ends[cell]);
  }

  /**
   * A number: digits with a decimal point, perhaps a sign and an exponent, whatever the locale.
   *
   * @throws IllegalArgumentException if there is no such column, or the cell is no finite number
   */
  public double number(int row, String column) {
    return number(row, index(column));
  }

  double number(int row, int column) {
    String cell = cell(row, column);
    if (cell.isEmpty()) {
      throw fault(row, column, "the cell is empty; needed a number");
    }
    double value = parsed(cell);
    if (Double.isNaN(value)) {
      throw fault(
          row,
          column,
          "the cell holds " + quoted(cell) + "; needed a number (digits with a decimal point)");
    }
    if (Double.isInfinite(value)) {
      throw fault(
          row,
          column,
          "the cell holds " + quoted(cell) + "; needed a number of at most " + Double.MAX_VALUE);
    }
    return value;
  }

  /** NaN for what is no number; infinite for one that is too large. */
  private static double parsed(String cell) {
    for (int i = 0; i < cell.length(); i++) {
      // What Java reads besides: NaN, Infinity, hexadecimal digits, and letters for the type.
      if ("0123456789+-.eE".indexOf(cell.charAt(i)) < 0) {
        return Double.NaN;
      }
    }
    try {
      return Double.parseDouble(cell);
    } catch (NumberFormatException e) {
      return Double.NaN;
    }
  }

  boolean isEmpty(int row, int column) {
    int cell = row * columns.size() + column;
    return (cell == 0 ? 0 : ends[cell - 1]) == ends[cell];
  }

  /**
   * Where a column is, 0 for the first.
   *
   * @throws IllegalArgumentException if there is none of that name; names those there are
   */
  int index(String column) {
    Integer index = columns.get(column);
    if (index == null) {
      throw new IllegalArgumentException(
          source
              + ": no column '"
              + column
              + "'; there "
              + (columns.size() == 1 ? "is " : "are ")
              + shortened(String.join(", ", columns.keySet()), 10 * QUOTED_CHARACTERS));
    }
    return index;
  }

  /** A cell that is refused. */
  IllegalArgumentException fault(int row, int column, String words) {
    return new IllegalArgumentException(
        source
            + ": line "
            + lines[row]
            + ", column '"
            + shortened(columns().get(column), QUOTED_CHARACTERS)
            + "': "
            + words);
  }

  /** A text of a cell for a message, cut if it is long. */
  static String quoted(String cell) {
    return cell.length() <= QUOTED_CHARACTERS
        ? "'" + cell + "'"
        : "'" + shortened(cell, QUOTED_CHARACTERS) + "' (" + cell.length() + " characters)";
  }

  private static String shortened(String text, int characters) {
    return text.length() <= characters ? text : text.substring(0, characters) + "…";
  }

  /** SHA-256 of names and cells, in hexadecimal: two tables with the same hold the same. */
  public String fingerprint() {
    MessageDigest digest = Sha256.digest();
    for (String column : columns()) {
      digest.update(column.getBytes(StandardCharsets.UTF_8));
      digest.update((byte) 0);
    }
    int begin = 0;
    for (int end : ends) {
      digest.update((byte) 0);
      digest.update(cells.substring(begin, end).getBytes(StandardCharsets.UTF_8));
      begin = end;
    }
    return Sha256.hex(digest);
  }

  @Override
  public String toString() {
    return source + ": " + rows() + " rows of " + columns();
  }

  /** Collects rows. */
  static final class Builder {
    private static final int FIRST_ROWS = 64;

    private final String source;
    private final Map<String, Integer> columns = new LinkedHashMap<>();
    private final StringBuilder cells = new StringBuilder();
    private int[] ends;
    private long[] lines = new long[FIRST_ROWS];
    private int rows;

    /** With the names of a header, which are checked. */
    Builder(String source, List<String> names) {
      this.source = source;
      if (names.isEmpty()) {
        throw new IllegalArgumentException(source + ": no columns; needed at least 1");
      }
      Map<String, Integer> seen = new HashMap<>();
      boolean numbers = true;
      for (int i = 0; i < names.size(); i++) {
        String name = names.get(i).strip();
        if (name.isEmpty()) {
          throw new IllegalArgumentException(
              source + ": line 1: column " + (i + 1) + " has no name; needed a name for each");
        }
        Integer earlier = seen.putIfAbsent(name, i);
        if (earlier != null) {
          throw new IllegalArgumentException(
              source
                  + ": line 1: columns "
                  + (earlier + 1)
                  + " and "
                  + (i + 1)
                  + " are both called "
                  + quoted(name)
                  + "; needed names that differ");
        }
        numbers &= !Double.isNaN(parsed(name));
        columns.put(name, i);
      }
      if (numbers) {
        throw new IllegalArgumentException(
            source + ": line 1: holds numbers only; needed a header with the names of the columns");
      }
      ends = new int[Math.multiplyExact(FIRST_ROWS, names.size())];
    }

    /** Adds a row that begins in {@code line}. */
    void row(long line, String... values) {
      int width = columns.size();
      if (values.length != width) {
        throw new IllegalArgumentException(
            source
                + ": line "
                + line
                + ": "
                + (values.length == 1 && values[0].isBlank()
                    ? "blank"
                    : values.length + (values.length == 1 ? " cell" : " cells"))
                + "; the header has "
                + width
                + (width == 1 ? " column" : " columns"));
      }
      if (rows == lines.length) {
        lines = Arrays.copyOf(lines, Math.multiplyExact(rows, 2));
        ends = Arrays.copyOf(ends, Math.multiplyExact(ends.length, 2));
      }
      for (int i = 0; i < width; i++) {
        cells.append(values[i].strip());
        ends[rows * width + i] = cells.length();
      }
      lines[rows] = line;
      rows++;
    }

    Table build() {
      if (rows == 0) {
        throw new IllegalArgumentException(source + ": no rows below the header; needed some");
      }
      return new Table(
          source,
          columns,
          cells.toString(),
          Arrays.copyOf(ends, rows * columns.size()),
          Arrays.copyOf(lines, rows));
    }
  }
}
