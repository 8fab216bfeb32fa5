package dev.sequor.exchange.keras;

import org.jspecify.annotations.Nullable;

/**
 * A mask among the tensors of a functional model: Keras writes down how it is computed, by
 * operations between the layers.
 *
 * @param kind of what it is
 * @param input whose elements are compared; null if it is the same everywhere
 * @param value what an element that is not there has
 */
record KerasMask(Kind kind, @Nullable KerasInput input, float value) {
  /** What a mask may be. */
  enum Kind {
    /** Which elements of an input are not the value. */
    ELEMENTS,
    /** Which steps have such an element. */
    STEPS,
    /** All. */
    ALL,
    /** None. */
    NONE
  }

  /** As a tensor. */
  KerasValue asValue() {
    return new KerasValue("", null, 0, false, KerasValue.Filling.OWN, this);
  }

  /** Whether there is an element that is not there in any of them. */
  KerasMask any() {
    return kind == Kind.ELEMENTS ? new KerasMask(Kind.STEPS, input, value) : this;
  }

  /** What is in this or in another. */
  KerasMask or(KerasMask other) {
    if (equals(other) || other.kind == Kind.NONE || kind == Kind.ALL) {
      return this;
    }
    if (kind == Kind.NONE || other.kind == Kind.ALL) {
      return other;
    }
    throw new IllegalArgumentException("puts different masks together, which is not supported");
  }
}
