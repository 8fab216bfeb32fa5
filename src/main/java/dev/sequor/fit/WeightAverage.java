package dev.sequor.fit;

import dev.sequor.module.NamedTensor;
import java.util.List;

/** A moving average of a model's weights, which gives the first ones less to say. */
final class WeightAverage {
  private final double decay;
  private final List<NamedTensor> average;
  private long updates;

  /** An average that holds a copy of {@code average}, of {@code updates} updates. */
  WeightAverage(double decay, List<NamedTensor> average, long updates) {
    this.decay = decay;
    this.average = copy(average);
    this.updates = updates;
  }

  private static List<NamedTensor> copy(List<NamedTensor> tensors) {
    return tensors.stream()
        .map(tensor -> new NamedTensor(tensor.name(), tensor.shape(), tensor.values().clone()))
        .toList();
  }

  /** Moves towards the weights after one more update. */
  void add(List<NamedTensor> weights) {
    double keep = Math.min(decay, (1.0 + updates) / (10.0 + updates));
    for (int i = 0; i < average.size(); i++) {
      float[] values = average.get(i).values();
      float[] to = weights.get(i).values();
      for (int j = 0; j < values.length; j++) {
        values[j] = (float) (keep * values[j] + (1 - keep) * to[j]);
      }
    }
    updates++;
  }

  /** A copy, which stays as it is. */
  List<NamedTensor> tensors() {
    return copy(average);
  }

  long updates() {
    return updates;
  }
}
