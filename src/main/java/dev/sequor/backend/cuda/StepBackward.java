package dev.sequor.backend.cuda;

import dev.sequor.backend.cuda.Products.Matrix;

/** A step of back-propagation through time: the cell's kernels and the products with {@code R}. */
final class StepBackward {
  private final LayerSpec layer;
  private final CudaCell cell;
  private final LayerSizes sizes;
  private final LayerMemory memory;
  private final StepAddresses at;
  private final StepKernels kernels;

  StepBackward(LayerSpec layer, LayerMemory memory, StepAddresses at) {
    this.layer = layer;
    this.cell = layer.cell();
    this.sizes = layer.sizes();
    this.memory = memory;
    this.at = at;
    this.kernels = new StepKernels(layer);
  }

  /** Queues what comes before the last step. */
  void begin(WorkQueue queue) {
    queue.fill(memory.stateGradient, 0, cell.states() * sizes.stateElements());
    if (cell.peepholes() > 0) {
      queue.fill(memory.peepholeGradients, 0, cell.peepholes() * sizes.stateElements());
    }
  }

  private KernelArguments gradients(KernelArguments arguments, LayerPath.Backward b) {
    return arguments
        .pointer(b.dy())
        .int32(sizes.outputStride())
        .pointer(b.dsT())
        .pointer(memory.stateGradient);
  }

  /** Queues step {@code k}, after all later ones. */
  void step(WorkQueue queue, LayerPath.Backward b, int k) {
    if (cell.twoProducts()) {
      ofTwoProducts(queue, b, k);
    } else {
      ofOneProduct(queue, b, k);
    }
  }

  private void ofOneProduct(WorkQueue queue, LayerPath.Backward b, int k) {
    long dwx = at.gateRow(memory.inputGateGradients, k, layer.math().operandBytes());
    long drh = at.gateRow(memory.recurrentGateGradients, k, layer.math().operandBytes());
    KernelArguments arguments =
        kernels
            .arguments(queue, b.lengths(), k)
            .pointer(at.gates(b.saved(), k))
            .pointer(memory.vectors)
            .pointer(at.slot(b.saved(), k))
            .int64(at.statePlane());
    gradients(arguments, b)
        .pointer(dwx)
        .pointer(cell.sharedGateGradients() ? 0 : drh)
        .int32(layer.math().operandType())
        .pointer(memory.peepholeGradients);
    kernels.launch(queue, "backward_step");
    long state = memory.stateGradient + cell.recurrentState() * layer.stateBytes();
    recurrentGradient(queue, drh, 0, cell.gates(), true, state);
  }

  private void ofTwoProducts(WorkQueue queue, LayerPath.Backward b, int k) {
    long dgates = at.gateRow(memory.inputGateGradients, k, layer.math().operandBytes());
    int last = cell.gates() - 1;
    KernelArguments candidate =
        kernels
            .arguments(queue, b.lengths(), k)
            .pointer(at.gates(b.saved(), k))
            .pointer(at.slot(b.saved(), k));
    gradients(candidate, b).pointer(dgates).int32(layer.math().operandType());
    kernels.launch(queue, "backward_candidate");
    recurrentGradient(queue, dgates, last, 1, false, memory.gatedGradient);
    kernels
        .arguments(queue, b.lengths(), k)
        .pointer(at.gates(b.saved(), k))
        .pointer(at.slot(b.saved(), k))
        .pointer(memory.gatedGradient)
        .pointer(memory.stateGradient)
        .pointer(dgates)
        .int32(layer.math().operandType());
    kernels.launch(queue, "backward_reset");
    recurrentGradient(queue, dgates, 0, last, true, memory.stateGradient);
  }

  /** {@code to [B,Hp] (+)= dgates · R} over the gates {@code [first, first + count)}. */
  private void recurrentGradient(
      WorkQueue queue, long dgates, int first, int count, boolean add, long to) {
    long row = (long) first * sizes.paddedHidden();
    queue
        .products()
        .multiply(
            sizes.batchSize(),
            sizes.paddedHidden(),
            count * sizes.paddedHidden(),
            Matrix.of(dgates + row * layer.math().operandBytes(), layer.gateColumns()),
            Matrix.of(
                memory.recurrentWeights + row * sizes.paddedHidden() * layer.math().operandBytes(),
                sizes.paddedHidden()),
            add,
            to,
            sizes.paddedHidden());
  }

  /** Queues what comes after the first step: {@code ds0}, if it is wanted. */
  void end(WorkQueue queue, LayerPath.Backward b) {
    if (b.ds0() == 0) {
      return;
    }
    queue
        .arguments()
        .int32(cell.states())
        .int32(sizes.batchSize())
        .int32(sizes.hiddenSize())
        .int32(sizes.paddedHidden())
        .pointer(b.lengths())
        .pointer(memory.stateGradient)
        .pointer(b.dsT())
        .pointer(b.ds0());
    queue.launch(queue.kernel("end_backward"), cell.states() * sizes.stateElements() / 4);
  }
}
