package dev.sequor.model;

/** Which hidden states of the top recurrent layer the dense layers read. */
public enum Readout {
  /** Every step: {@code T} outputs a sequence (many-to-many). */
  EVERY_STEP,
  /**
   * Each direction's hidden state after its last step, concatenated: one output a sequence
   * (many-to-one). A sequence of length 0 has none; it reads zeros and counts nothing.
   */
  LAST_STEP
}
