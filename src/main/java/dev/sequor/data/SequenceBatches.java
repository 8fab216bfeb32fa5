package dev.sequor.data;

import dev.sequor.backend.Required;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Batches of sequences of any lengths: those of about one length together, so that little of a
 * batch is padding, in an order that differs from epoch to epoch. Every sequence is in one batch of
 * each epoch; the last batch is filled up by sequences of length 0, which nothing is learned from.
 *
 * <p>An epoch's order is drawn; of each {@value #POOL} batches of it, in that order, the sequences
 * are sorted by length before they are cut into batches; and the order of the batches is drawn
 * again. The steps of a batch are rounded up a little, so that there are few shapes: a model keeps
 * the memory of the last ones.
 */
public final class SequenceBatches implements WindowSource {
  /** Enough that a batch has sequences of one length, and few enough that batches differ. */
  private static final int POOL = 64;

  private final Sequence[] sequences;
  private final int batchSize;
  private final @Nullable Long seed;

  /** Numbers of an input; 1 for tokens. */
  private final int width;

  /** Numbers of a target; 1 for classes. */
  private final int targetWidth;

  private final int[] steps;
  private long orderedEpoch = -1;
  private int[] order = new int[0];
  private int[] batches = new int[0];

  private SequenceBatches(List<Sequence> sequences, int batchSize, @Nullable Long seed) {
    Required.present("sequences", sequences);
    if (sequences.isEmpty()) {
      throw new IllegalArgumentException("there are no sequences; needed at least 1");
    }
    this.sequences = sequences.toArray(Sequence[]::new);
    this.batchSize = batchSize;
    this.seed = seed;
    Sequence first = this.sequences[0];
    this.width = first.width();
    this.steps = new int[this.sequences.length];
    this.targetWidth = first.targetWidth();
    for (int i = 0; i < steps.length; i++) {
      steps[i] = this.sequences[i].steps();
      requireAlike(i, first);
    }
    WindowShape.check(padded(Arrays.stream(steps).max().orElse(1)), batchSize, null);
  }

  /**
   * Batches to learn from.
   *
   * @param sequences all alike: of tokens, or of vectors of one width, with targets of one kind
   * @param batchSize {@code B}
   * @param seed what their order is drawn from
   * @throws IllegalArgumentException if there are none, or one is of another kind than the first;
   *     names it
   */
  public static SequenceBatches shuffled(List<Sequence> sequences, int batchSize, long seed) {
    return new SequenceBatches(sequences, batchSize, seed);
  }

  /**
   * Batches to judge by: sorted by length, in the same order every epoch.
   *
   * @param sequences as for {@link #shuffled}
   * @param batchSize {@code B}
   * @throws IllegalArgumentException as {@link #shuffled}
   */
  public static SequenceBatches sorted(List<Sequence> sequences, int batchSize) {
    return new SequenceBatches(sequences, batchSize, null);
  }

  private void requireAlike(int i, Sequence first) {
    Sequence one = sequences[i];
    if (one.inputs().getClass() != first.inputs().getClass()
        || one.targets().getClass() != first.targets().getClass()) {
      throw new IllegalArgumentException(
          "sequence " + i + " is " + one.kind() + "; the first is " + first.kind());
    }
    if (one.width() != width) {
      throw new IllegalArgumentException(
          "sequence "
              + i
              + " has vectors of "
              + one.width()
              + "; those of the first have "
              + width);
    }
    if (one.targetWidth() != targetWidth) {
      throw new IllegalArgumentException(
          "sequence "
              + i
              + " has targets of "
              + one.targetWidth()
              + " values; those of the first have "
              + targetWidth);
    }
  }

  /** At most a quarter more, and of few values: four between a power of 2 and the next. */
  private static int padded(int steps) {
    int unit = Math.max(1, Integer.highestOneBit(steps) / 4);
    return (int) Math.min(Integer.MAX_VALUE, (steps + unit - 1L) / unit * unit);
  }

  @Override
  public long windowsPerEpoch() {
    return (sequences.length + batchSize - 1L) / batchSize;
  }

  @Override
  public Window window(long epoch, long index) {
    WindowShape.requireIndex(windowsPerEpoch(), epoch, index);
    order(epoch);
    int from = batches[(int) index] * batchSize;
    int[] chosen = Arrays.copyOfRange(order, from, Math.min(from + batchSize, order.length));
    int timeSteps = padded(Arrays.stream(chosen).map(i -> steps[i]).max().orElse(1));
    int[] lengths = new int[batchSize];
    for (int b = 0; b < chosen.length; b++) {
      lengths[b] = steps[chosen[b]];
    }
    return new SeriesWindow(
        timeSteps, batchSize, inputs(chosen, timeSteps), targets(chosen, timeSteps), lengths, true);
  }

  /** Puts sequences, and batches of them, into the order of an epoch. */
  private void order(long epoch) {
    if (orderedEpoch == epoch || (seed == null && orderedEpoch >= 0)) {
      return;
    }
    int[] all = IntStream.range(0, sequences.length).toArray();
    int[] cut = IntStream.range(0, (int) windowsPerEpoch()).toArray();
    if (seed != null) {
      // Two orders need draws of their own.
      EpochOrder.shuffle(all, seed, 2 * epoch);
      EpochOrder.shuffle(cut, seed, 2 * epoch + 1);
    }
    long pool = seed == null ? all.length : (long) POOL * batchSize;
    for (long from = 0; from < all.length; from += pool) {
      int begin = (int) from;
      int end = (int) Math.min(all.length, from + pool);
      int[] sorted =
          Arrays.stream(all, begin, end)
              .boxed()
              .sorted(Comparator.comparingInt((Integer i) -> steps[i]))
              .mapToInt(Integer::intValue)
              .toArray();
      System.arraycopy(sorted, 0, all, begin, sorted.length);
    }
    order = all;
    batches = cut;
    orderedEpoch = epoch;
  }

  private Values inputs(int[] chosen, int timeSteps) {
    if (sequences[0].inputs() instanceof Values.Tokens) {
      int[] ids = new int[timeSteps * batchSize];
      for (int b = 0; b < chosen.length; b++) {
        int[] from = ((Values.Tokens) sequences[chosen[b]].inputs()).ids();
        for (int t = 0; t < from.length; t++) {
          ids[t * batchSize + b] = from[t];
        }
      }
      return new Values.Tokens(ids);
    }
    float[] values = new float[Math.multiplyExact(timeSteps * batchSize, width)];
    for (int b = 0; b < chosen.length; b++) {
      float[] from = ((Values.Reals) sequences[chosen[b]].inputs()).values();
      for (int t = 0; t < steps[chosen[b]]; t++) {
        System.arraycopy(from, t * width, values, (t * batchSize + b) * width, width);
      }
    }
    return new Values.Reals(values);
  }

  private Values targets(int[] chosen, int timeSteps) {
    Sequence.Target kind = sequences[0].targets();
    if (kind instanceof Sequence.Unaligned) {
      int[][] labels = new int[batchSize][];
      for (int b = 0; b < chosen.length; b++) {
        labels[b] = ((Sequence.Unaligned) sequences[chosen[b]].targets()).labels();
      }
      return Values.Labels.of(labels);
    }
    if (kind instanceof Sequence.OfWhole) {
      int[] classes = new int[batchSize];
      Arrays.fill(classes, -1);
      for (int b = 0; b < chosen.length; b++) {
        classes[b] = ((Sequence.OfWhole) sequences[chosen[b]].targets()).label();
      }
      return new Values.Tokens(classes);
    }
    if (kind instanceof Sequence.OfSteps) {
      int[] classes = new int[timeSteps * batchSize];
      Arrays.fill(classes, -1);
      for (int b = 0; b < chosen.length; b++) {
        int[] from = ((Sequence.OfSteps) sequences[chosen[b]].targets()).labels();
        for (int t = 0; t < from.length; t++) {
          classes[t * batchSize + b] = from[t];
        }
      }
      return new Values.Tokens(classes);
    }
    boolean whole = kind instanceof Sequence.ValuesOfWhole;
    float[] values =
        new float[Math.multiplyExact(whole ? batchSize : timeSteps * batchSize, targetWidth)];
    for (int b = 0; b < chosen.length; b++) {
      Sequence.Target target = sequences[chosen[b]].targets();
      float[] from =
          target instanceof Sequence.ValuesOfSteps each
              ? each.values()
              : ((Sequence.ValuesOfWhole) target).values();
      for (int t = 0; t < from.length / targetWidth; t++) {
        System.arraycopy(
            from, t * targetWidth, values, (t * batchSize + b) * targetWidth, targetWidth);
      }
    }
    return new Values.Reals(values);
  }
}
