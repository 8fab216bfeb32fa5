package dev.sequor.task;

/** What a network reads and what it writes. */
public enum Architecture {
  /** One vector in, one answer out; no recurrence. */
  ONE_TO_ONE("one-to-one"),
  /** One token in, a sequence out. */
  ONE_TO_MANY("one-to-many"),
  /** A sequence in, one answer out. */
  MANY_TO_ONE("many-to-one"),
  /** A sequence in, an answer at each of its steps. */
  MANY_TO_MANY("many-to-many"),
  /** A sequence in, and then another of any length out. */
  ENCODER_DECODER("encoder-decoder");

  private final String words;

  Architecture(String words) {
    this.words = words;
  }

  /** Its usual name, for example {@code many-to-one}. */
  @Override
  public String toString() {
    return words;
  }
}
