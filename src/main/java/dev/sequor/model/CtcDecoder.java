package dev.sequor.model;

import dev.sequor.backend.Loss;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What the outputs of a model say that was trained with a {@linkplain Loss.Ctc loss of label
 * sequences}. On the host, from outputs {@code [T,B,N]} before the softmax, of which those past a
 * sequence's end are not looked at.
 */
public final class CtcDecoder {
  private CtcDecoder() {}

  /**
   * Labels and their probability.
   *
   * @param labels without blanks
   * @param logProbability {@code log P(labels)}, over the alignments that were followed: at most
   *     the true one, and equal to it if the beam left nothing out
   */
  @SuppressWarnings("ArrayRecordComponent") // a result: compare the labels
  public record Hypothesis(int[] labels, double logProbability) {}

  /**
   * The labels of the likeliest path: the likeliest class of every step, of equal ones the first;
   * repeats once, blanks dropped. Fast, and close to the likeliest labels where outputs are sure.
   *
   * @param outputs {@code [T,B,N]}
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps
   * @return one array a sequence
   * @throws IllegalArgumentException if an argument does not fit, or an output is NaN
   */
  public static int[][] bestPath(
      float[] outputs,
      int timeSteps,
      int batchSize,
      int outputSize,
      int @Nullable [] lengths,
      int blank) {
    check(outputs, timeSteps, batchSize, outputSize, lengths, blank);
    int[][] all = new int[batchSize][];
    int[] labels = new int[timeSteps];
    for (int b = 0; b < batchSize; b++) {
      int count = 0;
      int before = blank;
      for (int t = 0; t < (lengths == null ? timeSteps : lengths[b]); t++) {
        int at = (t * batchSize + b) * outputSize;
        int best = 0;
        for (int j = 1; j < outputSize; j++) {
          best = outputs[at + j] > outputs[at + best] ? j : best;
        }
        if (best != blank && best != before) {
          labels[count++] = best;
        }
        before = best;
      }
      all[b] = Arrays.copyOf(labels, count);
    }
    return all;
  }

  private static void check(
      float[] outputs,
      int timeSteps,
      int batchSize,
      int outputSize,
      int @Nullable [] lengths,
      int blank) {
    if (Math.min(timeSteps, Math.min(batchSize, outputSize)) < 1
        || outputs.length != (long) timeSteps * batchSize * outputSize) {
      throw new IllegalArgumentException(
          "outputs holds "
              + outputs.length
              + " elements; T="
              + timeSteps
              + " B="
              + batchSize
              + " N="
              + outputSize
              + " needs their product, each at least 1");
    }
    if (blank < 0 || blank >= outputSize) {
      throw new IllegalArgumentException(
          "blank is " + blank + "; needed a class, 0 to " + (outputSize - 1));
    }
    if (lengths != null && lengths.length != batchSize) {
      throw new IllegalArgumentException(
          "lengths holds " + lengths.length + " elements; needed B=" + batchSize);
    }
    for (int b = 0; b < batchSize; b++) {
      int steps = lengths == null ? timeSteps : lengths[b];
      if (steps < 0 || steps > timeSteps) {
        throw new IllegalArgumentException(
            "lengths[" + b + "] is " + steps + "; needed 0 to T=" + timeSteps);
      }
      for (int i = 0; i < steps * outputSize; i++) {
        int t = i / outputSize;
        if (Float.isNaN(outputs[(t * batchSize + b) * outputSize + i % outputSize])) {
          throw new IllegalArgumentException(
              "output " + i % outputSize + " at t=" + t + " b=" + b + " is NaN; needed a number");
        }
      }
    }
  }

  /**
   * The likeliest labels by prefix beam search (Graves 2012, Hannun et al. arXiv:1408.2873): unlike
   * a path's, the probability of labels is summed over their alignments. Exact if {@code width} is
   * at least the number of prefixes there are.
   *
   * @param outputs {@code [T,B,N]}
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps
   * @param width prefixes kept at every step, at least 1; may be more than there are
   * @return for each sequence at most {@code width} hypotheses, the likeliest first, at least one
   * @throws IllegalArgumentException if an argument does not fit, or an output is NaN
   */
  public static List<List<Hypothesis>> beam(
      float[] outputs,
      int timeSteps,
      int batchSize,
      int outputSize,
      int @Nullable [] lengths,
      int blank,
      int width) {
    check(outputs, timeSteps, batchSize, outputSize, lengths, blank);
    if (width < 1) {
      throw new IllegalArgumentException("width is " + width + "; needed at least 1");
    }
    List<List<Hypothesis>> all = new ArrayList<>();
    for (int b = 0; b < batchSize; b++) {
      Search search = new Search(blank, width);
      double[] logP = new double[outputSize];
      for (int t = 0; t < (lengths == null ? timeSteps : lengths[b]); t++) {
        Outputs.logSoftmax(outputs, (t * batchSize + b) * outputSize, logP);
        search.step(logP);
      }
      all.add(search.hypotheses());
    }
    return all;
  }

  private static double logAdd(double a, double b) {
    double top = Math.max(a, b);
    return top == Double.NEGATIVE_INFINITY ? top : top + Math.log1p(Math.exp(Math.min(a, b) - top));
  }

  /** Labels so far, as a node of the tree of those that matter. */
  private static final class Prefix {
    final @Nullable Prefix parent;
    final int label;
    final int length;
    final Map<Integer, Prefix> longer = new LinkedHashMap<>();

    /** Logarithms of the probability of the paths that end in a blank, and in the last label. */
    double blank = Double.NEGATIVE_INFINITY;

    double said = Double.NEGATIVE_INFINITY;
    double nextBlank = Double.NEGATIVE_INFINITY;
    double nextSaid = Double.NEGATIVE_INFINITY;
    boolean kept;

    Prefix(@Nullable Prefix parent, int label) {
      this.parent = parent;
      this.label = label;
      this.length = parent == null ? 0 : parent.length + 1;
    }

    double total() {
      return logAdd(blank, said);
    }

    /** Leaves the tree, with those before it that were there for it alone. */
    void drop() {
      Prefix node = this;
      while (node.parent != null && !node.kept && node.longer.isEmpty()) {
        node.parent.longer.remove(node.label);
        node = node.parent;
      }
    }

    int[] labels() {
      int[] labels = new int[length];
      for (Prefix node = this; node.parent != null; node = node.parent) {
        labels[node.length - 1] = node.label;
      }
      return labels;
    }
  }

  /** One sequence. */
  private static final class Search {
    private final int blank;
    private final int width;

    /** The likeliest first. */
    private List<Prefix> beam = new ArrayList<>();

    Search(int blank, int width) {
      this.blank = blank;
      this.width = width;
      Prefix empty = new Prefix(null, blank);
      empty.blank = 0;
      empty.kept = true;
      beam.add(empty);
    }

    void step(double[] logP) {
      // In the order of their making, so that ties always fall the same way.
      Map<Prefix, Boolean> touched = new LinkedHashMap<>();
      for (Prefix prefix : beam) {
        double total = prefix.total();
        prefix.nextBlank = logAdd(prefix.nextBlank, total + logP[blank]);
        if (prefix.length > 0) {
          prefix.nextSaid = logAdd(prefix.nextSaid, prefix.said + logP[prefix.label]);
        }
        touched.put(prefix, true);
        for (int label = 0; label < logP.length; label++) {
          boolean repeats = prefix.length > 0 && label == prefix.label;
          double longer = (repeats ? prefix.blank : total) + logP[label];
          if (label != blank && longer > Double.NEGATIVE_INFINITY) {
            Prefix next = prefix.longer.computeIfAbsent(label, l -> new Prefix(prefix, l));
            next.nextSaid = logAdd(next.nextSaid, longer);
            touched.put(next, true);
          }
        }
      }
      List<Prefix> ranked = new ArrayList<>(touched.keySet());
      for (Prefix prefix : ranked) {
        prefix.blank = prefix.nextBlank;
        prefix.said = prefix.nextSaid;
        prefix.nextBlank = Double.NEGATIVE_INFINITY;
        prefix.nextSaid = Double.NEGATIVE_INFINITY;
      }
      ranked.sort(Comparator.comparingDouble(Prefix::total).reversed());
      beam = new ArrayList<>(ranked.subList(0, Math.min(width, ranked.size())));
      ranked.forEach(prefix -> prefix.kept = false);
      beam.forEach(prefix -> prefix.kept = true);
      ranked.subList(beam.size(), ranked.size()).forEach(Prefix::drop);
    }

    List<Hypothesis> hypotheses() {
      return beam.stream().map(prefix -> new Hypothesis(prefix.labels(), prefix.total())).toList();
    }
  }
}
