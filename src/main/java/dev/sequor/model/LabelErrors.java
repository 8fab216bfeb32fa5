package dev.sequor.model;

/**
 * How far sequences of labels are from what they should be.
 *
 * @param edits labels to insert, delete or replace at least, to make all of them right
 * @param labels how many there should be
 * @param wrong sequences with any edit
 * @param sequences how many there were
 */
public record LabelErrors(long edits, long labels, long wrong, long sequences) {
  /** Of no sequence. */
  static final LabelErrors NONE = new LabelErrors(0, 0, 0, 0);

  /** Of one sequence: the edit distance (Levenshtein 1966) between two. */
  public static LabelErrors of(int[] target, int[] said) {
    int[] distances = new int[said.length + 1]; // from the target so far, to each prefix
    for (int j = 0; j < distances.length; j++) {
      distances[j] = j;
    }
    for (int i = 1; i <= target.length; i++) {
      int diagonal = distances[0];
      distances[0] = i;
      for (int j = 1; j < distances.length; j++) {
        int replaced = diagonal + (target[i - 1] == said[j - 1] ? 0 : 1);
        diagonal = distances[j];
        distances[j] = Math.min(replaced, 1 + Math.min(distances[j], distances[j - 1]));
      }
    }
    int edits = distances[said.length];
    return new LabelErrors(edits, target.length, edits == 0 ? 0 : 1, 1);
  }

  /** The label error rate, edits by labels, which may be more than 1; NaN if there were none. */
  public double rate() {
    return (double) edits / labels;
  }

  /** The fraction of sequences that are exactly right, 0 to 1; NaN if there were none. */
  public double exactMatch() {
    return (double) (sequences - wrong) / sequences;
  }

  /** Both together. */
  public LabelErrors plus(LabelErrors other) {
    return new LabelErrors(
        edits + other.edits,
        labels + other.labels,
        wrong + other.wrong,
        sequences + other.sequences);
  }
}
