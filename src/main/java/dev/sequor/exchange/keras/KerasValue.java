package dev.sequor.exchange.keras;

import org.jspecify.annotations.Nullable;

/**
 * What a layer reads or gives.
 *
 * @param name the value in the draft; empty for an input of which nothing has been read yet
 * @param input the input that it is itself; null if it is computed
 * @param steps how many time steps it has; 0 if that is open, or if it has none
 * @param masked whether it has the mask of its time axis
 * @param filling what Keras has at steps that a mask leaves out
 * @param mask what it is if it is a mask, which has nothing of the above; null if it is not
 */
record KerasValue(
    String name,
    @Nullable KerasInput input,
    int steps,
    boolean masked,
    Filling filling,
    @Nullable KerasMask mask) {
  /** What is at steps that are left out. */
  enum Filling {
    /** Something of its own, which is not kept. */
    OWN,
    /** What is at the step before; before the first, what comes of zeros. */
    REPEATED,
    /** What comes of zeros. */
    AT_REST
  }

  /** Something that is no mask. */
  KerasValue(String name, @Nullable KerasInput input, int steps, boolean masked, Filling filling) {
    this(name, input, steps, masked, filling, null);
  }

  /** One vector a sequence. */
  static KerasValue vector(String name) {
    return new KerasValue(name, null, 0, false, Filling.OWN);
  }

  /** Computed row by row of this. */
  KerasValue with(String other) {
    return new KerasValue(other, null, steps, masked, filling);
  }

  /** The same with or without a mask. */
  KerasValue masked(boolean now) {
    return new KerasValue(name, input, steps, now, filling);
  }
}
