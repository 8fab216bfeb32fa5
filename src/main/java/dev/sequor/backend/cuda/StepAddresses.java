package dev.sequor.backend.cuda;

/**
 * Where the steps of a layer keep what they make: in training in the caller's {@code saved}, for
 * backward; in inference in a few places of their own, by turns.
 */
final class StepAddresses {
  private final LayerSpec layer;
  private final LayerMemory memory;
  private final SavedLayout saved;
  private final boolean training;

  StepAddresses(LayerSpec layer, LayerMemory memory) {
    this.layer = layer;
    this.memory = memory;
    this.saved = SavedLayout.of(layer.cell(), layer.sizes(), layer.math());
    this.training = layer.sizes().training();
  }

  private long operandBytes() {
    return layer.sizes().stateElements() * layer.math().operandBytes();
  }

  /** Elements from one state vector of a slot to the next. */
  long statePlane() {
    return (training ? layer.sizes().timeSteps() : 1) * layer.sizes().stateElements();
  }

  /** The states before step {@code k}; 0 after the last step. */
  long slot(long savedBase, int k) {
    if (k == layer.sizes().timeSteps()) {
      return 0;
    }
    return training
        ? savedBase + saved.states() + k * layer.stateBytes()
        : memory.states + (k & 1) * (layer.cell().states() * layer.stateBytes());
  }

  /** The operand of step {@code k}'s recurrent product; 0 after the last step. */
  long operand(long savedBase, int k) {
    if (k == layer.sizes().timeSteps()) {
      return 0;
    }
    if (layer.math() == MathMode.FP32) {
      return slot(savedBase, k) + layer.cell().recurrentState() * statePlane() * Float.BYTES;
    }
    return training
        ? savedBase + saved.operands() + k * operandBytes()
        : memory.operands + (k & 1) * operandBytes();
  }

  /** Where the cell kernel writes the next step's operand; 0 where it is the state itself. */
  long operandToWrite(long savedBase, int k) {
    return layer.math() == MathMode.FP32 ? 0 : operand(savedBase, k);
  }

  /** Gates of step {@code k}; 0 where nobody needs them. */
  long gates(long savedBase, int k) {
    return training
        ? savedBase + saved.gates() + k * layer.stateBytes() * layer.cell().saved()
        : memory.gates;
  }

  /** What the second product of step {@code k} multiplies. */
  long gated(long savedBase, int k) {
    return training ? savedBase + saved.gated() + k * operandBytes() : memory.gated;
  }

  /** The first bytes of step {@code k} in a chunk array of {@code [C·B,G·Hp]}. */
  long gateRow(long chunk, int k, int elementBytes) {
    int inChunk = k % layer.sizes().chunkSteps();
    return chunk + (long) inChunk * layer.sizes().batchSize() * layer.gateColumns() * elementBytes;
  }
}
