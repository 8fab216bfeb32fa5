package dev.sequor.io;

/** What fields of {@code config.json} must be, whatever record they are in. */
final class StoredFields {
  /** Beyond it a double, which many readers of JSON use, no longer tells n from n + 1. */
  private static final long MAX_COUNT = 1L << 53;

  private StoredFields() {}

  /** From 1 to 2^53. */
  static void count(String name, long value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at least 1");
    }
    if (value > MAX_COUNT) {
      throw new IllegalArgumentException(name + " is " + value + "; needed at most " + MAX_COUNT);
    }
  }

  /** Half of a surrogate pair has no UTF-8. */
  static void requireWholeCharacters(String name, String text) {
    if (text.codePoints().anyMatch(c -> Character.getType(c) == Character.SURROGATE)) {
      throw new IllegalArgumentException(
          name + " holds half of a surrogate pair; needed whole characters");
    }
  }

  /** At least 0 and less than 1. */
  static void fraction(String name, double value) {
    if (!(value >= 0 && value < 1)) {
      throw new IllegalArgumentException(
          name + " is " + value + "; needed at least 0 and less than 1");
    }
  }
}
