package dev.sequor.model;

/** How a model's input becomes the vectors that the recurrent stack reads. */
public enum InputKind {
  /** A token's row of a learned table {@code [V,width]}. */
  EMBEDDING,
  /** A token's one-hot row of {@code V} columns. */
  ONE_HOT,
  /** Real vectors, as they are. */
  DENSE
}
