package dev.sequor.backend;

/**
 * The integers of a buffer as checks see them: where they are, and what was found out when they
 * were last looked at. Apart from the buffer, so that a recorded step, which is checked whenever it
 * is replayed, does not keep one alive that was dropped.
 */
final class KnownIntegers {
  private final Held held;
  private final Memory memory;

  private long checkedVersion = -1;
  private long checkedCount;
  private int checkedLow;
  private int checkedHigh;
  private boolean checkedAscending;

  KnownIntegers(Held held, Memory memory) {
    this.held = held;
    this.memory = memory;
  }

  Held held() {
    return held;
  }

  Memory memory() {
    return memory;
  }

  /**
   * Whether the first {@code count} elements are known to lie in {@code [low, high]}, and if {@code
   * ascending} also to rise to {@code high}.
   */
  boolean isKnown(long count, int low, int high, boolean ascending) {
    Memory.Contents contents = memory.contents();
    if (!ascending && contents.lowest() >= low && contents.highest() <= high) {
      return true;
    }
    boolean seen =
        checkedVersion == memory.version()
            && checkedCount >= count
            && checkedLow >= low
            && checkedHigh <= high;
    return seen
        && (!ascending || (checkedAscending && checkedCount == count && checkedHigh == high));
  }

  /** The first {@code count} elements have been seen to be as {@link #isKnown} says. */
  void know(long count, int low, int high, boolean ascending) {
    checkedVersion = memory.version();
    checkedCount = count;
    checkedLow = low;
    checkedHigh = high;
    checkedAscending = ascending;
  }
}
