package dev.sequor.backend;

/** What a {@link RnnPlan} is for. */
public enum Mode {
  /** Forward only; nothing is kept for a backward pass and dropout is off. */
  INFERENCE,
  /** Forward keeps what backward needs in {@code saved}; dropout is on. */
  TRAINING
}
