package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.MaximumShape;
import dev.sequor.backend.Required;
import java.util.List;
import java.util.function.Consumer;

/**
 * One vector a sequence, of all its steps: their sum, mean or maximum, column by column. Padding
 * counts nothing; a sequence of length 0 gives zeros.
 *
 * @param how which of them
 */
public record Pool(How how) implements Module {
  /**
   * Checks that there is a way.
   *
   * @throws IllegalArgumentException if not
   */
  public Pool {
    Required.present("how", how);
  }

  /** Ways of pooling. */
  public enum How {
    /** The sum of all steps. */
    SUM,
    /** The sum of all steps, times one over their number. */
    MEAN,
    /**
     * The largest element of each column; the first of equal ones gets the gradient, see {@link
     * MaximumShape}.
     */
    MAXIMUM
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Sequence x = Shapes.onlySequence(this, inputs);
    return List.of(new Output("y", new ValueShape.Vector(x.axis(), x.width())));
  }

  /** A window holds a part of a sequence, and what comes of that is not what comes of all of it. */
  @Override
  public boolean canContinue(List<ValueShape> inputs) {
    Shapes.copy("inputs", inputs);
    return false;
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Required.present("binding", binding);
    return how == How.MAXIMUM ? maximum(binding) : sum(binding);
  }

  private static Pass maximum(Binding binding) {
    Backend backend = binding.backend();
    MaximumShape shape =
        new MaximumShape(binding.timeSteps(0), binding.batchSize(), binding.inputShape(0).width());
    int columns = shape.outputElements();
    Buffer from = binding.allocate(DType.INT32, columns);
    return Pass.of(
        () ->
            backend.maximumOverTime(
                shape, binding.input(0), binding.lengths(0), binding.output(0), from),
        () -> {
          Buffer dx = binding.neededInputGradient(0);
          backend.fill(dx, 0f);
          backend.embeddingBackward(columns, 1, from, binding.neededOutputGradient(0), dx);
        });
  }

  private Pass sum(Binding binding) {
    Backend backend = binding.backend();
    int batchSize = binding.batchSize();
    int width = binding.inputShape(0).width();
    int rows = binding.rows(0);
    // The row of y that each row of x belongs to; padding to none.
    Buffer sequences =
        binding.fromLengths(
            0,
            rows,
            (lengths, to) -> {
              for (int row = 0; row < rows; row++) {
                int b = row % batchSize;
                to.put(row / batchSize < lengths[b] ? b : -1);
              }
            });
    Consumer<Buffer> divide = how == How.MEAN ? byLengths(binding) : vectors -> {};
    return Pass.of(
        () -> {
          Buffer y = binding.output(0);
          backend.fill(y, 0f);
          backend.embeddingBackward(rows, width, sequences, binding.input(0), y);
          divide.accept(y);
        },
        () -> {
          Buffer dy = binding.neededOutputGradient(0);
          divide.accept(dy);
          backend.embeddingForward(rows, width, sequences, dy, binding.neededInputGradient(0));
        });
  }

  /** Divides vectors of sequences by the number of their steps. */
  private static Consumer<Buffer> byLengths(Binding binding) {
    Backend backend = binding.backend();
    int batchSize = binding.batchSize();
    int width = binding.inputShape(0).width();
    // Row n is full of 1/n, so that the length of a sequence is the row of its factors; row 0 is
    // zeros.
    int steps = binding.timeSteps(0);
    Buffer table = binding.allocate(DType.FLOAT32, (steps + 1L) * width);
    for (int n = 1; n <= steps; n++) {
      backend.fill(table.slice((long) n * width, width), 1f / n);
    }
    Buffer lengths = binding.fromLengths(0, batchSize, (all, to) -> to.put(all));
    Buffer factors = binding.allocate(DType.FLOAT32, (long) batchSize * width);
    return vectors -> {
      backend.embeddingForward(batchSize, width, lengths, table, factors);
      backend.multiply(vectors, factors, vectors, false);
    };
  }
}
