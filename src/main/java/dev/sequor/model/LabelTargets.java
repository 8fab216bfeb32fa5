package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CtcShape;
import dev.sequor.backend.DType;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.StepInput;
import dev.sequor.data.Values;
import dev.sequor.module.NetworkPass;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Targets that are sequences of labels, checked and staged for windows of one shape, and their
 * loss. Its memory is the pass's.
 */
final class LabelTargets {
  /** Few labels share one pass, whatever their number. */
  private static final int LEAST_ROOM = 8;

  private final Loss.Ctc loss;
  private final CtcShape shape;
  private final Backend backend;
  private final Buffer labels;
  private final Buffer labelLengths;
  private final Buffer workspace;
  private final ByteBuffer labelStaging;
  private final ByteBuffer lengthStaging;
  private boolean staged;

  LabelTargets(Loss.Ctc loss, LossShape outputs, int mostLabels, NetworkPass pass) {
    this.loss = loss;
    this.shape =
        new CtcShape(
            outputs.timeSteps(),
            outputs.batchSize(),
            outputs.outputSize(),
            Math.max(1, Math.min(mostLabels, outputs.timeSteps())), // no more can be aligned
            loss.blank());
    this.backend = pass.backend();
    int elements = shape.mostLabels() * shape.batchSize();
    this.labels = pass.allocate(DType.INT32, elements);
    this.labelLengths = pass.allocate(DType.INT32, shape.batchSize());
    this.workspace = pass.allocate(DType.FLOAT32, shape.workspaceElements());
    this.labelStaging = Backend.hostMemory(DType.INT32, elements);
    this.lengthStaging = Backend.hostMemory(DType.INT32, shape.batchSize());
  }

  /** Room for {@code longest} labels: the next power of two, so that windows share passes. */
  static int roomFor(int longest) {
    int power = Integer.highestOneBit(Math.max(LEAST_ROOM, longest));
    return power < longest && power < 1 << 30 ? 2 * power : Math.max(power, longest);
  }

  /**
   * Throws unless a loss can be of such outputs.
   *
   * @param everyStep whether there is an output at every step
   * @throws IllegalArgumentException if not; says what is needed
   */
  static void requireFit(Loss loss, int outputSize, boolean everyStep) {
    if (!(loss instanceof Loss.Ctc ctc)) {
      return;
    }
    if (!everyStep) {
      throw new IllegalArgumentException(
          loss.function() + " is of outputs that are one a sequence; needed outputs at every step");
    }
    if (ctc.blank() >= outputSize) {
      throw new IllegalArgumentException(
          "blank is " + ctc.blank() + "; " + outputSize + " outputs need 0 to " + (outputSize - 1));
    }
  }

  /**
   * Throws unless there is one target a sequence.
   *
   * @throws IllegalArgumentException if not
   */
  static void requireCount(Values.Labels targets, int batchSize) {
    if (targets.lengths().length != batchSize) {
      throw new IllegalArgumentException(
          "the targets are "
              + targets.lengths().length
              + " sequences of labels; B="
              + batchSize
              + " needs "
              + batchSize);
    }
  }

  /**
   * Checks and stages targets; returns how many sequences count.
   *
   * @param steps {@code [B]}, of each sequence
   */
  int take(Values given, int @Nullable [] steps) {
    if (!(given instanceof Values.Labels targets)) {
      throw new IllegalArgumentException(
          "the targets are "
              + (given instanceof Values.Tokens ? "tokens, one a step" : "real vectors")
              + "; "
              + loss.function()
              + " needs sequences of labels");
    }
    int batchSize = shape.batchSize();
    requireCount(targets, batchSize);
    int[] ids = targets.ids();
    int[] lengths = targets.lengths();
    shape.requireLabels(ids, lengths);
    if (!loss.skipsUnalignable()) {
      shape.requireAlignable(ids, lengths, steps);
    }
    // Nothing has changed up to here.
    IntBuffer to = labelStaging.clear().asIntBuffer();
    IntBuffer toLengths = lengthStaging.clear().asIntBuffer();
    int count = 0;
    for (int b = 0; b < batchSize; b++) {
      int available = steps == null ? shape.timeSteps() : steps[b];
      boolean counts =
          lengths[b] >= 0
              && available > 0
              && CtcShape.stepsNeeded(ids, batchSize, b, lengths[b]) <= available;
      int length = counts ? lengths[b] : -1;
      toLengths.put(b, length);
      for (int i = 0; i < shape.mostLabels(); i++) {
        to.put(i * batchSize + b, i < length ? ids[i * batchSize + b] : shape.blank());
      }
      count += counts ? 1 : 0;
    }
    staged = true;
    return count;
  }

  /** What was staged, for a step that begins with it. */
  List<StepInput> takeInputs() {
    if (!staged) {
      return List.of();
    }
    staged = false;
    return List.of(new StepInput(labelStaging, labels), new StepInput(lengthStaging, labelLengths));
  }

  /** See {@link Backend#ctcLoss}. */
  void loss(
      Buffer outputs,
      @Nullable Buffer lengths,
      @Nullable Buffer gradientScale,
      @Nullable Buffer lossScale,
      @Nullable Buffer dOutputs,
      Buffer result) {
    backend.ctcLoss(
        shape,
        outputs,
        labels,
        labelLengths,
        lengths,
        gradientScale,
        lossScale,
        dOutputs,
        workspace,
        result);
  }
}
