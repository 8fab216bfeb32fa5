package dev.sequor.module;

import dev.sequor.backend.Required;

/**
 * A module bound to memory, ready to run any number of times. Both directions are calls of the
 * backend that queue and do not wait, the same ones each time, so that they may be part of a
 * recorded step ({@link dev.sequor.backend.Backend#step}).
 */
public interface Pass extends AutoCloseable {
  /** From the inputs to the outputs, which are overwritten. */
  void forward();

  /**
   * From the gradients by the outputs to those by the inputs, which are overwritten, and by the
   * parameters, which are added to. Called in training only, after {@link #forward()}.
   */
  void backward();

  /** Frees what it has made besides {@link Binding#allocate}d memory. */
  @Override
  default void close() {}

  /** A pass of two functions that has nothing to free. */
  static Pass of(Runnable forward, Runnable backward) {
    Required.present("forward", forward);
    Required.present("backward", backward);
    return new Pass() {
      @Override
      public void forward() {
        forward.run();
      }

      @Override
      public void backward() {
        backward.run();
      }
    };
  }
}
