package dev.sequor.backend.cuda;

import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.ParameterLayout.Kind;

/**
 * What a {@link LayerPath} is to run: one direction of one layer.
 *
 * @param cell the cell
 * @param sizes its sizes, direction and mode
 * @param block where each parameter lies in the layer's block
 * @param math what matrix products multiply
 */
record LayerSpec(CudaCell cell, LayerSizes sizes, BlockLayout block, MathMode math) {
  /** The steps of a stretch of it; see {@link LayerSizes#ofStretch()}. */
  LayerSpec ofStretch() {
    return new LayerSpec(cell, sizes.ofStretch(), block, math);
  }

  /** {@code G·Hp}, the elements of a row of gates. */
  int gateColumns() {
    return cell.gates() * sizes.paddedHidden();
  }

  /** Bytes of one state vector of the whole batch, {@code [B,Hp]} floats. */
  long stateBytes() {
    return sizes.stateElements() * Float.BYTES;
  }

  /** The address of {@code kind} in parameters, or gradients, of a block that starts there. */
  long at(long start, Kind kind) {
    return start + block.offset(kind) * Float.BYTES;
  }
}
