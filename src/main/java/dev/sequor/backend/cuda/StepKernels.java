package dev.sequor.backend.cuda;

/** What the launches of all kernels of a cell have in common. */
final class StepKernels {
  private final LayerSpec layer;

  StepKernels(LayerSpec layer) {
    this.layer = layer;
  }

  /** The first arguments of a kernel of step {@code k}. */
  KernelArguments arguments(WorkQueue queue, long lengths, int k) {
    LayerSizes sizes = layer.sizes();
    return queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .int32(sizes.hiddenSize())
        .int32(sizes.paddedHidden())
        .int32(sizes.reverse() ? 1 : 0)
        .pointer(lengths)
        .int32(k);
  }

  /** Queues the cell's {@code kernel}, a thread per four units. */
  void launch(WorkQueue queue, String kernel) {
    queue.launch(
        queue.kernel(kernel + "_" + layer.cell().struct()), layer.sizes().stateElements() / 4);
  }
}
