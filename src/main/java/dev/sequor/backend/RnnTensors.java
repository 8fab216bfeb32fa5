package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * What a forward pass reads and writes; {@code null} stands for "absent".
 *
 * @param parameters the flat parameters, see {@link ParameterLayout}
 * @param x {@code [T,B,I]}, time-major; elements past a sequence's end are never used
 * @param lengths INT32 {@code [B]}, each 0…T, in any order; null when every sequence has T steps
 * @param initialState {@code [L·D,S,B,H]}, not modified; null for zeros
 * @param y {@code [T,B,D·H]}, overwritten; zero past a sequence's end
 * @param finalState {@code [L·D,S,B,H]}, overwritten; the state of each sequence at its own end.
 *     May be the same memory as {@code initialState}
 * @param saved at least {@link RnnPlan#savedElements()}, overwritten; null in inference
 * @param dropoutSeed key of the dropout bits
 * @param dropoutOffset distinguishes calls: the same seed and offset draw the same bits on every
 *     backend
 */
public record RnnTensors(
    Buffer parameters,
    Buffer x,
    @Nullable Buffer lengths,
    @Nullable Buffer initialState,
    Buffer y,
    @Nullable Buffer finalState,
    @Nullable Buffer saved,
    long dropoutSeed,
    long dropoutOffset) {}
