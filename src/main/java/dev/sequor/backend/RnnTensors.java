package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * What a forward pass reads and writes: {@link #of} has what every pass needs, the {@code with…}
 * methods add what may be absent.
 *
 * @param parameters the flat parameters, see {@link ParameterLayout}
 * @param x {@code [T,B,I]}, time-major; elements past a sequence's end are never used
 * @param y {@code [T,B,D·H]}, overwritten; zero past a sequence's end
 * @param lengths INT32 {@code [B]}, each 0…T, in any order; null when every sequence has T steps
 * @param initialState {@code [L·D,S,B,H]}, not modified; null for zeros
 * @param finalState {@code [L·D,S,B,H]}, overwritten; the state of each sequence at its own end.
 *     May be the same memory as {@code initialState}
 * @param saved at least {@link RnnPlan#savedElements()}, overwritten; a slice starts at a multiple
 *     of 4 elements of its buffer; null in inference
 * @param dropoutKey a {@link RandomKey}, for training with dropout between layers: dropout above
 *     layer {@code l} takes the numbers of its stream plus {@code l}
 */
public record RnnTensors(
    Buffer parameters,
    Buffer x,
    Buffer y,
    @Nullable Buffer lengths,
    @Nullable Buffer initialState,
    @Nullable Buffer finalState,
    @Nullable Buffer saved,
    @Nullable Buffer dropoutKey) {

  /** A pass over sequences of T steps each, from zero states. */
  public static RnnTensors of(Buffer parameters, Buffer x, Buffer y) {
    return new RnnTensors(parameters, x, y, null, null, null, null, null);
  }

  /** The same with {@code lengths}. */
  public RnnTensors withLengths(@Nullable Buffer lengths) {
    return new RnnTensors(parameters, x, y, lengths, initialState, finalState, saved, dropoutKey);
  }

  /** The same from {@code initialState}. */
  public RnnTensors withInitialState(@Nullable Buffer initialState) {
    return new RnnTensors(parameters, x, y, lengths, initialState, finalState, saved, dropoutKey);
  }

  /** The same, to {@code finalState}. */
  public RnnTensors withFinalState(@Nullable Buffer finalState) {
    return new RnnTensors(parameters, x, y, lengths, initialState, finalState, saved, dropoutKey);
  }

  /** The same, keeping in {@code saved} what backward needs. */
  public RnnTensors withSaved(@Nullable Buffer saved) {
    return new RnnTensors(parameters, x, y, lengths, initialState, finalState, saved, dropoutKey);
  }

  /** The same with the dropout bits of {@code dropoutKey}. */
  public RnnTensors withDropoutKey(@Nullable Buffer dropoutKey) {
    return new RnnTensors(parameters, x, y, lengths, initialState, finalState, saved, dropoutKey);
  }
}
