package dev.sequor.backend;

import java.util.concurrent.atomic.AtomicLong;

/**
 * What is behind a {@link Buffer}: a typed run of elements that an {@link Engine} has allocated.
 * Only engines see it, and they trust what the {@link Backend} has checked.
 */
public abstract class Memory {
  /** Counts the writes to all memory, so that no two contents of any memory share a version. */
  private static final AtomicLong WRITES = new AtomicLong();

  private final DType type;
  private final long elements;
  private final long start;
  private final Contents contents;

  /** What a run of memory and its slices share. */
  static final class Contents {
    private final long elements;
    private long version = WRITES.incrementAndGet();

    /** Of INT32: every element lies between these two, as far as can be told without looking. */
    private int lowest;

    private int highest;

    Contents(long elements) {
      this.elements = elements;
    }

    /** All that was allocated. */
    long elements() {
      return elements;
    }

    int lowest() {
      return lowest;
    }

    int highest() {
      return highest;
    }

    void markWritten() {
      version = WRITES.incrementAndGet();
    }

    /** Some elements have been replaced by others between {@code low} and {@code high}. */
    void include(int low, int high) {
      lowest = Math.min(lowest, low);
      highest = Math.max(highest, high);
    }

    /** All elements have been replaced by others between {@code low} and {@code high}. */
    void replace(int low, int high) {
      lowest = low;
      highest = high;
    }
  }

  /** New memory. */
  protected Memory(DType type, long elements) {
    this.type = type;
    this.elements = elements;
    this.start = 0;
    this.contents = new Contents(elements);
  }

  /** Elements {@code [offset, offset + elements)} of {@code parent}. */
  protected Memory(Memory parent, long offset, long elements) {
    assert offset >= 0 && elements >= 0 && offset <= parent.elements - elements;
    this.type = parent.type;
    this.elements = elements;
    this.start = parent.start + offset;
    this.contents = parent.contents;
  }

  /** The element type. */
  public final DType type() {
    return type;
  }

  /** The number of elements. */
  public final long elements() {
    return elements;
  }

  /** The first of these elements, counted from the start of what was allocated. */
  public final long start() {
    return start;
  }

  /**
   * Identifies the contents: changes with every write to this memory or any slice of it, and is
   * never the same for two memories, not even if one gets the other's freed place. Packed copies of
   * weights depend on it.
   */
  public final long version() {
    return contents.version;
  }

  /** Says that an engine has written to this by itself, rather than for a {@link Backend}. */
  public final void markWritten() {
    contents.markWritten();
  }

  final Contents contents() {
    return contents;
  }

  /** Elements {@code [offset, offset + count)}, which are inside. */
  public abstract Memory slice(long offset, long count);

  /** Frees the memory; called once, and not on a slice. */
  public abstract void free();
}
