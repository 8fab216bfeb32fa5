package dev.sequor.backend.cuda;

import dev.sequor.backend.cuda.Products.Matrix;

/** A step forward: a recurrent product, or two, and the cell's kernels. */
final class StepForward {
  private final LayerSpec layer;
  private final CudaCell cell;
  private final LayerSizes sizes;
  private final LayerMemory memory;
  private final StepAddresses at;
  private final StepKernels kernels;

  StepForward(LayerSpec layer, LayerMemory memory, StepAddresses at) {
    this.layer = layer;
    this.cell = layer.cell();
    this.sizes = layer.sizes();
    this.memory = memory;
    this.at = at;
    this.kernels = new StepKernels(layer);
  }

  /** Queues what comes before the first step. */
  void begin(WorkQueue queue, LayerPath.Forward f) {
    queue
        .arguments()
        .int32(cell.states())
        .int32(sizes.batchSize())
        .int32(sizes.hiddenSize())
        .int32(sizes.paddedHidden())
        .pointer(f.lengths())
        .pointer(f.s0())
        .pointer(at.slot(f.saved(), 0))
        .int64(at.statePlane())
        .int32(cell.recurrentState())
        .pointer(at.operandToWrite(f.saved(), 0))
        .int32(layer.math().operandType())
        .pointer(f.sT());
    queue.launch(queue.kernel("begin_forward"), cell.states() * sizes.stateElements() / 4);
  }

  private KernelArguments newState(KernelArguments arguments, LayerPath.Forward f, int k) {
    return arguments
        .pointer(f.y())
        .int32(sizes.outputStride())
        .pointer(at.slot(f.saved(), k + 1))
        .int64(at.statePlane())
        .pointer(at.operandToWrite(f.saved(), k + 1))
        .int32(layer.math().operandType())
        .pointer(f.sT());
  }

  /** Queues step {@code k}; its input product is in {@link LayerMemory#preactivations}. */
  void step(WorkQueue queue, LayerPath.Forward f, int k) {
    if (cell.twoProducts()) {
      ofTwoProducts(queue, f, k);
    } else {
      ofOneProduct(queue, f, k);
    }
  }

  private void ofOneProduct(WorkQueue queue, LayerPath.Forward f, int k) {
    long pre = at.gateRow(memory.preactivations, k, Float.BYTES);
    boolean apart = !cell.sharedGateGradients();
    recurrentProduct(
        queue,
        at.operand(f.saved(), k),
        0,
        cell.gates(),
        !apart,
        apart ? memory.recurrentProduct : pre);
    KernelArguments arguments =
        kernels
            .arguments(queue, f.lengths(), k)
            .pointer(pre)
            .pointer(memory.recurrentProduct)
            .pointer(memory.vectors)
            .pointer(at.slot(f.saved(), k));
    newState(arguments, f, k).pointer(sizes.training() ? at.gates(f.saved(), k) : 0);
    kernels.launch(queue, "forward_step");
  }

  private void ofTwoProducts(WorkQueue queue, LayerPath.Forward f, int k) {
    long pre = at.gateRow(memory.preactivations, k, Float.BYTES);
    int last = cell.gates() - 1;
    recurrentProduct(queue, at.operand(f.saved(), k), 0, last, true, pre);
    kernels
        .arguments(queue, f.lengths(), k)
        .pointer(pre)
        .pointer(memory.vectors)
        .pointer(at.slot(f.saved(), k))
        .pointer(at.gates(f.saved(), k))
        .pointer(at.gated(f.saved(), k))
        .int32(layer.math().operandType());
    kernels.launch(queue, "forward_gates");
    recurrentProduct(queue, at.gated(f.saved(), k), last, 1, true, pre);
    KernelArguments arguments =
        kernels
            .arguments(queue, f.lengths(), k)
            .pointer(pre)
            .pointer(memory.vectors)
            .pointer(at.slot(f.saved(), k));
    newState(arguments, f, k).pointer(at.gates(f.saved(), k));
    kernels.launch(queue, "forward_candidate");
  }

  /** Columns of the gates {@code [first, first + count)} of {@code to (+)= operand · Rᵀ}. */
  private void recurrentProduct(
      WorkQueue queue, long operand, int first, int count, boolean add, long to) {
    long row = (long) first * sizes.paddedHidden();
    queue
        .products()
        .multiply(
            sizes.batchSize(),
            count * sizes.paddedHidden(),
            sizes.paddedHidden(),
            Matrix.of(operand, sizes.paddedHidden()),
            Matrix.transposed(
                memory.recurrentWeights + row * sizes.paddedHidden() * layer.math().operandBytes(),
                sizes.paddedHidden()),
            add,
            to + row * Float.BYTES,
            layer.gateColumns());
  }
}
