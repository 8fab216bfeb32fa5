package dev.sequor.cli;

import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Tokens;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import java.util.SplittableRandom;

/** What a model of text reads while it is looked at. */
final class DiagnosedText {
  private DiagnosedText() {}

  /**
   * Parts of a text, evenly spread over it.
   *
   * @throws IllegalArgumentException if the text is shorter than one of them
   */
  static Window window(Tokens tokens, String name, String unit, int steps, int sequences) {
    if (tokens.size() <= steps) {
      throw new IllegalArgumentException(
          name
              + ": holds "
              + tokens.size()
              + " "
              + unit
              + "s; --steps "
              + steps
              + " needs "
              + (steps + 1));
    }
    int[] parts = new int[sequences * (steps + 1)];
    long last = tokens.size() - steps - 1;
    for (int b = 0; b < sequences; b++) {
      long from = sequences == 1 ? 0 : last * b / (sequences - 1);
      tokens.copy(from, parts, b * (steps + 1), steps + 1);
    }
    return window(parts, steps, sequences);
  }

  /** Symbols that have nothing to do with each other. */
  static Window random(int symbols, int steps, int sequences, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    return window(
        random.ints((long) sequences * (steps + 1), 0, symbols).toArray(), steps, sequences);
  }

  private static Window window(int[] parts, int steps, int sequences) {
    int[] read = new int[steps * sequences];
    int[] next = new int[steps * sequences];
    for (int b = 0; b < sequences; b++) {
      for (int t = 0; t < steps; t++) {
        read[t * sequences + b] = parts[b * (steps + 1) + t];
        next[t * sequences + b] = parts[b * (steps + 1) + t + 1];
      }
    }
    return new SeriesWindow(
        steps, sequences, new Values.Tokens(read), new Values.Tokens(next), null, true);
  }
}
