package dev.sequor.backend.options;

import dev.sequor.backend.DType;
import dev.sequor.backend.Engine;
import dev.sequor.backend.Memory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Memory of a plan, cut into arrays of equal parts, a part a step. Arrays are reserved first; then
 * {@link #allocate} makes memory for all of them, or {@link #use} takes the caller's.
 */
final class StepMemory {
  /** Elements to which every part is rounded up: 64 bytes, which every engine is content with. */
  private static final int ALIGNMENT = 16;

  private final List<Series> series = new ArrayList<>();
  private long elements;
  private @Nullable Memory memory;
  private @Nullable Memory owned;

  /** An array of parts. */
  final class Series {
    private final long offset;
    private final long size;
    private final Memory[] parts;

    private Series(long offset, long size, int count) {
      this.offset = offset;
      this.size = size;
      this.parts = new Memory[count];
    }

    /** Part {@code i}; parts are used again where there are fewer of them than steps. */
    Memory at(int i) {
      return parts[i % parts.length];
    }

    /** All parts, next to each other; their size is a multiple of the alignment. */
    Memory all() {
      return memory().slice(offset, size * parts.length);
    }

    private void cut(Memory from) {
      for (int i = 0; i < parts.length; i++) {
        parts[i] = from.slice(offset + i * size, size);
      }
    }
  }

  /**
   * An array of {@code count} parts of {@code size} elements each, without gaps between them, so
   * that all of them are one matrix.
   */
  Series reserve(long size, int count) {
    Series made = new Series(elements, size, count);
    series.add(made);
    elements += (size * count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    return made;
  }

  /** Elements of all arrays. */
  long elements() {
    return elements;
  }

  /** Takes the memory for all arrays from the engine. */
  void allocate(Engine engine) {
    Memory made = engine.allocate(DType.FLOAT32, elements);
    owned = made;
    use(made);
  }

  /** Takes the caller's memory. */
  @SuppressWarnings("ReferenceEquality") // Equal slices are cut again; the same one is cheap.
  void use(Memory given) {
    if (given != memory) {
      memory = given;
      for (Series each : series) {
        each.cut(given);
      }
    }
  }

  private Memory memory() {
    Memory known = memory;
    if (known == null) {
      throw new IllegalStateException("arrays are used before there is memory for them");
    }
    return known;
  }

  /** Frees what was allocated. */
  void free() {
    Memory whole = owned;
    owned = null;
    if (whole != null) {
      whole.free();
    }
  }
}
