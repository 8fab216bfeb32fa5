package dev.sequor.backend;

/**
 * Which random numbers a stack draws in training: the streams, counted from that of the {@link
 * RandomKey} that it is given. Dropout above layer {@code l} has stream {@code l}; what {@link
 * CellOptions} draw comes after these.
 */
public enum RandomStreams {
  /** {@link CellOptions#inputDropout()}: element {@code b·I + i}. */
  INPUT_DROPOUT,
  /** {@link CellOptions#recurrentDropout()}: element {@code b·P + j}. */
  RECURRENT_DROPOUT,
  /** {@link CellOptions#recurrentDropConnect()}: an element's place in {@code R}, row-major. */
  RECURRENT_DROP_CONNECT,
  /** {@link CellOptions#hiddenZoneout()}: element {@code (t·B + b)·P + j} of time step t. */
  HIDDEN_ZONEOUT,
  /** {@link CellOptions#cellZoneout()}: element {@code (t·B + b)·H + j} of time step t. */
  CELL_ZONEOUT;

  private static final int COUNT = values().length;

  /** The stream of this for a layer and direction. */
  public int of(RnnSpec stack, int layer, int direction) {
    return stack.layers() + (layer * stack.directions() + direction) * COUNT + ordinal();
  }

  static int count(RnnSpec stack) {
    int blocks = stack.layers() * stack.directions();
    return stack.layers() + (stack.options().drawNumbers() ? blocks * COUNT : 0);
  }
}
