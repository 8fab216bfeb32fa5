package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * What a backward pass reads and writes besides the {@link RnnTensors} of its forward pass: {@link
 * #of} has what every pass needs, the {@code with…} methods add what may be absent.
 *
 * @param dParameters added to, laid out as the parameters
 * @param dy {@code [T,B,D·H]}, gradient of the loss by {@code y}; null for zeros. Elements past a
 *     sequence's end are never used
 * @param dFinalState {@code [L·D,S,B,H]}; null for zeros
 * @param dx {@code [T,B,I]}, overwritten, zero past a sequence's end; null if not wanted
 * @param dInitialState {@code [L·D,S,B,H]}, overwritten; null if not wanted
 */
public record RnnGradients(
    Buffer dParameters,
    @Nullable Buffer dy,
    @Nullable Buffer dFinalState,
    @Nullable Buffer dx,
    @Nullable Buffer dInitialState) {

  /** A pass that adds to {@code dParameters}. */
  public static RnnGradients of(Buffer dParameters) {
    return new RnnGradients(dParameters, null, null, null, null);
  }

  /** The same from the gradient by {@code y}. */
  public RnnGradients withDy(@Nullable Buffer dy) {
    return new RnnGradients(dParameters, dy, dFinalState, dx, dInitialState);
  }

  /** The same from the gradient by the final state. */
  public RnnGradients withDFinalState(@Nullable Buffer dFinalState) {
    return new RnnGradients(dParameters, dy, dFinalState, dx, dInitialState);
  }

  /** The same, to the gradient by {@code x}. */
  public RnnGradients withDx(@Nullable Buffer dx) {
    return new RnnGradients(dParameters, dy, dFinalState, dx, dInitialState);
  }

  /** The same, to the gradient by the initial state. */
  public RnnGradients withDInitialState(@Nullable Buffer dInitialState) {
    return new RnnGradients(dParameters, dy, dFinalState, dx, dInitialState);
  }
}
