package dev.sequor.exchange.onnx;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The size of a dimension of a tensor that is written: a number times sizes that the file leaves
 * open, by their names.
 *
 * @param count the number
 * @param open the names, sorted
 */
record Dim(long count, List<String> open) {
  static Dim of(long count) {
    return new Dim(count, List.of());
  }

  static Dim open(String name) {
    return new Dim(1, List.of(name));
  }

  static Dim product(List<Dim> factors) {
    long count = 1;
    List<String> open = new ArrayList<>();
    for (Dim factor : factors) {
      count = Math.multiplyExact(count, factor.count);
      open.addAll(factor.open);
    }
    open.sort(null);
    return new Dim(count, List.copyOf(open));
  }

  static List<Dim> of(Dim... dims) {
    return Arrays.asList(dims);
  }

  boolean isKnown() {
    return open.isEmpty();
  }

  /** As the dimension of an input or output says it: a number, a name, or neither. */
  String said() {
    return isKnown() ? String.valueOf(count) : count == 1 && open.size() == 1 ? open.get(0) : "";
  }
}
