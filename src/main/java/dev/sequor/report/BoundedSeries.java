package dev.sequor.report;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.BinaryOperator;

/**
 * Values in the order in which they came, few enough to be kept however many come: where there are
 * too many, each two neighbours from the first on become one, so that half as many stay. What came
 * last stays as it is.
 *
 * @param <T> a value; immutable
 */
public final class BoundedSeries<T> {
  private final int most;
  private final BinaryOperator<T> merge;
  private final List<T> values;

  /**
   * A series that begins with {@code start}.
   *
   * @param most values that are kept; even, so that the one too many is the last and no pair's
   * @param merge makes one value of two neighbours, the earlier first
   * @throws IllegalArgumentException if {@code most} is odd or less than 2
   */
  public BoundedSeries(int most, BinaryOperator<T> merge, List<T> start) {
    if (most < 2 || most % 2 != 0) {
      throw new IllegalArgumentException("most is " + most + "; needed an even number, at least 2");
    }
    this.most = most;
    this.merge = Required.present("merge", merge);
    this.values = new ArrayList<>(Required.present("start", start));
    halve();
  }

  /** Takes one more. */
  public void add(T value) {
    values.add(Required.present("value", value));
    halve();
  }

  private void halve() {
    while (values.size() > most) {
      int kept = 0;
      for (int i = 0; i < values.size(); i += 2) {
        T first = values.get(i);
        values.set(kept++, i + 1 < values.size() ? merge.apply(first, values.get(i + 1)) : first);
      }
      values.subList(kept, values.size()).clear();
    }
  }

  /** What is kept; a view, which changes when more comes. */
  public List<T> values() {
    return Collections.unmodifiableList(values);
  }

  /** Whether nothing has come yet. */
  public boolean isEmpty() {
    return values.isEmpty();
  }

  /**
   * What came last.
   *
   * @throws IllegalStateException if nothing has come yet
   */
  public T last() {
    if (values.isEmpty()) {
      throw new IllegalStateException("the series is empty");
    }
    return values.get(values.size() - 1);
  }

  /** Replaces what came last. */
  void replaceLast(T value) {
    last();
    values.set(values.size() - 1, value);
  }
}
