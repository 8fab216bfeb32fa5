package dev.sequor.backend.cuda;

import dev.sequor.backend.Closing;
import java.util.ArrayList;
import java.util.List;

/**
 * The device memory that one direction of one layer needs besides what callers bring: weights as
 * operands, and scratch. Each array is a block of its own, so that none can run into another
 * unnoticed where tests guard the ends of blocks.
 */
final class LayerMemory implements AutoCloseable {
  private final List<DeviceMemory.Block> blocks = new ArrayList<>();

  /** {@code W [G·Hp,Ip]} and {@code R [G·Hp,Hp]}, operands. */
  final long inputWeights;

  final long recurrentWeights;

  /** {@code bW [G] bR [G] p [P]}, rows of {@code Hp} floats. */
  final long vectors;

  /** {@code x} of one chunk, an operand {@code [C·B,Ip]}. */
  final long input;

  /** {@code W x} of one chunk, then the pre-activations {@code [C·B,G·Hp]}. */
  final long preactivations;

  /** {@code R h} of one step {@code [B,G·Hp]}, for cells that need it apart. */
  final long recurrentProduct;

  /** Inference: two slots {@code [2][S][B][Hp]}, before and after a step. */
  final long states;

  /** Inference: two operands {@code [2][B][Hp]}. */
  final long operands;

  /** Inference with two products: {@code [B][K][Hp]} and the operand {@code [B][Hp]}. */
  final long gates;

  final long gated;

  /** Training: gate gradients of one chunk, operands {@code [C·B,G·Hp]}. */
  final long inputGateGradients;

  /** The same array where {@link CudaCell#sharedGateGradients()}. */
  final long recurrentGateGradients;

  /** Training: {@code [S][B][Hp]}. */
  final long stateGradient;

  /** Training: {@code [P][B][Hp]}, each sequence's share of the peepholes' gradients. */
  final long peepholeGradients;

  /** Training with two products: the gradient of {@code r∘h [B][Hp]}. */
  final long gatedGradient;

  /** Training: partial column sums. */
  final long partialSums;

  final long partialSumElements;

  /** Training, reverse direction: its {@code dx} in the order of its steps {@code [T·B,I]}. */
  final long inputGradient;

  /** Of a {@link Stretch}: lengths {@code [B]}, int32. */
  final long stretchLengths;

  /** Its outputs, or the gradients by them, in the order of the steps {@code [C·B,H]}. */
  final long stretchRows;

  /** Training: what backward needs of it, and the states after its last step. */
  final long stretchSaved;

  LayerMemory(DeviceMemory memory, CudaCell cell, LayerSizes sizes, MathMode mode, String holder) {
    int gateColumns = cell.gates() * sizes.paddedHidden();
    long state = sizes.stateElements();
    long chunkGates = (long) sizes.chunkRows() * gateColumns;
    boolean training = sizes.training();
    boolean ownOperands = mode != MathMode.FP32;
    try {
      Allocator of = (what, elements, bytes) -> allocate(memory, elements * bytes, holder, what);
      int operand = mode.operandBytes();
      inputWeights = of.array("W", (long) gateColumns * sizes.paddedInput(), operand);
      recurrentWeights = of.array("R", (long) gateColumns * sizes.paddedHidden(), operand);
      vectors =
          of.array(
              "biases", (2L * cell.gates() + cell.peepholes()) * sizes.paddedHidden(), Float.BYTES);
      input = of.array("x", (long) sizes.chunkRows() * sizes.paddedInput(), operand);
      preactivations = of.array("pre-activations", chunkGates, Float.BYTES);
      recurrentProduct =
          of.array(
              "R·h",
              cell.sharedGateGradients() ? 0 : (long) sizes.batchSize() * gateColumns,
              Float.BYTES);
      states = of.array("states", training ? 0 : 2L * cell.states() * state, Float.BYTES);
      operands = of.array("h", !training && ownOperands ? 2 * state : 0, operand);
      boolean gatesHere = !training && cell.twoProducts();
      gates = of.array("gates", gatesHere ? cell.saved() * state : 0, Float.BYTES);
      gated = of.array("r∘h", gatesHere ? state : 0, operand);
      inputGateGradients = of.array("gate gradients", training ? chunkGates : 0, operand);
      recurrentGateGradients =
          !training || cell.sharedGateGradients()
              ? inputGateGradients
              : of.array("recurrent gate gradients", chunkGates, operand);
      stateGradient = of.array("state gradient", training ? cell.states() * state : 0, Float.BYTES);
      peepholeGradients =
          of.array("peephole gradients", training ? cell.peepholes() * state : 0, Float.BYTES);
      gatedGradient =
          of.array("gradient of r∘h", training && cell.twoProducts() ? state : 0, Float.BYTES);
      partialSumElements =
          Math.max(
              ColumnSums.scratchElements(sizes.chunkRows(), gateColumns),
              ColumnSums.scratchElements(sizes.batchSize(), sizes.paddedHidden()));
      partialSums = of.array("partial sums", training ? partialSumElements : 0, Float.BYTES);
      inputGradient =
          of.array(
              "dx of the reverse direction",
              training && sizes.reverse() ? sizes.rows() * sizes.inputSize() : 0,
              Float.BYTES);
      boolean stretched = sizes.stretched();
      stretchLengths =
          of.array("lengths of a stretch", stretched ? sizes.batchSize() : 0, Integer.BYTES);
      stretchRows =
          of.array(
              "rows of a stretch",
              stretched ? (long) sizes.chunkRows() * sizes.hiddenSize() : 0,
              Float.BYTES);
      stretchSaved =
          of.array(
              "values of a stretch",
              stretched && training ? SavedLayout.of(cell, sizes.ofStretch(), mode).bytes() : 0,
              1);
    } catch (RuntimeException | Error e) {
      Closing.after(e, this::close);
      throw e;
    }
  }

  @FunctionalInterface
  private interface Allocator {
    long array(String what, long elements, int bytesEach);
  }

  private long allocate(DeviceMemory memory, long bytes, String holder, String what) {
    if (bytes == 0) {
      return 0;
    }
    DeviceMemory.Block block = memory.allocate(bytes, holder + ": " + what);
    blocks.add(block);
    return block.address();
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    blocks.forEach(block -> closing.then(block::close));
    blocks.clear();
    closing.end();
  }
}
