package dev.sequor.data;

import java.io.IOException;
import java.io.StringReader;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Locale;
import org.apache.commons.csv.CSVFormat;
import org.apache.commons.csv.CSVParser;
import org.apache.commons.csv.CSVRecord;

/**
 * A file of comma-separated values: UTF-8, a header line with the names of the columns, then rows
 * of as many cells. A cell may stand in double quotes, and then hold separators, line breaks and
 * doubled quotes (RFC 4180). Lines end in LF, CR LF or CR; blanks around a cell are left out, and
 * so are blank lines at the end of the file.
 *
 * @param file where it lies
 * @param separator what stands between cells
 */
public record CsvFile(Path file, char separator) {
  /**
   * Checks the separator.
   *
   * @throws IllegalArgumentException if it may be part of a number, of a quoted cell or of the end
   *     of a line
   */
  public CsvFile {
    requireSeparator(separator);
  }

  private static void requireSeparator(char separator) {
    if (Character.isLetterOrDigit(separator)
        || (Character.isISOControl(separator) && separator != '\t')
        || Character.isSurrogate(separator)
        || "+-.\" ".indexOf(separator) >= 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "the separator is %s; needed a comma, semicolon, tab or another sign that is in no"
                  + " number",
              Character.isISOControl(separator)
                  ? String.format(Locale.ROOT, "U+%04X", (int) separator)
                  : "'" + separator + "'"));
    }
  }

  /** With commas. */
  public static CsvFile of(Path file) {
    return new CsvFile(file, ',');
  }

  /** The same with another separator. */
  public CsvFile withSeparator(char separator) {
    return new CsvFile(file, separator);
  }

  /**
   * Reads it.
   *
   * @throws IllegalArgumentException if the file is missing, unreadable, larger than the heap has
   *     room for, or not UTF-8; if its first line is no header, names a column twice or not at all;
   *     if a row has too many or too few cells, or quotes that do not fit; or if there are no rows;
   *     names the file, its line and what was needed
   */
  public Table read() {
    String text = TextFile.read(file);
    try {
      return parse(file.toString(), text, separator);
    } catch (OutOfMemoryError e) {
      throw new IllegalArgumentException(
          file
              + ": a table of "
              + text.length()
              + " characters is more than Java's heap holds (more by -Xmx)",
          e);
    }
  }

  /**
   * The table that {@code text} is.
   *
   * @param source what the text is, for messages
   * @throws IllegalArgumentException as {@link #read()}
   */
  public static Table parse(String source, String text, char separator) {
    requireSeparator(separator);
    CSVFormat format =
        CSVFormat.DEFAULT
            .builder()
            .setDelimiter(separator)
            .setIgnoreEmptyLines(false)
            .setIgnoreSurroundingSpaces(true)
            .get();
    try (CSVParser parser =
        CSVParser.builder().setReader(new StringReader(text)).setFormat(format).get()) {
      return read(source, parser);
    } catch (IOException e) {
      throw new IllegalArgumentException(source + ": " + e.getMessage(), e);
    }
  }

  private static Table read(String source, CSVParser parser) {
    Iterator<CSVRecord> records = parser.iterator();
    Table.Builder table = null;
    Deque<Long> blankLines = new ArrayDeque<>();
    while (true) {
      long line = parser.getCurrentLineNumber() + 1;
      CSVRecord row;
      try {
        if (!records.hasNext()) {
          break;
        }
        row = records.next();
      } catch (UncheckedIOException e) {
        throw new IllegalArgumentException(
            source
                + ": line "
                + line
                + ": a quoted cell that begins here is not closed, or something follows its closing"
                + " quote; needed a separator or the end of the line there, and quotes inside a"
                + " cell doubled",
            e);
      }
      if (table == null) {
        table = new Table.Builder(source, row.toList());
      } else if (row.size() == 1 && row.get(0).isBlank()) {
        blankLines.add(line);
      } else {
        // Not at the end of the file, so they are rows: of a table of one column right ones.
        while (!blankLines.isEmpty()) {
          table.row(blankLines.remove(), "");
        }
        table.row(line, row.values());
      }
    }
    if (table == null) {
      throw new IllegalArgumentException(source + ": empty; needed a header line and rows");
    }
    return table.build();
  }
}
