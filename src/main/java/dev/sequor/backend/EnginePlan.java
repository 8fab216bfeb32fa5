package dev.sequor.backend;

/**
 * An engine's side of a {@link RnnPlan}: scratch memory and packed weights for one {@link RnnShape}
 * and {@link Mode}. Neither pass allocates. Arguments have been checked.
 */
public interface EnginePlan {
  /** Elements of {@code saved} that forward keeps for backward; 0 in inference. */
  long savedElements();

  /** See {@link RnnPlan#forward}. */
  void forward(PlanTensors tensors);

  /** See {@link RnnPlan#backward}; only called in {@link Mode#TRAINING}. */
  void backward(PlanTensors tensors, PlanGradients gradients);

  /** Frees everything; called once, when no queued work uses it any more. */
  void close();
}
