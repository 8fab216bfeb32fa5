package dev.sequor.exchange.dl4j;

import java.util.Arrays;

/** The parameters of a network, of one layer after the other. */
final class Dl4jParameters {
  private final float[] all;
  private int taken;

  Dl4jParameters(float[] all) {
    this.all = all;
  }

  /** The next {@code count}. */
  float[] take(long count) {
    if (count > all.length - taken) {
      throw new IllegalArgumentException(
          "needs " + count + " parameters; the file has " + (all.length - taken) + " more");
    }
    float[] values = Arrays.copyOfRange(all, taken, taken + (int) count);
    taken += (int) count;
    return values;
  }

  /** Refuses parameters that no layer has taken. */
  void requireTaken() {
    if (taken != all.length) {
      throw new IllegalArgumentException(
          "has " + all.length + " parameters; its layers need " + taken);
    }
  }
}
