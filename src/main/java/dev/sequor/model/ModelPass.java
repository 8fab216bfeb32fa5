package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LikeliestShape;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.StepInput;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.Extent;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkState;
import dev.sequor.module.NetworkWeights;
import dev.sequor.module.ValueShape;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A model at work on windows of one shape: a pass of its network, and the loss of its output
 * against targets, which are checked and staged here.
 */
final class ModelPass implements AutoCloseable {
  private final Object identity = new Object();
  private final ModelSpec spec;
  private final NetworkWeights networkWeights;
  private final Network network;
  private final Backend backend;
  private final Mode mode;
  private final NetworkPass pass;

  /** The output's time axis; {@code ""} for none. */
  private final String axis;

  /** Whether there is one output a sequence, not one a step. */
  private final boolean oneEach;

  private final LossShape lossShape;
  private final int rows;
  private final int batchSize;
  private final Buffer targets;
  private final ByteBuffer targetStaging;

  /** Of a loss of label sequences, instead of {@link #targets}. */
  private final @Nullable LabelTargets labels;

  /** Of an output that is an adaptive softmax, instead of the loss of its outputs. */
  private final @Nullable AdaptiveOutput adaptive;

  /** Of outputs of one each: 1, or 0 for a sequence without a step. */
  private final @Nullable Buffer counts;

  private @Nullable StepInput staged;

  /** Factors of the rows' losses; made when the first window has some. */
  private @Nullable Buffer weights;

  private @Nullable ByteBuffer weightStaging;

  /** Whether the window taken last has them. */
  private boolean weighted;

  private @Nullable StepInput stagedWeights;

  /** The likeliest class of each row, and the logarithm of its probability; made when asked for. */
  private @Nullable Buffer likeliest;

  private @Nullable Buffer logarithms;

  /** Of an output that is an adaptive softmax: the logits of one row. */
  private @Nullable AdaptiveOutput ofRow;

  /**
   * A pass over windows of one shape.
   *
   * @param mostLabels {@link #mostLabels} of the windows
   */
  ModelPass(
      ModelSpec spec,
      NetworkWeights weights,
      Extent extent,
      int mostLabels,
      Mode mode,
      WeightStorage storage) {
    this.spec = spec;
    this.networkWeights = weights;
    this.network = weights.network();
    this.backend = weights.backend();
    this.mode = mode;
    ValueShape output = spec.outputShape();
    this.axis = output.axis();
    this.oneEach = output instanceof ValueShape.Vector;
    this.batchSize = extent.batchSize();
    int timeSteps = oneEach ? 1 : network.complete(extent).timeSteps().getOrDefault(axis, 1);
    this.rows = Math.multiplyExact(timeSteps, batchSize);
    this.lossShape = new LossShape(spec.loss().ofRow(), timeSteps, batchSize, output.width());
    this.pass = new NetworkPass(weights, extent, mode, storage, Set.of());
    try {
      DType type = takesClasses() ? DType.INT32 : DType.FLOAT32;
      this.counts =
          oneEach && !axis.isEmpty()
              ? pass.fromLengths(
                  axis,
                  batchSize,
                  (lengths, to) -> {
                    for (int length : lengths) {
                      to.put(length == 0 ? 0 : 1);
                    }
                  })
              : null;
      this.targets = pass.allocate(type, targetElements());
      this.targetStaging = Backend.hostMemory(type, targetElements());
      this.labels =
          spec.loss() instanceof Loss.Ctc ctc
              ? new LabelTargets(ctc, lossShape, mostLabels, pass)
              : null;
      this.adaptive = AdaptiveOutput.of(spec.output(), weights, pass, rows, mode);
    } catch (RuntimeException | Error e) {
      pass.close();
      throw e;
    }
  }

  /**
   * The labels of the longest target, rounded up, so that windows share passes; 0 for targets that
   * are no sequences of labels.
   */
  static int mostLabels(Window window) {
    return window.targetValues() instanceof Values.Labels labels
        ? LabelTargets.roomFor(labels.longest())
        : 0;
  }

  private boolean takesClasses() {
    return lossShape.function().takesClasses();
  }

  private long targetElements() {
    if (lossShape.function().takesLabels()) {
      return 0;
    }
    return takesClasses() ? rows : (long) rows * lossShape.outputSize();
  }

  /** The network at work. */
  NetworkPass network() {
    return pass;
  }

  /** {@code [T,B,N]} or {@code [B,N]}. */
  Buffer outputs() {
    return pass.value(spec.output());
  }

  /**
   * What to draw the next token of the only row from: the outputs, or what an adaptive softmax
   * makes of them. To be called after each forward pass; queues work.
   */
  Buffer logits() {
    return adaptive == null ? outputs() : adaptive.logits(outputs());
  }

  /** What of the targets decides which work the loss is; equal for most windows. */
  List<Integer> lossWork() {
    return adaptive == null ? List.of() : adaptive.chunks();
  }

  /** {@code T} of the outputs; 1 if there is one a sequence. */
  int timeSteps() {
    return lossShape.timeSteps();
  }

  /** How many steps of the outputs each sequence has, {@code [B]}; null if all have as many. */
  int @Nullable [] outputLengths() {
    return oneEach || axis.isEmpty() ? null : pass.lengthsOnHost(axis);
  }

  /** Checks and stages the inputs of a window. */
  void takeInputs(Window window) {
    inputs(); // What a window that was refused has left would change their order.
    WindowInputs.of(network, window).giveTo(pass);
  }

  /** What was staged, for a step that begins with it. */
  List<StepInput> inputs() {
    List<StepInput> inputs = new ArrayList<>(pass.takeInputs());
    if (staged != null) {
      inputs.add(staged);
      staged = null;
    }
    if (labels != null) {
      inputs.addAll(labels.takeInputs());
    }
    if (adaptive != null) {
      inputs.addAll(adaptive.takeInputs());
    }
    if (stagedWeights != null) {
      inputs.add(stagedWeights);
      stagedWeights = null;
    }
    return inputs;
  }

  /** Copies what was staged to the device. */
  void upload() {
    for (StepInput input : inputs()) {
      backend.upload(input.source(), input.target());
    }
  }

  /** The time axes whose sequences were given lengths: passes differ by them. */
  Set<String> axesWithLengths() {
    return network.inputs().stream()
        .map(Network.Input::name)
        .filter(name -> pass.lengths(name) != null)
        .collect(Collectors.toSet());
  }

  private boolean countsAt(int row, int @Nullable [] lengths) {
    return lengths == null
        || (oneEach ? lengths[row] > 0 : row / batchSize < lengths[row % batchSize]);
  }

  private void requireSize(int given, long needed, String widths) {
    if (given != needed) {
      throw new IllegalArgumentException(
          "targets holds "
              + given
              + " elements; a batch with T="
              + (oneEach ? 1 : lossShape.timeSteps())
              + " B="
              + batchSize
              + (oneEach ? ", one output a sequence," : "")
              + widths
              + " needs "
              + needed);
    }
  }

  /** Checks and stages the targets, and their weights; returns the predictions that count. */
  Predictions takeTargets(Window window) {
    Values given = window.targetValues();
    float @Nullable [] givenWeights = window.weights();
    int @Nullable [] lengths = axis.isEmpty() ? null : pass.lengthsOnHost(axis);
    if (labels != null) {
      requireUnweighted(givenWeights);
      int sequences = labels.take(given, lengths);
      return new Predictions(sequences, sequences);
    }
    int outputs = adaptive == null ? lossShape.outputSize() : adaptive.classes();
    boolean[] counted = new boolean[rows];
    if (given instanceof Values.Labels) {
      throw new IllegalArgumentException(
          "the targets are sequences of labels; " + lossShape.function() + " needs a target a row");
    }
    if (given instanceof Values.Tokens classTargets) {
      if (!takesClasses()) {
        throw new IllegalArgumentException(
            "the targets are tokens; "
                + lossShape.function()
                + " needs real vectors of "
                + outputs);
      }
      int[] ids = classTargets.ids();
      requireSize(ids.length, rows, "");
      IntBuffer to = targetStaging.clear().asIntBuffer();
      for (int row = 0; row < rows; row++) {
        int target = countsAt(row, lengths) ? ids[row] : -1;
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
        to.put(row, target);
        counted[row] = target >= 0;
      }
    } else if (given instanceof Values.Reals realTargets) {
      if (takesClasses()) {
        throw new IllegalArgumentException(
            "the targets are real vectors; " + lossShape.function() + " needs tokens");
      }
      float[] values = realTargets.values();
      requireSize(values.length, (long) rows * outputs, " N=" + outputs);
      FloatBuffer to = targetStaging.clear().asFloatBuffer();
      to.put(values);
      for (int row = 0; row < rows; row++) {
        counted[row] = countsAt(row, lengths);
      }
    }
    if (adaptive != null) {
      requireUnweighted(givenWeights);
      adaptive.take(targetStaging.asIntBuffer());
      return unweighted(counted);
    }
    staged = new StepInput(targetStaging, targets);
    weighted = givenWeights != null || spec.loss() instanceof Loss.ClassWeighted;
    return weighted ? takeWeights(givenWeights, counted) : unweighted(counted);
  }

  private void requireUnweighted(float @Nullable [] given) {
    if (given != null) {
      throw new IllegalArgumentException(
          "the window has weights of its targets; a loss of "
              + (labels != null ? "sequences of labels" : "an adaptive softmax")
              + " needs none");
    }
  }

  private static Predictions unweighted(boolean[] counted) {
    int count = 0;
    for (boolean counts : counted) {
      count += counts ? 1 : 0;
    }
    return new Predictions(count, count);
  }

  /** Checks and stages the weights of the rows whose targets were staged. */
  private Predictions takeWeights(float @Nullable [] given, boolean[] counted) {
    if (given != null && given.length != rows && given.length != batchSize) {
      throw new IllegalArgumentException(
          "weights holds "
              + given.length
              + " elements; a batch with "
              + rows
              + " targets of "
              + batchSize
              + " sequences needs "
              + rows
              + ", or "
              + batchSize
              + " for whole sequences");
    }
    ByteBuffer staging = weightStaging;
    Buffer buffer = weights;
    if (staging == null || buffer == null) {
      staging = Backend.hostMemory(DType.FLOAT32, rows);
      buffer = pass.allocate(DType.FLOAT32, rows);
      weightStaging = staging;
      weights = buffer;
    }
    FloatBuffer to = staging.clear().asFloatBuffer();
    int count = 0;
    double sum = 0;
    for (int row = 0; row < rows; row++) {
      float weight = 0f;
      if (counted[row]) {
        weight = given == null ? 1f : given[given.length == rows ? row : row % batchSize];
        if (!(weight >= 0f && weight < Float.POSITIVE_INFINITY)) {
          throw new IllegalArgumentException(
              "the weight at t="
                  + row / batchSize
                  + " b="
                  + row % batchSize
                  + " is "
                  + weight
                  + "; needed a finite number of at least 0");
        }
        weight *=
            takesClasses() ? spec.loss().weight(targetStaging.getInt(row * Integer.BYTES)) : 1f;
      }
      to.put(row, weight);
      count += weight > 0f ? 1 : 0;
      sum += weight;
    }
    stagedWeights = new StepInput(staging, buffer);
    return new Predictions(count, sum);
  }

  /** Whether the rows of the window taken last have weights: passes differ by that. */
  boolean weighted() {
    return weighted;
  }

  /** Carries a state of as many streams as there are sequences; null for none. */
  void carry(@Nullable NetworkState state) {
    pass.carry(state);
  }

  /** From the inputs taken last to {@link #outputs()}. */
  void forward() {
    pass.forward();
  }

  /**
   * The sum of the losses, each times its weight, into {@code result [2]}; in training, the
   * gradient by the outputs as well.
   *
   * @param gradientScale FLOAT32 {@code [1]}; null for 1
   * @param lossScale FLOAT32 {@code [1]}; null for 1
   */
  void loss(@Nullable Buffer gradientScale, @Nullable Buffer lossScale, Buffer result) {
    boolean padded = pass.lengths(axis) != null;
    Buffer gradient = mode == Mode.TRAINING ? pass.gradient(spec.output()) : null;
    if (labels != null) {
      labels.loss(outputs(), pass.lengths(axis), gradientScale, lossScale, gradient, result);
      return;
    }
    if (adaptive != null) {
      adaptive.loss(outputs(), gradientScale, lossScale, gradient, result);
      return;
    }
    backend.loss(
        lossShape,
        outputs(),
        targets,
        !padded ? null : counts != null ? counts : pass.lengths(axis),
        weighted ? weights : null,
        gradientScale,
        lossScale,
        gradient,
        result);
  }

  /** Takes what a model says of a row, beside what is right. */
  interface Answers {
    /** One row that counts: its target, and the class that is likeliest. */
    void take(int target, int said);
  }

  /**
   * Hands over each of the targets taken last that counts, with the likeliest class of its row; of
   * equally likely ones that is the smallest. To be called after {@link #forward()}, of a model
   * whose targets are classes; of all the numbers only one class a row comes to the host.
   */
  void answers(Answers sink) {
    Buffer classes = likeliest;
    Buffer chances = logarithms;
    if (classes == null || chances == null) {
      classes = pass.allocate(DType.INT32, rows);
      chances = pass.allocate(DType.FLOAT32, rows);
      likeliest = classes;
      logarithms = chances;
    }
    if (adaptive == null) {
      LikeliestShape each = new LikeliestShape(rows, lossShape.outputSize(), 1);
      backend.likeliest(each, outputs(), classes, chances);
    } else {
      LikeliestShape one = new LikeliestShape(1, adaptive.classes(), 1);
      int width = lossShape.outputSize();
      for (int row = 0; row < rows; row++) {
        Buffer logits = rowLogits().logits(outputs().slice((long) row * width, width));
        backend.likeliest(one, logits, classes.slice(row, 1), chances.slice(row, 1));
      }
    }
    int[] said = classes.readInts();
    for (int row = 0; row < rows; row++) {
      int target = targetStaging.getInt(row * Integer.BYTES);
      if (target >= 0 && hasWeight(row)) {
        sink.take(target, said[row]);
      }
    }
  }

  private boolean hasWeight(int row) {
    ByteBuffer factors = weighted ? weightStaging : null;
    return factors == null || factors.getFloat(row * Float.BYTES) > 0f;
  }

  /**
   * How far the outputs are from the targets taken last, in those rows that count. To be called
   * after {@link #forward()}, of a model whose targets are real vectors.
   */
  ValueErrors errors() {
    float[] said = outputs().readFloats();
    int @Nullable [] lengths = axis.isEmpty() ? null : pass.lengthsOnHost(axis);
    int width = lossShape.outputSize();
    double absolute = 0;
    double squared = 0;
    long values = 0;
    for (int row = 0; row < rows; row++) {
      if (!countsAt(row, lengths) || !hasWeight(row)) {
        continue;
      }
      for (int i = row * width; i < (row + 1) * width; i++) {
        double error = (double) said[i] - targetStaging.getFloat(i * Float.BYTES);
        absolute += Math.abs(error);
        squared += error * error;
      }
      values += width;
    }
    return new ValueErrors(absolute, squared, values);
  }

  private AdaptiveOutput rowLogits() {
    AdaptiveOutput known = ofRow;
    if (known == null) {
      known =
          Objects.requireNonNull(
              AdaptiveOutput.of(spec.output(), networkWeights, pass, 1, Mode.INFERENCE));
      ofRow = known;
    }
    return known;
  }

  /** Stands for this in keys of steps, which are kept and must not keep this. */
  Object identity() {
    return identity;
  }

  /** From the gradient by the outputs to those by all parameters, which are added to. */
  void backward() {
    pass.backward();
  }

  @Override
  public void close() {
    pass.close();
  }
}
