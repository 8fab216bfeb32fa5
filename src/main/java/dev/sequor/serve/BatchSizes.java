package dev.sequor.serve;

import dev.sequor.module.Extent;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Which requests go into one batch, and how large the pass is that takes them. Sizes are rounded
 * up, so that a few passes serve requests of all lengths.
 */
final class BatchSizes {
  /** The fewest sequences of a pass: host backends keep the sequences of such batches apart. */
  private static final int QUANTUM = 4;

  /** Elements of all values of a pass, 256 MB, unless one sequence alone has more. */
  private static final long MOST_ELEMENTS = 1L << 26;

  private final List<ValueShape> values;
  private final List<String> axes;
  private final int maxBatch;
  private final boolean batchInvariant;
  private final boolean startsApart;

  /**
   * The rules for one predictor.
   *
   * @param batchInvariant whether the backend {@linkplain
   *     dev.sequor.backend.Backend#isBatchInvariant() is}; where not, all passes have the largest
   *     batch size, and each takes sequences of about one length only, so that what a sequence is
   *     computed by depends on the sequence alone
   * @param startsApart whether sequences that start cannot be in a batch with others that go on
   */
  BatchSizes(
      Network network,
      List<String> axes,
      int maxBatch,
      boolean batchInvariant,
      boolean startsApart) {
    this.values = List.copyOf(network.shapes().values());
    this.axes = axes;
    this.maxBatch = maxBatch;
    this.batchInvariant = batchInvariant;
    this.startsApart = startsApart;
  }

  /** The least of 1, 2, 3, 4, 6, 8, 12, 16, 24 … that is not less than {@code n}. */
  static int rounded(int n) {
    int power = Integer.highestOneBit(n);
    if (n == power) {
      return n;
    }
    int half = power / 2;
    return n - power <= half && half > 0 ? power + half : Math.max(n, power << 1);
  }

  /** The size of a pass for {@code requests}, at least one. */
  Extent of(List<Request> requests) {
    Map<String, Integer> timeSteps = new HashMap<>();
    for (int axis = 0; axis < axes.size(); axis++) {
      int longest = 1;
      for (Request request : requests) {
        longest = Math.max(longest, request.timeSteps(axis));
      }
      timeSteps.put(axes.get(axis), rounded(longest));
    }
    return new Extent(batchInvariant ? batchSize(requests.size()) : batchSize(maxBatch), timeSteps);
  }

  private static int batchSize(int sequences) {
    return QUANTUM * rounded((sequences + QUANTUM - 1) / QUANTUM);
  }

  /** Elements of all values of a pass. */
  long elements(Extent extent) {
    long elements = 0;
    for (ValueShape shape : values) {
      int steps = extent.timeSteps().getOrDefault(shape.axis(), 1);
      elements += shape.elements(steps, extent.batchSize());
    }
    return elements;
  }

  /** Whether {@code next} may be computed together with {@code batch}, which is not empty. */
  boolean fits(List<Request> batch, Request next) {
    if (batch.size() >= maxBatch) {
      return false;
    }
    Request first = batch.get(0);
    if (startsApart && first.goesOn() != next.goesOn()) {
      return false;
    }
    if (!batchInvariant) {
      for (int axis = 0; axis < axes.size(); axis++) {
        if (rounded(first.timeSteps(axis)) != rounded(next.timeSteps(axis))) {
          return false;
        }
      }
      return true;
    }
    batch.add(next);
    boolean fits = elements(of(batch)) <= MOST_ELEMENTS;
    batch.remove(batch.size() - 1);
    return fits;
  }

  /** The most sequences of a batch. */
  int maxBatch() {
    return maxBatch;
  }

  /** The most elements of all passes that are kept. */
  static long mostElements() {
    return MOST_ELEMENTS;
  }
}
