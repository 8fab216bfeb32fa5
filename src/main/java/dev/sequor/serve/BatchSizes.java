package dev.sequor.serve;

import dev.sequor.module.Extent;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/**
 * Which requests go into one batch, and how large the pass is that takes them. Sizes are rounded
 * up, so that a few passes serve requests of all lengths; but for time axes whose sequences are not
 * to be padded, along which a batch has sequences of one length.
 */
final class BatchSizes {
  /** The fewest sequences of a pass: host backends keep the sequences of such batches apart. */
  private static final int QUANTUM = 4;

  /** Elements of all values of a pass, 256 MB, unless one sequence alone has more. */
  private static final long MOST_ELEMENTS = 1L << 26;

  private final List<ValueShape> values;
  private final List<String> axes;

  /** Of {@link #axes}, those along which sequences are not to be padded. */
  private final Set<String> unpadded;

  /** Steps of the time axes that the network brings itself. */
  private final Map<String, Integer> fixed;

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
    this.unpadded = network.unpaddedAxes().keySet();
    this.fixed = network.complete(new Extent(1, Map.of())).timeSteps();
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

  /** The size of a pass for {@code requests}, at least one, which {@linkplain #fits fit}. */
  Extent of(List<Request> requests) {
    Map<String, Integer> timeSteps = new HashMap<>();
    for (int axis = 0; axis < axes.size(); axis++) {
      timeSteps.put(axes.get(axis), timeSteps(requests, null, axis));
    }
    return new Extent(batchSize(requests.size()), timeSteps);
  }

  /** Along an axis, of all requests and perhaps one more; rounded up. */
  private int timeSteps(List<Request> requests, @Nullable Request more, int axis) {
    int longest = more == null ? 1 : more.timeSteps(axis);
    for (Request request : requests) {
      longest = Math.max(longest, request.timeSteps(axis));
    }
    return ofPass(longest, axis);
  }

  /** Along an axis, of the pass that takes sequences of so many steps. */
  private int ofPass(int steps, int axis) {
    return unpadded.contains(axes.get(axis)) ? steps : rounded(steps);
  }

  private int batchSize(int sequences) {
    int needed = batchInvariant ? sequences : maxBatch;
    return QUANTUM * rounded((needed + QUANTUM - 1) / QUANTUM);
  }

  /** Elements of all values of a pass. */
  long elements(Extent extent) {
    return (long)
        elements(
            extent.batchSize(),
            axis -> extent.timeSteps().getOrDefault(axis, fixed.getOrDefault(axis, 1)));
  }

  /** The same of sizes that may be more than any pass could have. */
  private double elements(int batchSize, ToIntFunction<String> timeSteps) {
    double elements = 0;
    for (ValueShape shape : values) {
      elements += (double) batchSize * shape.elements(timeSteps.applyAsInt(shape.axis()), 1);
    }
    return elements;
  }

  /**
   * Refuses a sequence that no pass could take.
   *
   * @throws IllegalArgumentException if it is too long
   */
  void requireFits(Request request) {
    for (int axis = 0; axis < axes.size(); axis++) {
      long rows = (long) timeSteps(List.of(), request, axis) * batchSize(1);
      if (rows > Integer.MAX_VALUE) {
        throw new IllegalArgumentException(
            "input '"
                + axes.get(axis)
                + "' has "
                + request.timeSteps(axis)
                + " time steps, "
                + rows
                + " rows in a batch of "
                + batchSize(1)
                + "; needed at most "
                + Integer.MAX_VALUE);
      }
    }
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
    for (int axis = 0; axis < axes.size(); axis++) {
      boolean oneLength = !batchInvariant || unpadded.contains(axes.get(axis));
      if (oneLength && ofPass(first.timeSteps(axis), axis) != ofPass(next.timeSteps(axis), axis)) {
        return false;
      }
    }
    if (!batchInvariant) {
      return true;
    }
    double elements =
        elements(
            batchSize(batch.size() + 1),
            axis ->
                axes.contains(axis)
                    ? timeSteps(batch, next, axes.indexOf(axis))
                    : fixed.getOrDefault(axis, 1));
    return elements <= MOST_ELEMENTS;
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
