package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import java.util.Arrays;

/** The pass of a module whose output has rows of its input, whichever they are. */
final class RowGather {
  private RowGather() {}

  /**
   * Rows whose numbers are always the same.
   *
   * @param width of a row
   * @param rows for each row of the output that of the input
   */
  static Pass of(Binding binding, int width, int[] rows) {
    Buffer numbers = binding.integers(rows);
    int[] readers = new int[Math.toIntExact(binding.input(0).elements() / width)];
    Arrays.fill(readers, -1);
    for (int i = 0; i < rows.length; i++) {
      if (readers[rows[i]] >= 0) {
        return of(binding, width, rows.length, numbers);
      }
      readers[rows[i]] = i;
    }
    return binding.isTraining()
        ? once(binding, width, rows.length, numbers, readers.length, binding.integers(readers))
        : of(binding, width, rows.length, numbers);
  }

  /**
   * Rows whose numbers are in memory.
   *
   * @param width of a row
   * @param count of the output's rows
   * @param rows INT32 {@code [count]}; a negative one reads zeros, and gives no gradient
   */
  static Pass of(Binding binding, int width, int count, Buffer rows) {
    Backend backend = binding.backend();
    return Pass.of(
        () -> backend.embeddingForward(count, width, rows, binding.input(0), binding.output(0)),
        () -> {
          Buffer dx = binding.neededInputGradient(0);
          backend.fill(dx, 0f);
          backend.embeddingBackward(count, width, rows, binding.neededOutputGradient(0), dx);
        });
  }

  /**
   * The same where each row is read once at most: then the gradient is a gather as well, whose work
   * grows with the rows. That of a table grows, on a GPU, with its rows times those that read it.
   *
   * @param inputs how many rows the input has
   * @param readers INT32 {@code [inputs]}, for each the row of the output that reads it; a negative
   *     one stands for none
   */
  static Pass once(Binding binding, int width, int count, Buffer rows, int inputs, Buffer readers) {
    Backend backend = binding.backend();
    return Pass.of(
        () -> backend.embeddingForward(count, width, rows, binding.input(0), binding.output(0)),
        () ->
            backend.embeddingForward(
                inputs,
                width,
                readers,
                binding.neededOutputGradient(0),
                binding.neededInputGradient(0)));
  }
}
