package dev.sequor.backend;

/**
 * A recurrent stack prepared for one {@link RnnShape} and {@link Mode}: scratch memory and packed
 * weights, ready to run any number of times. Neither pass allocates. Not safe for use by several
 * threads at once. {@code dev.sequor.rnn.Rnn} is the checked way in: plans only assert.
 */
public interface RnnPlan extends AutoCloseable {
  /** Elements of {@code saved} that forward keeps for backward; 0 in inference. */
  long savedElements();

  /**
   * Runs the stack over a whole sequence. Asynchronous: results are ready after {@link
   * Backend#synchronize()} or a download.
   *
   * @throws BackendException if the device fails
   */
  void forward(RnnTensors tensors);

  /**
   * Batched back-propagation through time for the forward pass that filled {@code tensors.saved()}:
   * the same parameters, x, lengths, seed and offset. Parameter gradients accumulate; the others
   * are overwritten. The initial state is not read again ({@code saved} holds it), so the final
   * state may have replaced it.
   *
   * @throws BackendException if the device fails
   */
  void backward(RnnTensors tensors, RnnGradients gradients);

  /** Frees scratch memory and packed weights. */
  @Override
  void close();
}
