package dev.sequor.fit;

import dev.sequor.module.NamedTensor;
import java.util.ArrayList;
import java.util.List;

/** A moving average of a model's weights, which gives the first ones less to say. */
final class WeightAverage {
  private final double decay;
  private List<NamedTensor> average;
  private long updates;

  /** An average that holds {@code average} of {@code updates} updates. */
  WeightAverage(double decay, List<NamedTensor> average, long updates) {
    this.decay = decay;
    this.average = average;
    this.updates = updates;
  }

  /** Moves towards the weights after one more update. */
  void add(List<NamedTensor> weights) {
    double keep = Math.min(decay, (1.0 + updates) / (10.0 + updates));
    List<NamedTensor> next = new ArrayList<>();
    for (int i = 0; i < average.size(); i++) {
      float[] from = average.get(i).values();
      float[] to = weights.get(i).values();
      float[] values = new float[to.length];
      for (int j = 0; j < to.length; j++) {
        values[j] = (float) (keep * from[j] + (1 - keep) * to[j]);
      }
      next.add(new NamedTensor(weights.get(i).name(), weights.get(i).shape(), values));
    }
    average = next;
    updates++;
  }

  List<NamedTensor> tensors() {
    return average;
  }

  long updates() {
    return updates;
  }
}
