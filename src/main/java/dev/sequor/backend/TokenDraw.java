package dev.sequor.backend;

import java.util.Arrays;

/** Draws tokens from logits, for one vocabulary. Keeps its memory between draws. */
final class TokenDraw {
  /** Instead of a token. */
  static final int NONE = -1;

  private final float[] logits;
  private final double[] weights;

  /**
   * One key a token, ascending from the most to the least likely: the upper half orders the logits,
   * descending, the lower half is the token.
   */
  private final long[] order;

  TokenDraw(int vocabularySize) {
    this.logits = new float[vocabularySize];
    this.weights = new double[vocabularySize];
    this.order = new long[vocabularySize];
  }

  /** Where to put the logits before a draw. */
  float[] logits() {
    return logits;
  }

  /**
   * The token that the random {@code word} picks.
   *
   * @return {@value #NONE} if a logit is not finite
   */
  int draw(DrawShape shape, int word) {
    int likeliest = 0;
    for (int token = 0; token < logits.length; token++) {
      if (!Float.isFinite(logits[token])) {
        return NONE;
      }
      if (logits[token] > logits[likeliest]) {
        likeliest = token;
      }
    }
    if (shape.temperature() == 0f) {
      return likeliest;
    }
    for (int token = 0; token < logits.length; token++) {
      order[token] = (long) descending(logits[token]) << 32 | token;
    }
    if (shape.needsOrder()) {
      Arrays.sort(order);
    }
    int kept = shape.tokensKept();
    double total = 0;
    for (int i = 0; i < kept; i++) {
      double scaled = ((double) logits[(int) order[i]] - logits[likeliest]) / shape.temperature();
      weights[i] = StrictMath.exp(scaled);
      total += weights[i];
    }
    if (shape.topP() < 1f) {
      double nucleus = shape.topP() * total;
      double sum = 0;
      int reaching = 0;
      while (reaching < kept && (reaching == 0 || sum < nucleus)) {
        sum += weights[reaching++];
      }
      kept = reaching;
      total = sum;
    }
    if (shape.minP() > 0f) {
      total = 0;
      for (int i = 0; i < kept; i++) {
        if (weights[i] < shape.minP()) { // the likeliest has the weight 1
          weights[i] = 0;
        }
        total += weights[i];
      }
    }
    double point = Philox.uniform(word) * total;
    double sum = 0;
    int picked = 0;
    for (int i = 0; i < kept; i++) {
      if (weights[i] > 0) {
        picked = i; // Stays here if rounding lets the point lie beyond the last sum.
        sum += weights[i];
        if (point < sum) {
          break;
        }
      }
    }
    return (int) order[picked];
  }

  /** An integer that is smaller the larger {@code value} is; 0 and −0 are one. */
  private static int descending(float value) {
    int bits = Float.floatToIntBits(value + 0f);
    return bits < 0 ? bits & 0x7FFFFFFF : ~bits;
  }
}
