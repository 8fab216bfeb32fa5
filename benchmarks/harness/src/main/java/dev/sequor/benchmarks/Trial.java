package dev.sequor.benchmarks;

import java.util.Map;

/** One case, ready to run any number of times. */
public interface Trial extends AutoCloseable {
  /** The timed call; its results are complete when it returns. */
  void run() throws Exception;

  /**
   * What the last run computed: {@code y}, and after a backward pass {@code dx}, {@code dW}, {@code
   * dR}, {@code dbW} and {@code dbR}, all laid out as in {@link Problem}.
   */
  Map<String, float[]> results() throws Exception;

  @Override
  void close() throws Exception;
}
