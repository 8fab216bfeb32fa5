package dev.sequor.backend.cuda;

import dev.sequor.backend.cuda.Products.Matrix;

/** The products with {@code W} of whole chunks of time steps, and the rows of {@code x} in them. */
final class InputProducts {
  private final LayerSpec layer;
  private final LayerSizes sizes;
  private final LayerMemory memory;

  InputProducts(LayerSpec layer, LayerMemory memory) {
    this.layer = layer;
    this.sizes = layer.sizes();
    this.memory = memory;
  }

  /**
   * The rows that the steps {@code [k0, k1)} read, as a product's left operand: the caller's own
   * memory where that is what products multiply, else a copy in the order of the steps.
   */
  Matrix rows(WorkQueue queue, long x, long lengths, int k0, int k1) {
    if (layer.math() == MathMode.FP32 && lengths == 0 && !sizes.reverse()) {
      long row = (long) k0 * sizes.batchSize();
      return Matrix.of(x + row * sizes.inputSize() * Float.BYTES, sizes.inputSize());
    }
    int padded = sizes.paddedInput();
    queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .int32(sizes.reverse() ? 1 : 0)
        .pointer(lengths)
        .int32(k0)
        .int32(k1 - k0)
        .int32(sizes.inputSize())
        .int32(padded)
        .pointer(x)
        .pointer(memory.input)
        .int32(layer.math().operandType());
    queue.launch(queue.kernel("gather_input"), (long) (k1 - k0) * sizes.batchSize() * padded / 4);
    return Matrix.of(memory.input, padded);
  }

  /** {@code W x} of the steps {@code [k0, k1)} to {@link LayerMemory#preactivations}. */
  void forward(WorkQueue queue, LayerPath.Forward f, int k0, int k1) {
    Matrix x = rows(queue, f.x(), f.lengths(), k0, k1);
    queue
        .products()
        .multiply(
            (k1 - k0) * sizes.batchSize(),
            layer.gateColumns(),
            x.rowElements(), // with the padding where there is some: whole 16-byte words are faster
            x,
            Matrix.transposed(memory.inputWeights, sizes.paddedInput()),
            false,
            memory.preactivations,
            layer.gateColumns());
  }

  /**
   * The gradient by {@code x} of the steps {@code [k0, k1)}, from {@link
   * LayerMemory#inputGateGradients}: to {@code dx}, or for the reverse direction to memory of its
   * own.
   */
  void backward(WorkQueue queue, long dx, int k0, int k1) {
    long row = (long) k0 * sizes.batchSize() * sizes.inputSize() * Float.BYTES;
    queue
        .products()
        .multiply(
            (k1 - k0) * sizes.batchSize(),
            sizes.inputSize(),
            layer.gateColumns(),
            Matrix.of(memory.inputGateGradients, layer.gateColumns()),
            Matrix.of(memory.inputWeights, sizes.paddedInput()),
            false,
            (sizes.reverse() ? memory.inputGradient : dx) + row,
            sizes.inputSize());
  }

  /** Adds what the reverse direction's {@link #backward} kept to {@code dx}. */
  void addReverse(WorkQueue queue, long lengths, long dx) {
    queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .int32(1)
        .pointer(lengths)
        .int32(sizes.inputSize())
        .pointer(memory.inputGradient)
        .pointer(dx);
    queue.launch(queue.kernel("scatter_add_input"), sizes.rows() * ((sizes.inputSize() + 3) / 4));
  }
}
