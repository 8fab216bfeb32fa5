package dev.sequor.backend.java;

/**
 * The maths of a cell with one recurrent product a step, element by element: the counterpart of the
 * cell's header in {@code native/include/sequor/cells}. Time loop and products are the driver's.
 */
interface LayerCell {
  /** {@code K}, the values per element that forward keeps for backward. */
  int saved();

  /** Index of the state that {@code R} multiplies: 0 for {@code h}. */
  default int recurrentState() {
    return 0;
  }

  /** Whether the gradients by {@code W x} and by {@code R s} are always equal. */
  default boolean sharedGradient() {
    return true;
  }

  /** Fills {@code next} and {@code saved} of the first {@code n} elements. */
  void forward(CellRows rows, int n);

  /** Fills {@code dwx}, {@code drh}, {@code dState} and {@code dp} of the first {@code n}. */
  void backward(CellRows rows, int n);
}
