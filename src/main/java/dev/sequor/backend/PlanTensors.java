package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * {@link RnnTensors} as an {@link EnginePlan} sees them: the memory behind each buffer.
 *
 * @param parameters see {@link RnnTensors#parameters()}, and so on
 * @param x {@code [T,B,I]}
 * @param y {@code [T,B,D·H]}
 * @param lengths INT32 {@code [B]} or null
 * @param initialState {@code [L·D,S,B,H]} or null
 * @param finalState {@code [L·D,S,B,H]} or null
 * @param saved at least {@link EnginePlan#savedElements()}; null in inference
 * @param dropoutKey a {@link RandomKey} where one is needed
 */
public record PlanTensors(
    Memory parameters,
    Memory x,
    Memory y,
    @Nullable Memory lengths,
    @Nullable Memory initialState,
    @Nullable Memory finalState,
    @Nullable Memory saved,
    @Nullable Memory dropoutKey) {

  static PlanTensors of(RnnTensors t, Mode mode) {
    return new PlanTensors(
        t.parameters().memory(),
        t.x().memory(),
        t.y().memory(),
        memory(t.lengths()),
        memory(t.initialState()),
        memory(t.finalState()),
        mode == Mode.TRAINING ? memory(t.saved()) : null,
        memory(t.dropoutKey()));
  }

  static @Nullable Memory memory(@Nullable Buffer buffer) {
    return buffer == null ? null : buffer.memory();
  }
}
