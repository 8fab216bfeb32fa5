package dev.sequor.backend.host;

import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.WeightStorage;

/**
 * One direction of one recurrent layer.
 *
 * @param cell the cell
 * @param timeSteps {@code T}
 * @param batchSize {@code B}
 * @param inputSize {@code I}, the width of a row of {@code x}
 * @param hiddenSize {@code H}
 * @param outputStride elements from one row of {@code y} to the next; {@code H} or {@code 2·H}
 * @param mode whether a backward pass follows
 * @param weights how the matrices are kept
 * @param block where each parameter lies in the memory that a pass is given, and its gradient in
 *     that of the gradients
 */
public record LayerShape(
    CellType cell,
    int timeSteps,
    int batchSize,
    int inputSize,
    int hiddenSize,
    int outputStride,
    Mode mode,
    WeightStorage weights,
    BlockLayout block) {}
