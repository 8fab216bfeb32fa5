package dev.sequor.backend.cuda;

/**
 * Memory in which the steps of a stretch of a long sequence are made, as if they were a sequence of
 * their own: what its steps are queued with is the same for every stretch, so one recording of them
 * serves all. What comes from outside is copied in before them, and what they made is copied out.
 */
final class Stretch {
  private final LayerSpec layer;
  private final LayerSpec inner;
  private final LayerMemory memory;
  private final SavedLayout outside;
  private final SavedLayout inside;
  private final StepAddresses at;

  /**
   * Of a layer whose sizes are {@linkplain LayerSizes#stretched() stretched}.
   *
   * @param at where the steps of {@link LayerSpec#ofStretch()} keep what they make
   */
  Stretch(LayerSpec layer, LayerMemory memory, StepAddresses at) {
    this.layer = layer;
    this.inner = layer.ofStretch();
    this.memory = memory;
    this.outside = SavedLayout.of(layer.cell(), layer.sizes(), layer.math());
    this.inside = SavedLayout.of(inner.cell(), inner.sizes(), inner.math());
    this.at = at;
  }

  /** What the steps of any stretch of {@code f} work on. */
  LayerPath.Forward inside(LayerPath.Forward f) {
    return new LayerPath.Forward(
        f.x(), memory.stretchLengths, f.s0(), memory.stretchRows, f.sT(), memory.stretchSaved);
  }

  /** What the steps of any stretch of {@code b} work on. */
  LayerPath.Backward inside(LayerPath.Backward b) {
    return new LayerPath.Backward(
        b.x(),
        memory.stretchLengths,
        memory.stretchSaved,
        b.dy() == 0 ? 0 : memory.stretchRows,
        b.dsT(),
        b.dParameters(),
        b.dx(),
        b.ds0());
  }

  /** Queues what a stretch that begins with step {@code k0} has to know of the lengths. */
  void enter(WorkQueue queue, long lengths, int k0) {
    LayerSizes sizes = layer.sizes();
    queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .pointer(lengths)
        .int32(k0)
        .pointer(memory.stretchLengths);
    queue.launch(queue.kernel("stretch_lengths"), sizes.batchSize());
  }

  /**
   * Queues making the states that a stretch of {@code steps} has ended with those that it begins
   * with.
   */
  void goOn(WorkQueue queue, int steps) {
    int states = layer.cell().states();
    long last = at.slot(memory.stretchSaved, steps);
    long first = at.slot(memory.stretchSaved, 0);
    if (last != first) {
      long plane = at.statePlane() * Float.BYTES;
      for (int s = 0; s < states; s++) {
        queue.copy(last + s * plane, first + s * plane, layer.stateBytes());
      }
    }
    long operand = at.operandToWrite(memory.stretchSaved, steps);
    long firstOperand = at.operandToWrite(memory.stretchSaved, 0);
    if (operand != firstOperand) {
      queue.copy(operand, firstOperand, operandBytes());
    }
  }

  /** Queues copying the outputs of the stretch {@code [k0, k1)} to {@code y}. */
  void putOutputs(WorkQueue queue, LayerPath.Forward f, int k0, int k1) {
    rows(queue, f.lengths(), k0, k1).pointer(memory.stretchRows).pointer(f.y());
    launchRows(queue, "put_stretch", k1 - k0);
  }

  /** Queues copying the gradients by its outputs from {@code dy}, if there are any. */
  void takeOutputGradients(WorkQueue queue, LayerPath.Backward b, int k0, int k1) {
    if (b.dy() != 0) {
      rows(queue, b.lengths(), k0, k1).pointer(b.dy()).pointer(memory.stretchRows);
      launchRows(queue, "take_stretch", k1 - k0);
    }
  }

  private KernelArguments rows(WorkQueue queue, long lengths, int k0, int k1) {
    LayerSizes sizes = layer.sizes();
    return queue
        .arguments()
        .int32(sizes.timeSteps())
        .int32(sizes.batchSize())
        .int32(sizes.reverse() ? 1 : 0)
        .pointer(lengths)
        .int32(k0)
        .int32(k1 - k0)
        .int32(sizes.hiddenSize())
        .int32(sizes.outputStride());
  }

  private void launchRows(WorkQueue queue, String kernel, int steps) {
    LayerSizes sizes = layer.sizes();
    long rows = (long) steps * sizes.batchSize();
    queue.launch(queue.kernel(kernel), rows * ((sizes.hiddenSize() + 3) / 4));
  }

  /** Queues copying what backward needs of the stretch {@code [k0, k1)} to {@code saved}. */
  void putSaved(WorkQueue queue, long saved, int k0, int k1) {
    eachPart(saved, k0, k1, (inner, outer, bytes) -> queue.copy(inner, outer, bytes));
  }

  /** The way back. */
  void takeSaved(WorkQueue queue, long saved, int k0, int k1) {
    eachPart(saved, k0, k1, (inner, outer, bytes) -> queue.copy(outer, inner, bytes));
  }

  @FunctionalInterface
  private interface Part {
    void copy(long inner, long outer, long bytes);
  }

  private long operandBytes() {
    return layer.sizes().stateElements() * layer.math().operandBytes();
  }

  private void eachPart(long saved, int k0, int k1, Part part) {
    CudaCell cell = layer.cell();
    long here = memory.stretchSaved;
    long state = layer.stateBytes();
    long from = k0;
    long steps = k1 - from;
    for (long s = 0; s < cell.states(); s++) {
      part.copy(
          here + inside.states() + s * inner.sizes().timeSteps() * state,
          saved + outside.states() + (s * layer.sizes().timeSteps() + from) * state,
          steps * state);
    }
    long gates = cell.saved() * state;
    if (gates > 0) {
      part.copy(here + inside.gates(), saved + outside.gates() + from * gates, steps * gates);
    }
    long operand = operandBytes();
    if (layer.math() != MathMode.FP32) {
      part.copy(
          here + inside.operands(), saved + outside.operands() + from * operand, steps * operand);
    }
    if (cell.twoProducts()) {
      part.copy(here + inside.gated(), saved + outside.gated() + from * operand, steps * operand);
    }
  }
}
