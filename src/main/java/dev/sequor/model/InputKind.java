package dev.sequor.model;

/** How a model's input becomes the vectors that the recurrent stack reads. */
public enum InputKind {
  /** A token's row of a learned table {@code [V,width]}. */
  EMBEDDING,
  /**
   * The same, and the table is the weights of the output layer as well (Press and Wolf, EACL 2017):
   * the layer below that must be as wide as the table.
   */
  TIED_EMBEDDING,
  /** A token's one-hot row of {@code V} columns. */
  ONE_HOT,
  /** Real vectors, as they are. */
  DENSE;

  /** Whether it has a learned table. */
  public boolean hasTable() {
    return this == EMBEDDING || this == TIED_EMBEDDING;
  }
}
