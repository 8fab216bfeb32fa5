package dev.sequor.contract;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Arrays;

/**
 * A tensor of a conformance case.
 *
 * <p>{@code known[i]} is false where upstream asserts nothing.
 */
final class CaseTensor {
  /** Published inputs and outputs are float32, printed and read again. */
  static final double PRINTED = 2e-7;

  final int[] dims;
  final double[] data;
  final boolean[] known;

  CaseTensor(int[] dims, double[] data) {
    this.dims = dims;
    this.data = data;
    this.known = new boolean[data.length];
    Arrays.fill(known, true);
  }

  static CaseTensor of(JsonNode node) {
    int[] dims = new int[node.get("dims").size()];
    int elements = 1;
    for (int i = 0; i < dims.length; i++) {
      dims[i] = node.get("dims").get(i).asInt();
      elements *= dims[i];
    }
    JsonNode values = node.get("data");
    if (values.size() != elements) {
      throw new IllegalArgumentException("data holds " + values.size() + "; dims say " + elements);
    }
    CaseTensor tensor = new CaseTensor(dims, new double[elements]);
    for (int i = 0; i < elements; i++) {
      JsonNode value = values.get(i);
      tensor.known[i] = !value.isNull();
      tensor.data[i] =
          switch (value.asText()) {
            case "nan" -> Double.NaN;
            case "inf" -> Double.POSITIVE_INFINITY;
            case "-inf" -> Double.NEGATIVE_INFINITY;
            case "true" -> 1;
            default -> value.asDouble();
          };
    }
    return tensor;
  }

  /** The values a float32 programme has read, where the file says so. */
  static CaseTensor input(JsonNode node) {
    CaseTensor tensor = of(node);
    if (node.get("dtype").asText().equals("float32")) {
      for (int i = 0; i < tensor.data.length; i++) {
        tensor.data[i] = (float) tensor.data[i];
      }
    }
    return tensor;
  }

  int[] toInts() {
    return Arrays.stream(data).mapToInt(v -> (int) v).toArray();
  }

  /** Checks the known elements: within {@code slack} plus {@code bar} times the largest. */
  void check(String name, double[] actual, double slack, double bar) {
    if (actual.length != data.length) {
      throw new AssertionError(name + " has " + actual.length + "; needed " + data.length);
    }
    double largest = 0;
    for (double v : data) {
      largest = Math.max(largest, Math.abs(v));
    }
    for (int i = 0; i < data.length; i++) {
      double error = Math.abs(actual[i] - data[i]);
      if (known[i] && !(error <= slack + bar * largest)) {
        throw new AssertionError(
            String.format(
                "%s[%d] is %s; needed %s within %.1e + %.1e · %s",
                name, i, actual[i], data[i], slack, bar, largest));
      }
    }
  }
}
