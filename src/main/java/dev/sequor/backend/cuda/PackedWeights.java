package dev.sequor.backend.cuda;

import dev.sequor.backend.ParameterLayout.Kind;

/** Makes what products and cell kernels read of a layer's parameters. */
final class PackedWeights {
  private final LayerSpec layer;
  private final LayerMemory memory;

  PackedWeights(LayerSpec layer, LayerMemory memory) {
    this.layer = layer;
    this.memory = memory;
  }

  /** Queues making operands of the weights in the block of {@code parameters}. */
  void pack(WorkQueue queue, long parameters) {
    LayerSizes sizes = layer.sizes();
    CudaCell cell = layer.cell();
    packMatrix(
        queue,
        sizes.inputSize(),
        sizes.paddedInput(),
        layer.at(parameters, Kind.INPUT_WEIGHTS),
        memory.inputWeights);
    packMatrix(
        queue,
        sizes.hiddenSize(),
        sizes.paddedHidden(),
        layer.at(parameters, Kind.RECURRENT_WEIGHTS),
        memory.recurrentWeights);
    int vectors = 2 * cell.gates() + cell.peepholes();
    queue
        .arguments()
        .int32(cell.gates())
        .int32(cell.peepholes())
        .int32(sizes.hiddenSize())
        .int32(sizes.paddedHidden())
        .pointer(layer.at(parameters, Kind.INPUT_BIAS))
        .pointer(layer.at(parameters, Kind.RECURRENT_BIAS))
        .pointer(layer.at(parameters, Kind.PEEPHOLES))
        .pointer(memory.vectors);
    queue.launch(queue.kernel("pack_vectors"), (long) vectors * sizes.paddedHidden() / 4);
  }

  private void packMatrix(WorkQueue queue, int columns, int padded, long from, long to) {
    queue
        .arguments()
        .int32(layer.cell().gates())
        .int32(layer.sizes().hiddenSize())
        .int32(layer.sizes().paddedHidden())
        .int32(columns)
        .int32(padded)
        .pointer(from)
        .pointer(to)
        .int32(layer.math().operandType());
    queue.launch(queue.kernel("pack_weights"), (long) layer.gateColumns() * padded / 4);
  }
}
