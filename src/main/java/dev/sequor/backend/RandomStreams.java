package dev.sequor.backend;

/**
 * Which random numbers a stack draws in training: the streams, counted from that of the {@link
 * RandomKey} that it is given. Dropout above layer {@code l} has stream {@code l}; what {@link
 * CellOptions} draw comes after these.
 */
public enum RandomStreams {
  /**
   * {@link CellOptions#inputDropout()}: element {@code b·I + i}. Both directions read the same
   * input, so they have the stream of the first.
   */
  INPUT_DROPOUT(0),
  /** {@link CellOptions#recurrentDropout()}: element {@code b·P + j}. */
  RECURRENT_DROPOUT(1),
  /** {@link CellOptions#recurrentDropConnect()}: an element's place in {@code R}, row-major. */
  RECURRENT_DROP_CONNECT(2),
  /** {@link CellOptions#hiddenZoneout()}: element {@code (t·B + b)·P + j} of time step t. */
  HIDDEN_ZONEOUT(3),
  /** {@link CellOptions#cellZoneout()}: element {@code (t·B + b)·H + j} of time step t. */
  CELL_ZONEOUT(4);

  private static final int COUNT = values().length;

  private final int number;

  RandomStreams(int number) {
    this.number = number;
  }

  /** The stream of this for a layer and direction. */
  public int of(RnnSpec stack, int layer, int direction) {
    return stack.layers() + (layer * stack.directions() + direction) * COUNT + number;
  }

  static int count(RnnSpec stack) {
    int blocks = stack.layers() * stack.directions();
    return stack.layers() + (stack.options().drawNumbers() ? blocks * COUNT : 0);
  }
}
