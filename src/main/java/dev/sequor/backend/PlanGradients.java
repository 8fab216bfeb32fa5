package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * {@link RnnGradients} as an {@link EnginePlan} sees them: the memory behind each buffer.
 *
 * @param dParameters added to
 * @param dy {@code [T,B,D·H]} or null
 * @param dFinalState {@code [L·D,S,B,H]} or null
 * @param dx {@code [T,B,I]} or null
 * @param dInitialState {@code [L·D,S,B,H]} or null
 */
public record PlanGradients(
    Memory dParameters,
    @Nullable Memory dy,
    @Nullable Memory dFinalState,
    @Nullable Memory dx,
    @Nullable Memory dInitialState) {

  static PlanGradients of(RnnGradients g) {
    return new PlanGradients(
        g.dParameters().memory(),
        PlanTensors.memory(g.dy()),
        PlanTensors.memory(g.dFinalState()),
        PlanTensors.memory(g.dx()),
        PlanTensors.memory(g.dInitialState()));
  }
}
