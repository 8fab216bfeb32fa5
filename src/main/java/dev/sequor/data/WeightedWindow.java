package dev.sequor.data;

/**
 * A window whose targets count more or less, see {@link Window#weights()}.
 *
 * @param window inputs and targets
 * @param weights {@code [T,B]} or {@code [B]}, each at least 0; the model checks them
 */
@SuppressWarnings("ArrayRecordComponent") // Windows are large and short-lived: no copies.
public record WeightedWindow(Window window, float[] weights) implements WindowWithMore {}
