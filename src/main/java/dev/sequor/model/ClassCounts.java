package dev.sequor.model;

import java.util.ArrayList;
import java.util.List;

/**
 * What a model says of targets that are classes, by class.
 *
 * @param classes one for each class
 */
public record ClassCounts(List<Count> classes) {
  /**
   * Of one class.
   *
   * @param targets how often it is right
   * @param said how often it is found likeliest
   * @param both how often both
   */
  public record Count(long targets, long said, long both) {
    /** The part of what is said to be of this class that is; NaN if nothing is. */
    public double precision() {
      return (double) both / said;
    }

    /** The part of what is of this class that is said to be; NaN if nothing is. */
    public double recall() {
      return (double) both / targets;
    }

    /** The harmonic mean of precision and recall; NaN if the class is neither a target nor said. */
    public double f1() {
      return 2.0 * both / (targets + said);
    }
  }

  /** Counts. */
  static final class Tally {
    private final long[] targets;
    private final long[] said;
    private final long[] both;

    Tally(int classes) {
      targets = new long[classes];
      said = new long[classes];
      both = new long[classes];
    }

    void take(int target, int answer) {
      targets[target]++;
      said[answer]++;
      if (target == answer) {
        both[target]++;
      }
    }

    ClassCounts counts() {
      List<Count> counts = new ArrayList<>();
      for (int i = 0; i < targets.length; i++) {
        counts.add(new Count(targets[i], said[i], both[i]));
      }
      return new ClassCounts(counts);
    }
  }

  /** Keeps a copy. */
  public ClassCounts {
    classes = List.copyOf(classes);
  }

  /**
   * The unweighted mean of the classes' {@link Count#f1()} (macro F1), over those that are a target
   * or are said at all; NaN if there are none.
   */
  public double f1() {
    return classes.stream()
        .mapToDouble(Count::f1)
        .filter(value -> !Double.isNaN(value))
        .average()
        .orElse(Double.NaN);
  }

  /** All together. */
  public Accuracy accuracy() {
    return new Accuracy(
        classes.stream().mapToLong(Count::both).sum(),
        classes.stream().mapToLong(Count::targets).sum());
  }
}
