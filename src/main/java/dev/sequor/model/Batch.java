package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossFunction;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.StepInput;
import dev.sequor.data.Values;
import dev.sequor.rnn.Rnn;
import dev.sequor.rnn.RnnState;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A model at work on batches of one shape: inputs and targets are checked and staged, then copied
 * up, and all passes run in memory that was allocated once.
 */
final class Batch implements AutoCloseable {
  private final SequenceModel model;
  private final SequenceModelSpec spec;
  private final Backend backend;
  private final int timeSteps;
  private final int batchSize;
  private final Mode mode;

  /** Rows that the dense layers see: {@code T·B}, or {@code B} if only the last step is read. */
  private final int readoutRows;

  private final boolean lastStepOnly;
  private final LossShape lossShape;

  private final RnnPlan plan;
  private final BatchMemory memory;
  private final @Nullable Buffer tokens;
  private final Buffer x;
  private final Buffer y;
  private final Buffer lengths;
  private final Buffer targets;
  private final @Nullable Buffer saved;
  private final @Nullable Buffer dy;
  private final @Nullable Buffer dx;
  private final DenseStack dense;

  /** A training step's random key; its gradient scale, then the numbers of its update. */
  private final @Nullable Buffer key;

  private final @Nullable Buffer stepNumbers;

  /**
   * For reading out the last step: which rows of {@code y}, seen as {@code [T·B·D,H]}, are each
   * direction's last; these rows {@code [B,D·H]} and their gradient; and the lengths of the
   * sequences of at most one output.
   */
  private final @Nullable Buffer lastRows;

  private final Buffer readout;
  private final @Nullable Buffer dReadout;
  private final Buffer readoutLengths;

  /** The lengths of the current batch; null when every sequence has T steps. */
  private int @Nullable [] currentLengths;

  private @Nullable RnnTensors tensors;
  private final ByteBuffer inputStaging;
  private final ByteBuffer targetStaging;
  private final ByteBuffer lengthStaging;
  private final ByteBuffer lastRowStaging;
  private final ByteBuffer readoutLengthStaging;
  private final ByteBuffer keyStaging = staging(RandomKey.ELEMENTS);
  private final ByteBuffer stepStaging = staging(1 + OptimizerStep.ELEMENTS);

  /** What the next run starts from: staged, and not on the device yet. */
  private final List<StepInput> inputs = new ArrayList<>();

  Batch(SequenceModel model, Rnn rnn, int timeSteps, int batchSize, Mode mode) {
    this.model = model;
    this.spec = model.spec();
    this.backend = model.backend();
    this.timeSteps = timeSteps;
    this.batchSize = batchSize;
    this.mode = mode;
    this.lastStepOnly = spec.readout() == Readout.LAST_STEP;
    int positions = Math.multiplyExact(timeSteps, batchSize);
    this.readoutRows = lastStepOnly ? batchSize : positions;
    this.lossShape =
        new LossShape(
            loss(spec.loss()), lastStepOnly ? 1 : timeSteps, batchSize, spec.outputSize());
    boolean training = mode == Mode.TRAINING;
    boolean readsTokens = spec.input().kind() != InputKind.DENSE;
    int inputWidth = spec.input().width();
    int outputWidth = spec.rnn().outputSize();
    long targetElements =
        spec.loss() == LossFunction.SOFTMAX_CROSS_ENTROPY
            ? readoutRows
            : (long) readoutRows * spec.outputSize();
    this.inputStaging = staging(readsTokens ? positions : (long) positions * inputWidth);
    this.targetStaging = staging(targetElements);
    this.lengthStaging = staging(batchSize);
    this.lastRowStaging = staging((long) batchSize * spec.rnn().directions());
    this.readoutLengthStaging = staging(batchSize);
    this.plan = rnn.prepare(timeSteps, batchSize, mode);
    this.memory = new BatchMemory(backend);
    try {
      tokens = readsTokens ? memory.integers(positions) : null;
      x = memory.floats((long) positions * inputWidth);
      y = memory.floats((long) positions * outputWidth);
      lengths = memory.integers(batchSize);
      targets =
          spec.loss() == LossFunction.SOFTMAX_CROSS_ENTROPY
              ? memory.integers(targetElements)
              : memory.floats(targetElements);
      saved = training ? memory.floats(plan.savedElements()) : null;
      dy = training ? memory.floats(y.elements()) : null;
      dx =
          training && spec.input().kind() == InputKind.EMBEDDING
              ? memory.floats(x.elements())
              : null;
      if (lastStepOnly) {
        lastRows = memory.integers((long) batchSize * spec.rnn().directions());
        readout = memory.floats((long) batchSize * outputWidth);
        dReadout = training ? memory.floats(readout.elements()) : null;
        readoutLengths = memory.integers(batchSize);
      } else {
        lastRows = null;
        readout = y;
        dReadout = dy;
        readoutLengths = lengths;
      }
      dense = new DenseStack(model, readoutRows, training, memory);
      key = training ? memory.integers(RandomKey.ELEMENTS) : null;
      stepNumbers = training ? memory.floats(1 + OptimizerStep.ELEMENTS) : null;
    } catch (RuntimeException | Error e) {
      memory.close();
      plan.close();
      throw e;
    }
  }

  private static Loss loss(LossFunction function) {
    return switch (function) {
      case SOFTMAX_CROSS_ENTROPY -> Loss.softmaxCrossEntropy();
      case BINARY_CROSS_ENTROPY -> Loss.binaryCrossEntropy();
      case MEAN_SQUARED_ERROR -> Loss.meanSquaredError();
    };
  }

  private static ByteBuffer staging(long elements) {
    return Backend.hostMemory(DType.FLOAT32, elements);
  }

  /** Where the tokens are read from. */
  Buffer tokens() {
    return Objects.requireNonNull(tokens, "a model that reads real vectors has no tokens");
  }

  /** {@code [T,B,N]} or {@code [B,N]}. */
  Buffer outputs() {
    return dense.outputs();
  }

  /** Checks and stages inputs and lengths. */
  void takeInputs(Values values, int @Nullable [] sequenceLengths) {
    inputs.clear();
    takeLengths(sequenceLengths);
    if (values instanceof Values.Tokens given) {
      takeTokens(given.ids());
    } else if (values instanceof Values.Reals given) {
      takeVectors(given.values());
    }
  }

  /** What was staged last; each call of {@link #takeInputs} starts anew. */
  List<StepInput> inputs() {
    return inputs;
  }

  /** Copies what was staged to the device. */
  void upload() {
    for (StepInput input : inputs) {
      backend.upload(input.source(), input.target());
    }
  }

  /** Whether the inputs came with lengths. */
  boolean hasLengths() {
    return currentLengths != null;
  }

  private void takeLengths(int @Nullable [] given) {
    if (given != null) {
      if (given.length != batchSize) {
        throw new IllegalArgumentException(
            "lengths holds " + given.length + " elements; B=" + batchSize + " needs " + batchSize);
      }
      for (int b = 0; b < batchSize; b++) {
        if (given[b] < 0 || given[b] > timeSteps) {
          throw new IllegalArgumentException(
              "lengths[" + b + "] is " + given[b] + "; needed 0 to T=" + timeSteps);
        }
      }
    }
    currentLengths = given == null ? null : given.clone();
    if (given != null) {
      lengthStaging.clear().asIntBuffer().put(given);
      inputs.add(new StepInput(lengthStaging, lengths));
    }
    if (lastRows != null) {
      takeLastRows(lastRows);
    }
  }

  private void takeLastRows(Buffer rowsOnDevice) {
    int directions = spec.rnn().directions();
    IntBuffer rows = lastRowStaging.clear().asIntBuffer();
    IntBuffer outputs = readoutLengthStaging.clear().asIntBuffer();
    for (int b = 0; b < batchSize; b++) {
      int length = currentLengths == null ? timeSteps : currentLengths[b];
      boolean empty = length == 0;
      outputs.put(empty ? 0 : 1);
      // The forward direction ends at the last step, the backward direction at the first. A
      // negative row reads zeros.
      rows.put(empty ? -1 : ((length - 1) * batchSize + b) * directions);
      if (directions == 2) {
        rows.put(empty ? -1 : b * directions + 1);
      }
    }
    inputs.add(new StepInput(lastRowStaging, rowsOnDevice));
    inputs.add(new StepInput(readoutLengthStaging, readoutLengths));
  }

  private boolean isValid(int t, int b) {
    return currentLengths == null || t < currentLengths[b];
  }

  private void takeTokens(int[] given) {
    int vocabularySize = spec.input().vocabularySize();
    if (tokens == null) {
      throw new IllegalArgumentException(
          "the input is tokens; the model reads vectors of width " + spec.input().width());
    }
    requireSize("tokens", given.length, (long) timeSteps * batchSize, "");
    IntBuffer staged = inputStaging.clear().asIntBuffer();
    for (int t = 0; t < timeSteps; t++) {
      for (int b = 0; b < batchSize; b++) {
        int i = t * batchSize + b;
        boolean valid = isValid(t, b);
        if (valid && (given[i] < 0 || given[i] >= vocabularySize)) {
          throw new IllegalArgumentException(
              "token at t="
                  + t
                  + " b="
                  + b
                  + " is "
                  + given[i]
                  + "; a vocabulary of "
                  + vocabularySize
                  + " needs 0 to "
                  + (vocabularySize - 1));
        }
        staged.put(i, valid ? given[i] : -1);
      }
    }
    inputs.add(new StepInput(inputStaging, tokens));
  }

  private void takeVectors(float[] given) {
    if (tokens != null) {
      throw new IllegalArgumentException(
          "the input is real vectors; the model reads tokens of a vocabulary of "
              + spec.input().vocabularySize());
    }
    int width = spec.input().width();
    requireSize("input", given.length, (long) timeSteps * batchSize * width, " I=" + width);
    inputStaging.clear().asFloatBuffer().put(given);
    inputs.add(new StepInput(inputStaging, x));
  }

  private void requireSize(String name, int given, long needed, String widths) {
    if (given != needed) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + given
              + " elements; a batch with T="
              + timeSteps
              + " B="
              + batchSize
              + widths
              + " needs "
              + needed);
    }
  }

  /** Checks and stages the targets; returns how many predictions count. */
  int takeTargets(Values given) {
    int count = 0;
    boolean classes = spec.loss() == LossFunction.SOFTMAX_CROSS_ENTROPY;
    int outputs = spec.outputSize();
    String perSequence = lastStepOnly ? ", one output a sequence," : "";
    if (given instanceof Values.Tokens classTargets) {
      if (!classes) {
        throw new IllegalArgumentException(
            "the targets are tokens; " + spec.loss() + " needs real vectors of " + outputs);
      }
      int[] ids = classTargets.ids();
      requireSize("targets", ids.length, readoutRows, perSequence);
      IntBuffer staged = targetStaging.clear().asIntBuffer();
      for (int row = 0; row < readoutRows; row++) {
        int target = countsAt(row) ? ids[row] : -1;
        if (target >= outputs) {
          throw new IllegalArgumentException(
              "target at t="
                  + row / batchSize
                  + " b="
                  + row % batchSize
                  + " is "
                  + target
                  + "; "
                  + outputs
                  + " outputs need 0 to "
                  + (outputs - 1)
                  + ", or a negative number for none");
        }
        staged.put(row, target);
        count += target >= 0 ? 1 : 0;
      }
    } else if (given instanceof Values.Reals realTargets) {
      if (classes) {
        throw new IllegalArgumentException(
            "the targets are real vectors; " + spec.loss() + " needs tokens");
      }
      float[] values = realTargets.values();
      requireSize(
          "targets", values.length, (long) readoutRows * outputs, perSequence + " N=" + outputs);
      FloatBuffer staged = targetStaging.clear().asFloatBuffer();
      staged.put(values);
      for (int row = 0; row < readoutRows; row++) {
        count += countsAt(row) ? 1 : 0;
      }
    }
    inputs.add(new StepInput(targetStaging, targets));
    return count;
  }

  /**
   * Stages what else changes from one training step to the next.
   *
   * @param update null if there is none
   */
  void takeStep(RandomKey dropout, float gradientScale, @Nullable OptimizerStep update) {
    if (key == null || stepNumbers == null) {
      throw new IllegalStateException("the batch was made for inference");
    }
    keyStaging.clear().asIntBuffer().put(dropout.words());
    inputs.add(new StepInput(keyStaging, key));
    FloatBuffer numbers = stepStaging.clear().asFloatBuffer().put(gradientScale);
    if (update != null) {
      numbers.put(update.values());
    }
    inputs.add(new StepInput(stepStaging, stepNumbers));
  }

  /** The numbers of the update that was staged last. */
  Buffer updateNumbers() {
    return Objects.requireNonNull(stepNumbers).slice(1, OptimizerStep.ELEMENTS);
  }

  private boolean countsAt(int row) {
    return isValid(lastStepOnly ? 0 : row / batchSize, row % batchSize);
  }

  /** From the inputs taken last to {@link #outputs()}. */
  void forward(@Nullable RnnState state) {
    if (state != null && state.batchSize() != batchSize) {
      throw new IllegalArgumentException(
          "the state carries "
              + state.batchSize()
              + " sequences; a batch with B="
              + batchSize
              + " needs "
              + batchSize);
    }
    if (tokens != null) {
      Buffer table =
          spec.input().kind() == InputKind.EMBEDDING ? model.parameter("embedding.weights") : null;
      backend.embeddingForward(timeSteps * batchSize, spec.input().width(), tokens, table, x);
    }
    Buffer carried = state == null ? null : state.values();
    tensors =
        RnnTensors.of(model.recurrentParameters(), x, y)
            .withLengths(currentLengths == null ? null : lengths)
            .withInitialState(carried)
            .withFinalState(carried)
            .withSaved(saved)
            .withDropoutKey(key);
    plan.forward(tensors);
    if (lastRows != null) {
      backend.embeddingForward(
          batchSize * spec.rnn().directions(), spec.hiddenSize(), lastRows, y, readout);
    }
    dense.forward(readout);
  }

  /**
   * The sum of the losses into {@code result [2]}; in training the outputs give way to their
   * gradient.
   *
   * @param lossScale null for none
   */
  void loss(@Nullable Buffer lossScale, Buffer result) {
    backend.loss(
        lossShape,
        outputs(),
        targets,
        currentLengths == null ? null : readoutLengths,
        stepNumbers == null ? null : stepNumbers.slice(0, 1),
        lossScale,
        mode == Mode.TRAINING ? outputs() : null,
        result);
  }

  /** From the gradient by the outputs to those by all parameters, which are added to. */
  void backward() {
    if (tensors == null || dy == null || dReadout == null) {
      throw new IllegalStateException("backward needs a forward pass in training before it");
    }
    dense.backward(readout, dReadout);
    if (lastRows != null) {
      backend.fill(dy, 0f);
      backend.embeddingBackward(
          batchSize * spec.rnn().directions(), spec.hiddenSize(), lastRows, dReadout, dy);
    }
    plan.backward(tensors, RnnGradients.of(model.recurrentGradients()).withDy(dy).withDx(dx));
    if (dx != null && tokens != null) {
      backend.embeddingBackward(
          timeSteps * batchSize,
          spec.input().width(),
          tokens,
          dx,
          model.gradient("embedding.weights"));
    }
  }

  @Override
  public void close() {
    plan.close();
    memory.close();
  }
}
