package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * What a backward pass reads and writes besides the {@link RnnTensors} of its forward pass; {@code
 * null} stands for "absent".
 *
 * @param dy {@code [T,B,D·H]}, gradient of the loss by {@code y}; null for zeros. Elements past a
 *     sequence's end are never used
 * @param dFinalState {@code [L·D,S,B,H]}; null for zeros
 * @param dParameters added to, laid out as the parameters
 * @param dx {@code [T,B,I]}, overwritten, zero past a sequence's end; null if not wanted
 * @param dInitialState {@code [L·D,S,B,H]}, overwritten; null if not wanted
 */
public record RnnGradients(
    @Nullable Buffer dy,
    @Nullable Buffer dFinalState,
    Buffer dParameters,
    @Nullable Buffer dx,
    @Nullable Buffer dInitialState) {}
