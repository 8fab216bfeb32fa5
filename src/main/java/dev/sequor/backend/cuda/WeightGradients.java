package dev.sequor.backend.cuda;

import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.cuda.Products.Matrix;

/**
 * The gradients of a layer's parameters, in large products and sums over chunks of time steps, from
 * gate gradients in {@link LayerMemory}, whoever has put them there. They are added to what the
 * caller has.
 */
final class WeightGradients {
  private final LayerSpec layer;
  private final CudaCell cell;
  private final LayerSizes sizes;
  private final LayerMemory memory;

  WeightGradients(LayerSpec layer, LayerMemory memory) {
    this.layer = layer;
    this.cell = layer.cell();
    this.sizes = layer.sizes();
    this.memory = memory;
  }

  /**
   * Adds the share of a chunk of {@code steps} to the gradients of W, R and the biases.
   *
   * @param x the chunk's rows of the input
   * @param operand the first row of what {@code R} multiplied in these steps {@code [C·B,Hp]}
   * @param gated the same for the second product of cells that have one
   * @param dParameters the block of the gradients
   */
  void add(WorkQueue queue, int steps, Matrix x, long operand, long gated, long dParameters) {
    int rows = steps * sizes.batchSize();
    addGateProducts(
        queue,
        rows,
        memory.inputGateGradients,
        0,
        cell.gates(),
        x,
        sizes.inputSize(),
        layer.at(dParameters, Kind.INPUT_WEIGHTS));
    int first = cell.twoProducts() ? cell.gates() - 1 : cell.gates();
    addGateProducts(
        queue,
        rows,
        memory.recurrentGateGradients,
        0,
        first,
        Matrix.of(operand, sizes.paddedHidden()),
        sizes.hiddenSize(),
        layer.at(dParameters, Kind.RECURRENT_WEIGHTS));
    if (cell.twoProducts()) {
      addGateProducts(
          queue,
          rows,
          memory.recurrentGateGradients,
          first,
          1,
          Matrix.of(gated, sizes.paddedHidden()),
          sizes.hiddenSize(),
          layer.at(dParameters, Kind.RECURRENT_WEIGHTS));
    }
    addBiases(queue, rows, dParameters);
  }

  /**
   * {@code to_g [H,columns] += dgates_gᵀ · right} for the gates {@code [first, first + count)}; one
   * product where the gates' rows follow each other without padding.
   */
  private void addGateProducts(
      WorkQueue queue,
      int rows,
      long dgates,
      int first,
      int count,
      Matrix right,
      int columns,
      long to) {
    int hidden = sizes.hiddenSize();
    Matrix left =
        Matrix.transposed(
            dgates + (long) first * sizes.paddedHidden() * layer.math().operandBytes(),
            layer.gateColumns());
    long firstRow = to + (long) first * hidden * columns * Float.BYTES;
    if (hidden == sizes.paddedHidden() || count == 1) {
      queue
          .products()
          .multiply(
              (count - 1) * sizes.paddedHidden() + hidden,
              columns,
              rows,
              left,
              right,
              true,
              firstRow,
              columns);
    } else {
      queue
          .products()
          .addBatch(
              count,
              hidden,
              columns,
              rows,
              left,
              sizes.paddedHidden(),
              right,
              firstRow,
              columns,
              (long) hidden * columns);
    }
  }

  private void addBiases(WorkQueue queue, int rows, long dParameters) {
    long input = layer.at(dParameters, Kind.INPUT_BIAS);
    long recurrent = layer.at(dParameters, Kind.RECURRENT_BIAS);
    boolean shared = cell.sharedGateGradients();
    addSums(queue, rows, memory.inputGateGradients, input, shared ? recurrent : 0);
    if (!shared) {
      addSums(queue, rows, memory.recurrentGateGradients, recurrent, 0);
    }
  }

  private ColumnSums columnSums(WorkQueue queue) {
    return new ColumnSums(queue, memory.partialSums, memory.partialSumElements);
  }

  private void addSums(WorkQueue queue, int rows, long dgates, long sums, long twin) {
    columnSums(queue)
        .addOperand(
            rows,
            cell.gates(),
            sizes.hiddenSize(),
            sizes.paddedHidden(),
            dgates,
            layer.math().operandType(),
            sums,
            twin);
  }

  /** Adds to the gradients of the peepholes what {@link LayerMemory#peepholeGradients} sum up. */
  void addPeepholes(WorkQueue queue, long dParameters) {
    for (int p = 0; p < cell.peepholes(); p++) {
      columnSums(queue)
          .addOperand(
              sizes.batchSize(),
              1,
              sizes.hiddenSize(),
              sizes.paddedHidden(),
              memory.peepholeGradients + p * layer.stateBytes(),
              MathMode.FP32.operandType(),
              layer.at(dParameters, Kind.PEEPHOLES) + 4L * p * sizes.hiddenSize(),
              0);
    }
  }
}
