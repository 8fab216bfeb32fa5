package dev.sequor.io;

/** Where the data of a training come from, said so that they can be had again. */
public sealed interface DataSource {
  /** The data's name, for messages. */
  String name();

  private static String fileName(String file) {
    return file.equals("-") ? "standard input" : file;
  }

  /**
   * A text.
   *
   * @param file an absolute path; empty for the names of the Unicode characters; {@code -} for what
   *     was standard input
   * @param heldOutFraction the part of the text that training never sees, from 0 to less than 1
   * @param sha256 {@link dev.sequor.data.Corpus#fingerprint()}
   */
  record Text(String file, double heldOutFraction, String sha256) implements DataSource {
    /**
     * Checks the fields.
     *
     * @throws IllegalArgumentException naming the first that is not as needed
     */
    public Text {
      StoredFields.requireWholeCharacters("file", file);
      StoredFields.fraction("heldOutFraction", heldOutFraction);
      StoredFields.requireWholeCharacters("sha256", sha256);
    }

    @Override
    public String name() {
      return file.isEmpty() ? "the names of the Unicode characters" : fileName(file);
    }
  }

  /**
   * Rows of a table.
   *
   * @param file an absolute path; empty for the yearly sunspot numbers; {@code -} for what was
   *     standard input
   * @param separator what stands between cells
   * @param sha256 {@link dev.sequor.data.Table#fingerprint()}
   */
  record Table(String file, String separator, String sha256) implements DataSource {
    /**
     * Checks the fields.
     *
     * @throws IllegalArgumentException naming the first that is not as needed
     */
    public Table {
      StoredFields.requireWholeCharacters("file", file);
      StoredFields.requireWholeCharacters("separator", separator);
      StoredFields.requireWholeCharacters("sha256", sha256);
    }

    @Override
    public String name() {
      return file.isEmpty() ? "the yearly sunspot numbers" : fileName(file);
    }
  }

  /**
   * Examples that are generated.
   *
   * @param task its name
   * @param length of an example; 0 for a task that has no length
   * @param sha256 of what the examples depend on besides; empty for nothing
   */
  record Task(String task, int length, String sha256) implements DataSource {
    /**
     * Checks the fields.
     *
     * @throws IllegalArgumentException naming the first that is not as needed
     */
    public Task {
      StoredFields.requireWholeCharacters("task", task);
      if (length < 0) {
        throw new IllegalArgumentException("length is " + length + "; needed at least 0");
      }
      StoredFields.requireWholeCharacters("sha256", sha256);
    }

    @Override
    public String name() {
      return "the task '" + task + "'";
    }
  }
}
