package dev.sequor.cli;

import dev.sequor.cli.Inputs.InputFile;
import dev.sequor.data.CsvFile;
import dev.sequor.data.Table;
import dev.sequor.data.TextFile;
import dev.sequor.io.DataSource;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which table to read. */
final class CsvOptions {
  /** What stands for the table that the program carries. */
  static final String SUNSPOTS = "sunspots";

  @Option(
      names = "--csv",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "Table in UTF-8 with a line of names first; - for standard input, 'sunspots' for the yearly sunspot numbers"
              + " that the program carries (./sunspots for a file of that name).")
  private @Nullable Path file;

  @Option(
      names = "--separator",
      paramLabel = "TEXT",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description = "The character between cells (default: a comma).")
  private @Nullable String separator;

  /** Whether a table was asked for. */
  boolean isGiven() {
    return file != null;
  }

  /** The file; null if none was given. */
  @Nullable Path file() {
    return file;
  }

  /** Whether it is the one that the program carries. */
  boolean isSunspots() {
    return file != null && file.toString().equals(SUNSPOTS);
  }

  /**
   * The table that was asked for.
   *
   * @param learned what a model learned from: if it is a table, it says where that is and how it is
   *     written, as far as nothing else was said
   * @param inputs what the command reads
   */
  TableSubject.Rows read(@Nullable DataSource learned, Inputs inputs) throws IOException {
    DataSource.Table usual = learned instanceof DataSource.Table table ? table : null;
    String between = separator != null ? separator : usual == null ? "," : usual.separator();
    if (between.length() != 1) {
      throw new IllegalArgumentException("--separator is '" + between + "'; needed one character");
    }
    Path from = file;
    if (from == null) {
      if (usual == null) {
        throw new IllegalArgumentException("needed --csv FILE");
      }
      from =
          usual.file().isEmpty()
              ? Path.of(SUNSPOTS)
              : Inputs.stored(Path.of("the model"), "--csv", usual.file());
    }
    if (from.toString().equals(SUNSPOTS)) {
      return TableSubject.Rows.of("", between, Table.sunspots());
    }
    InputFile csv = inputs.file(from);
    return HeapLimit.within(
        csv.name(),
        () ->
            TableSubject.Rows.of(
                csv.stored(),
                between,
                CsvFile.parse(
                    csv.name(), TextFile.read(csv.path(), csv.name()), between.charAt(0))));
  }
}
