package dev.sequor.model;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The hypotheses of one sequence in a {@link BeamSearch}: which are live in which row, and what
 * each step makes of them.
 */
final class Beam {
  private final BeamSearch search;
  private final int end;
  private List<Live> live = List.of(new Live(null, -1, 0, 0));
  private final List<Hypothesis> found = new ArrayList<>();
  private int length;

  /** A prefix: its last token after another prefix, and the row of the step that it came from. */
  private record Live(@Nullable Live before, int token, int parent, double logProbability) {}

  /** A continuation of the live hypothesis in a row. */
  private record Candidate(int row, int token, double logProbability) {}

  /**
   * A beam with one empty hypothesis in row 0.
   *
   * @param end the end token; −1 for none
   */
  Beam(BeamSearch search, int end) {
    this.search = search;
    this.end = end;
  }

  /** Whether nothing is live. */
  boolean isOver() {
    return live.isEmpty();
  }

  /** The last token of the hypothesis in {@code row}, {@code otherwise} if none is live there. */
  int token(int row, int otherwise) {
    return row < live.size() && length > 0 ? live.get(row).token() : otherwise;
  }

  /** The row that the state of {@code row} comes from; the row itself if none is live there. */
  int parent(int row) {
    return row < live.size() && length > 0 ? live.get(row).parent() : row;
  }

  /**
   * One step.
   *
   * @param tokens the {@code count} likeliest tokens of each row
   * @param logarithms of their probabilities
   * @param from where row 0 begins in both
   * @param count at least the smaller of the width and the vocabulary
   */
  void advance(int[] tokens, float[] logarithms, int from, int count) {
    if (isOver()) {
      return;
    }
    List<Candidate> candidates = new ArrayList<>();
    for (int row = 0; row < live.size(); row++) {
      double before = live.get(row).logProbability();
      for (int i = 0; i < count; i++) {
        int at = from + row * count + i;
        if (tokens[at] < 0) {
          throw new IllegalArgumentException(
              "a logit of the model is not finite; needed finite numbers to choose a token from");
        }
        candidates.add(new Candidate(row, tokens[at], before + logarithms[at]));
      }
    }
    // A stable sort keeps equal ones in the order of rows, and in a row that of the tokens.
    candidates.sort(Comparator.comparingDouble(Candidate::logProbability).reversed());
    length++;
    int places = Math.min(candidates.size(), search.width() - found.size());
    List<Live> next = new ArrayList<>();
    for (Candidate c : candidates.subList(0, places)) {
      Live before = live.get(c.row());
      if (c.token() == end) {
        found.add(hypothesis(length == 1 ? null : before, true, c.logProbability()));
        continue;
      }
      Live after = new Live(length == 1 ? null : before, c.token(), c.row(), c.logProbability());
      if (length == search.maxLength()) {
        found.add(hypothesis(after, false, c.logProbability()));
      } else {
        next.add(after);
      }
    }
    live = next;
  }

  private Hypothesis hypothesis(@Nullable Live last, boolean ended, double logProbability) {
    int[] tokens = new int[ended ? length - 1 : length];
    Live at = last;
    for (int i = tokens.length - 1; i >= 0 && at != null; i--) {
      tokens[i] = at.token();
      at = at.before();
    }
    return new Hypothesis(tokens, ended, logProbability, search.score(logProbability, length));
  }

  /** What was found, the best first. */
  List<Hypothesis> best() {
    List<Hypothesis> ranked = new ArrayList<>(found);
    ranked.sort(
        Comparator.comparing((Hypothesis h) -> !h.ended())
            .thenComparing(Comparator.comparingDouble(Hypothesis::score).reversed()));
    return List.copyOf(ranked);
  }
}
