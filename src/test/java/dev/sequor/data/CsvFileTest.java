package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CsvFileTest {
  @TempDir Path folder;

  private static Table table(String text) {
    return CsvFile.parse("t.csv", text, ',');
  }

  private static String refusal(Executable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static String refusal(String text) {
    return refusal(() -> table(text));
  }

  private Path file(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("t.csv"), bytes);
  }

  private Path file(String text) throws IOException {
    return file(text.getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void cellsStandUnderTheirNames() throws IOException {
    Table table = CsvFile.of(file("day,temperature,note\n1,-3.5,cold\n2,1e2,\n")).read();
    assertEquals(List.of("day", "temperature", "note"), table.columns());
    assertEquals(2, table.rows());
    assertEquals(-3.5, table.number(0, "temperature"));
    assertEquals(100, table.number(1, "temperature"));
    assertEquals("cold", table.cell(0, "note"));
    assertEquals("", table.cell(1, "note"));
    assertEquals(3, table.line(1));
  }

  @Test
  void quotedCellsHoldSeparatorsQuotesAndLineBreaks() {
    Table table = table("a,\"b,\"\"c\"\"\",d\r\n1,\"x\r\ny\nz\",2\r\n3, \"w\" ,4\r\n5,,x\r\n");
    assertEquals(List.of("a", "b,\"c\"", "d"), table.columns());
    assertEquals("x\r\ny\nz", table.cell(0, "b,\"c\""));
    assertEquals("w", table.cell(1, "b,\"c\""));
    assertEquals(2, table.line(0));
    assertEquals(5, table.line(1));
    assertEquals(
        "t.csv: line 6, column 'd': the cell holds 'x'; needed a number (digits with a decimal"
            + " point)",
        refusal(() -> table.number(2, "d")));
  }

  @ParameterizedTest
  @ValueSource(strings = {"\n", "\r\n", "\r"})
  void linesAreCountedWhateverEndsThem(String end) {
    Table table = table(String.join(end, "a,b", "1,\"2" + end + "\"", "3,4", "5,6", "", ""));
    assertEquals(3, table.rows());
    assertEquals(List.of(2L, 4L, 5L), List.of(table.line(0), table.line(1), table.line(2)));
  }

  @Test
  void aByteOrderMarkIsNoPartOfTheFirstName() throws IOException {
    assertEquals(List.of("a", "b"), CsvFile.of(file("\uFEFFa,b\n1,2")).read().columns());
  }

  @Test
  void aSeparatorMayBeAnother() throws IOException {
    Path file = file("a;b\tc;d,e\n1;2;3\n");
    Table table = CsvFile.of(file).withSeparator(';').read();
    assertEquals(List.of("a", "b\tc", "d,e"), table.columns());
    assertEquals(3, table.number(0, "d,e"));
    assertEquals(
        1, CsvFile.parse("t.csv", "a\tb c\n1\t2\n", '\t').number(0, "a"), "blanks are no tabs");
  }

  @ParameterizedTest
  @ValueSource(chars = {'"', '\n', '\r', '.', '-', '+', '1', 'e', ' ', '\0'})
  void separatorsThatMayBeInNumbersAreRefused(char separator) {
    assertTrue(
        refusal(() -> CsvFile.of(folder).withSeparator(separator)).startsWith("the separator is "));
    assertTrue(refusal(() -> CsvFile.parse("t", "a\n1", separator)).startsWith("the separator is"));
  }

  @Test
  void whatIsNoTextIsRefusedAsAnyTextIs() throws IOException {
    Path nul = file("a,bc\n1,\0\n2,3\n4,5\n");
    assertEquals(
        nul + ": NUL byte at offset 7, so it is binary; needed a text file in UTF-8",
        refusal(() -> CsvFile.of(nul).read()));
    Path latin = file("a,b\n1,é\n".getBytes(StandardCharsets.ISO_8859_1));
    assertEquals(
        latin + ": byte 0xE9 at offset 6 is not UTF-8; needed a text file in UTF-8",
        refusal(() -> CsvFile.of(latin).read()));
    Path wide = file("a,b\n1,2\n".getBytes(StandardCharsets.UTF_16));
    assertTrue(refusal(() -> CsvFile.of(wide).read()).contains("in UTF-16BE"));
    Path missing = folder.resolve("missing");
    assertEquals(
        missing + ": no such file; needed a text file in UTF-8",
        refusal(() -> CsvFile.of(missing).read()));
  }

  @Test
  void rowsHaveAsManyCellsAsTheHeader() {
    assertEquals("t.csv: line 3: 1 cell; the header has 2 columns", refusal("a,b\n1,2\n3\n"));
    assertEquals(
        "t.csv: line 4: 3 cells; the header has 2 columns", refusal("a,b\n1,\"\n2\"\n3,4,5\n"));
    assertEquals("t.csv: line 3: 3 cells; the header has 2 columns", refusal("a,b\n1,2\n1,2,\n"));
    assertEquals("t.csv: line 3: blank; the header has 2 columns", refusal("a,b\n1,2\n\n3,4\n"));
  }

  @Test
  void blankLinesCountOnlyBetweenRows() {
    assertEquals(1, table("a,b\n1,2\n\n  \n\n").rows());
    Table one = table("a\n1\n\n3\n\n");
    assertEquals(3, one.rows());
    assertEquals(
        "t.csv: line 3, column 'a': the cell is empty; needed a number",
        refusal(() -> one.number(1, "a")));
    assertEquals(3, one.number(2, "a"));
    assertEquals(4, one.line(2));
  }

  @Test
  void headersNameEachColumnOnce() {
    assertEquals(
        "t.csv: line 1: columns 1 and 3 are both called 'a'; needed names that differ",
        refusal("a,b, a\n1,2,3\n"));
    assertEquals(
        "t.csv: line 1: column 2 has no name; needed a name for each", refusal("a, ,c\n1,2,3\n"));
    assertEquals(
        "t.csv: line 1: holds numbers only; needed a header with the names of the columns",
        refusal("1,2.5\n3,4\n"));
  }

  @Test
  void tablesWithoutRowsAreRefused() throws IOException {
    assertEquals("t.csv: no rows below the header; needed some", refusal("a,b\n"));
    assertEquals("t.csv: no rows below the header; needed some", refusal("a,b\n\n\n"));
    Path empty = file("");
    assertEquals(
        empty + ": empty; needed a text file in UTF-8", refusal(() -> CsvFile.of(empty).read()));
  }

  @Test
  void quotesThatDoNotFitAreRefusedWhereTheirRowBegins() {
    String words =
        ": a quoted cell that begins here is not closed, or something follows its closing quote;"
            + " needed a separator or the end of the line there, and quotes inside a cell doubled";
    assertEquals("t.csv: line 3" + words, refusal("a,b\n1,2\n3,\"4\n5,6\n7,8\n"));
    assertEquals("t.csv: line 2" + words, refusal("a,b\n1,\"2\"x\n"));
    assertEquals("t.csv: line 1" + words, refusal("a,\"b\n1,2\n"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "NaN",
        "Infinity",
        "-inf",
        "0x1p3",
        "1f",
        "2d",
        "1,5",
        "1 000",
        "٣",
        "--1",
        "e5",
        "."
      })
  void whatJavaWouldTakeOrAnotherCountryWriteIsNoNumber(String cell) {
    Table table = CsvFile.parse("t.csv", "a;b\n1;" + cell + "\n", ';');
    assertEquals(
        "t.csv: line 2, column 'b': the cell holds '"
            + cell
            + "'; needed a number (digits with a decimal point)",
        refusal(() -> table.number(0, "b")));
  }

  @Test
  void numbersThatDoublesCannotHoldAreRefused() {
    Table table = table("a,b\n1,-1e999\n");
    assertEquals(
        "t.csv: line 2, column 'b': the cell holds '-1e999'; needed a number of at most "
            + Double.MAX_VALUE,
        refusal(() -> table.number(0, "b")));
  }

  @Test
  void numbersAreReadExactlyInAnyLocale() {
    Locale before = Locale.getDefault();
    try {
      Locale.setDefault(Locale.GERMANY);
      SplittableRandom random = new SplittableRandom(1);
      double[] values = random.doubles(500, -1e9, 1e9).toArray();
      values[0] = Double.MIN_VALUE;
      values[1] = -Double.MAX_VALUE;
      values[2] = 0.1;
      Table table = Table.ofNumbers("numbers", Map.of("v", values));
      for (int row = 0; row < values.length; row++) {
        assertEquals(values[row], table.number(row, "v"));
      }
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void aMillionCharactersInALineAreData() {
    int columns = 100_000;
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < columns; i++) {
      text.append(i == 0 ? "c" : ",c").append(i);
    }
    text.append('\n');
    for (int i = 0; i < columns; i++) {
      text.append(i == 0 ? "" : ",").append(i).append(".123456");
    }
    Table table = table(text.toString());
    assertEquals(99_999.123456, table.number(0, "c99999"));
    String unknown = refusal(() -> table.number(0, "x"));
    assertTrue(unknown.startsWith("t.csv: no column 'x'; there are c0, c1, "), unknown);
    assertTrue(unknown.length() < 500, unknown);
  }

  @Test
  void aCellOfAMillionCharactersIsRefusedInOneShortLine() {
    Table table =
        table("a,b\n1," + "9".repeat(1_000_000) + "x\n2,\"" + "y\n".repeat(500_000) + "\"");
    assertEquals(
        "t.csv: line 2, column 'b': the cell holds '"
            + "9".repeat(40)
            + "…' (1000001 characters); needed a number (digits with a decimal point)",
        refusal(() -> table.number(0, "b")));
    assertTrue(refusal(() -> table.number(1, "b")).startsWith("t.csv: line 3, column 'b'"));
    assertEquals(2, table.number(1, "a"), "the rest of such a row is right");
  }

  @Test
  void anUnknownColumnIsNamedWithThoseThereAre() {
    assertEquals(
        "t.csv: no column 'price'; there are Price, day",
        refusal(() -> table("Price,day\n1,2\n").number(0, "price")));
    assertEquals(
        "t.csv: no column 'a'; there is a;b", refusal(() -> table("a;b\n1;2\n").cell(0, "a")));
  }

  @Test
  void theSunspotsAreThoseThatWereCounted() {
    Table table = Table.sunspots();
    assertEquals(309, table.rows());
    assertEquals(1700, table.number(0, "year"));
    assertEquals(5, table.number(0, "sunspots"));
    assertEquals(2008, table.number(308, "year"));
    assertEquals(2.9, table.number(308, "sunspots"));
    double sum = 0;
    double most = 0;
    for (int row = 0; row < 309; row++) {
      assertEquals(1700 + row, table.number(row, "year"));
      sum += table.number(row, "sunspots");
      most = Math.max(most, table.number(row, "sunspots"));
    }
    assertEquals(190.2, most, "1957, the largest there was");
    assertEquals(49.752, sum / 309, 5e-4);
  }
}
