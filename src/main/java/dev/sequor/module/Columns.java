package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * Some columns of a value, in any order. A column may be there several times; its gradient is the
 * sum of theirs then.
 *
 * @param inputWidth how many columns the value has
 * @param ranges columns that are next to each other there, in the order in which they come
 */
public record Columns(int inputWidth, List<Range> ranges) implements Module {
  /** On average shorter ranges than this, if there are many, are copied element by element. */
  private static final int SHORT = 4;

  private static final int MANY = 8;

  /**
   * Columns that are next to each other.
   *
   * @param first from 0
   * @param count at least 1
   */
  public record Range(int first, int count) {
    /**
     * Checks both.
     *
     * @throws IllegalArgumentException naming the first that is out of range
     */
    public Range {
      Sizes.atLeast("first", first, 0);
      Sizes.atLeastOne("count", count);
    }
  }

  /**
   * Checks that the columns are there.
   *
   * @throws IllegalArgumentException if there is no range, or one reaches past the last column
   */
  public Columns {
    Sizes.atLeastOne("inputWidth", inputWidth);
    ranges = Shapes.copy("ranges", ranges);
    long width = 0;
    for (Range range : ranges) {
      if (range.count() > inputWidth - range.first()) {
        throw new IllegalArgumentException(
            "the columns "
                + range.first()
                + " to "
                + (range.first() + (long) range.count() - 1)
                + " are asked for; there are "
                + inputWidth);
      }
      width += range.count();
    }
    Sizes.atLeastOne("the number of columns", width);
    Sizes.product("the number of columns", Integer.MAX_VALUE, width);
  }

  /** Columns that are next to each other. */
  public static Columns range(int inputWidth, int first, int count) {
    return new Columns(inputWidth, List.of(new Range(first, count)));
  }

  /** These columns. */
  public static Columns of(int inputWidth, int... columns) {
    List<Range> ranges = new ArrayList<>();
    int[] all = Required.present("columns", columns);
    for (int from = 0; from < all.length; ) {
      int end = from + 1;
      while (end < all.length && all[end] == all[end - 1] + 1) {
        end++;
      }
      ranges.add(new Range(all[from], end - from));
      from = end;
    }
    return new Columns(inputWidth, ranges);
  }

  private int width() {
    return ranges.stream().mapToInt(Range::count).sum();
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    Shapes.requireWidth(this, x, inputWidth);
    return List.of(new Output("y", Shapes.withWidth(x, width())));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    int rows = Required.present("binding", binding).rows(0);
    boolean scattered = ranges.size() > MANY && width() < SHORT * ranges.size();
    // The numbers of elements are ints, and cheap on the way back only if each is there once.
    return scattered && (long) rows * inputWidth <= Integer.MAX_VALUE && areDistinct()
        ? oneByOne(binding, rows)
        : rangeByRange(binding, rows);
  }

  private boolean areDistinct() {
    BitSet seen = new BitSet(inputWidth);
    for (Range range : ranges) {
      int end = range.first() + range.count();
      int next = seen.nextSetBit(range.first());
      if (next >= 0 && next < end) {
        return false;
      }
      seen.set(range.first(), end);
    }
    return true;
  }

  private Pass rangeByRange(Binding binding, int rows) {
    Backend backend = binding.backend();
    int total = width();
    List<ColumnCopy> there = new ArrayList<>();
    List<ColumnCopy> back = new ArrayList<>();
    int column = 0;
    for (Range range : ranges) {
      int count = range.count();
      there.add(new ColumnCopy(rows, count, range.first(), inputWidth, column, total, 1f, false));
      back.add(new ColumnCopy(rows, count, column, total, range.first(), inputWidth, 1f, true));
      column += count;
    }
    return Pass.of(
        () -> there.forEach(copy -> backend.copyColumns(copy, binding.input(0), binding.output(0))),
        () -> {
          Buffer dx = binding.neededInputGradient(0);
          backend.fill(dx, 0f);
          back.forEach(copy -> backend.copyColumns(copy, binding.neededOutputGradient(0), dx));
        });
  }

  /** Elements as rows of one column, whose numbers are found once. */
  private Pass oneByOne(Binding binding, int rows) {
    int total = width();
    int[] from = new int[rows * total];
    int at = 0;
    for (int row = 0; row < rows; row++) {
      for (Range range : ranges) {
        for (int i = 0; i < range.count(); i++) {
          from[at++] = row * inputWidth + range.first() + i;
        }
      }
    }
    return RowGather.of(binding, 1, from);
  }
}
