package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.LossFunction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.Extent;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.NetworkState;
import dev.sequor.module.NetworkWeights;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A model on one backend: its weights, and passes for the shapes of batches that it has seen
 * lately. Used by the thread that owns the backend only.
 */
public final class SequenceModel implements AutoCloseable {
  /** Training, evaluation, priming and sampling shapes side by side. */
  private static final int PASSES_KEPT = 4;

  private final Backend backend;
  private final ModelSpec spec;
  private final WeightStorage inferenceWeights;
  private final boolean carriesState;
  private final NetworkWeights weights;

  /** The sum of a batch's losses, and the rows that counted. */
  private final Buffer lossResult;

  private final Map<PassKey, ModelPass> passes = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  private record PassKey(Extent extent, int mostLabels, Mode mode) {}

  /**
   * A model with first weights drawn from {@code seed}, see {@link NetworkWeights#draw}.
   *
   * @param backend stays the caller's
   */
  public SequenceModel(Backend backend, ModelSpec spec, long seed) {
    this(backend, spec, seed, WeightStorage.FLOAT32);
  }

  /**
   * The same, but inference keeps the recurrent stacks' matrices as {@code inferenceWeights} says;
   * it throws {@link IllegalArgumentException} if the backend cannot.
   */
  public SequenceModel(Backend backend, ModelSpec spec, long seed, WeightStorage inferenceWeights) {
    this(spec, inferenceWeights, NetworkWeights.draw(backend, spec.network(), seed));
  }

  /**
   * A model with the weights {@code tensors}, see {@link #load}; none are drawn.
   *
   * @param backend stays the caller's
   * @throws IllegalArgumentException if a tensor is missing, unknown, of another shape, or not
   *     finite
   */
  public static SequenceModel of(
      Backend backend, ModelSpec spec, List<NamedTensor> tensors, WeightStorage inferenceWeights) {
    return new SequenceModel(
        spec, inferenceWeights, NetworkWeights.of(backend, spec.network(), tensors));
  }

  private SequenceModel(ModelSpec spec, WeightStorage inferenceWeights, NetworkWeights weights) {
    this.backend = weights.backend();
    this.spec = spec;
    this.inferenceWeights = inferenceWeights;
    this.carriesState = spec.carriesState();
    this.weights = weights;
    try {
      this.lossResult = backend.allocate(DType.FLOAT32, 2);
    } catch (RuntimeException | Error e) {
      weights.close();
      throw e;
    }
  }

  /** What this model is. */
  public ModelSpec spec() {
    return spec;
  }

  /** Where its tensors lie. */
  public NetworkLayout layout() {
    return weights.layout();
  }

  /** The backend it runs on. */
  public Backend backend() {
    return backend;
  }

  /** The weights, and their gradients. */
  public NetworkWeights weights() {
    return weights;
  }

  /** The flat parameters, laid out by {@link #layout()}. */
  public Buffer parameters() {
    return weights.parameters();
  }

  /** How inference keeps recurrent matrices. */
  WeightStorage inferenceWeights() {
    return inferenceWeights;
  }

  /** Whether it may read the next steps of the same sequences in another window. */
  public boolean carriesState() {
    return carriesState;
  }

  /**
   * The state that {@code batchSize} streams start from, zero unless the model has learned one; the
   * caller closes it.
   *
   * @throws IllegalArgumentException if {@code batchSize} is less than 1, or the model carries none
   */
  public NetworkState newState(int batchSize) {
    requireOpen();
    return new NetworkState(backend, weights.network(), batchSize);
  }

  /** A copy of every tensor, in the order of {@link NetworkLayout#regions()}. */
  public List<NamedTensor> tensors() {
    return weights.tensors();
  }

  /**
   * Replaces every tensor.
   *
   * @throws IllegalArgumentException if one is missing, unknown, of another shape, or not finite;
   *     nothing has changed then
   */
  public void load(List<NamedTensor> tensors) {
    weights.load(tensors);
  }

  /**
   * The outputs for tokens, in inference (no dropout), of a model with one input.
   *
   * @param tokens {@code [T,B]}, time-major; those past a sequence's end are not looked at
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps
   * @param state the state to start from, replaced by the state of each sequence at its end; null
   *     to start from zero
   * @return {@code [T,B,N]}, or {@code [B,N]} if there is one output a sequence: the model's own
   *     memory, good until its next use
   * @throws IllegalArgumentException naming the first argument that does not fit
   */
  public Buffer forward(
      int timeSteps,
      int batchSize,
      int[] tokens,
      int @Nullable [] lengths,
      @Nullable NetworkState state) {
    return infer(timeSteps, batchSize, new Values.Tokens(tokens), lengths, state).outputs();
  }

  /**
   * The outputs for real vectors {@code [T,B,I]}; otherwise as {@link #forward(int, int, int[],
   * int[], NetworkState)}.
   */
  public Buffer forward(
      int timeSteps,
      int batchSize,
      float[] vectors,
      int @Nullable [] lengths,
      @Nullable NetworkState state) {
    return infer(timeSteps, batchSize, new Values.Reals(vectors), lengths, state).outputs();
  }

  private ModelPass infer(
      int timeSteps,
      int batchSize,
      Values inputs,
      int @Nullable [] lengths,
      @Nullable NetworkState state) {
    // The targets are not looked at.
    return infer(new SeriesWindow(timeSteps, batchSize, inputs, inputs, lengths, false), state);
  }

  /**
   * The outputs for the inputs of a window, in inference, whatever the number of inputs; otherwise
   * as {@link #forward(int, int, int[], int[], NetworkState)}. Targets, and whether the window
   * resets the state, are not looked at.
   */
  public Buffer forward(Window window, @Nullable NetworkState state) {
    return infer(window, state).outputs();
  }

  /**
   * The pass with what comes of the inputs of a window; see {@link #forward(Window, NetworkState)}.
   */
  ModelPass infer(Window window, @Nullable NetworkState state) {
    ModelPass pass = pass(window, Mode.INFERENCE);
    pass.carry(state);
    pass.takeInputs(window);
    pass.upload();
    pass.forward();
    return pass;
  }

  /**
   * The loss of a window, in inference (no dropout).
   *
   * @param state the state to start from, unless the window resets it, and to replace; may be null
   *     if the window resets it
   * @throws IllegalArgumentException if the window does not fit the model or its state
   */
  public BatchLoss loss(Window window, @Nullable NetworkState state) {
    ModelPass pass = pass(window, Mode.INFERENCE);
    Predictions predictions = judge(pass, window, state);
    pass.loss(null, null, lossResult);
    return predictions.loss(lossResult.readFloats()[0]);
  }

  /**
   * How often the likeliest class is the target of a window, in inference (no dropout).
   *
   * @param state as for {@link #loss}
   * @throws IllegalArgumentException if the model's loss is not of classes, or the window does not
   *     fit the model or its state
   */
  public Accuracy accuracy(Window window, @Nullable NetworkState state) {
    long[] counts = new long[2];
    answers(
        window,
        state,
        (target, said) -> {
          counts[0] += said == target ? 1 : 0;
          counts[1]++;
        });
    return new Accuracy(counts[0], counts[1]);
  }

  /** Hands over what the model says of each target that counts; otherwise as {@link #accuracy}. */
  void answers(Window window, @Nullable NetworkState state, ModelPass.Answers sink) {
    if (!spec.loss().function().takesClasses()) {
      throw new IllegalArgumentException(
          "the model's loss is " + spec.loss().function() + "; accuracy needs one of classes");
    }
    ModelPass pass = pass(window, Mode.INFERENCE);
    judge(pass, window, state);
    pass.answers(sink);
  }

  /**
   * How far the outputs are from the targets of a window, in inference (no dropout).
   *
   * @param state as for {@link #loss}
   * @throws IllegalArgumentException if the model's loss is not the squared error, or the window
   *     does not fit the model or its state
   */
  public ValueErrors errors(Window window, @Nullable NetworkState state) {
    if (spec.loss().function() != LossFunction.MEAN_SQUARED_ERROR) {
      throw new IllegalArgumentException(
          "the model's loss is "
              + spec.loss().function()
              + "; errors of values need that of values, "
              + LossFunction.MEAN_SQUARED_ERROR);
    }
    ModelPass pass = pass(window, Mode.INFERENCE);
    judge(pass, window, state);
    return pass.errors();
  }

  /** Checks a window and runs its inputs; returns the predictions that count. */
  private Predictions judge(ModelPass pass, Window window, @Nullable NetworkState state) {
    pass.carry(state);
    pass.takeInputs(window);
    Predictions predictions = pass.takeTargets(window);
    requireStateFor(window, state);
    if (state != null && window.advance() < window.timeSteps()) {
      throw new IllegalArgumentException(
          "the next window begins after "
              + window.advance()
              + " of the "
              + window.timeSteps()
              + " steps of this one; only training takes such windows");
    }
    pass.upload();
    if (window.resetState() && state != null) {
      state.zero();
    }
    pass.forward();
    return predictions;
  }

  /** Refuses a window that continues sequences whose state is not there. */
  void requireStateFor(Window window, @Nullable NetworkState state) {
    if (window.resetState()) {
      return;
    }
    if (!carriesState) {
      throw new IllegalArgumentException(
          "the window continues the sequences of the one before; this model carries no state from"
              + " window to window, so it needs whole sequences");
    }
    if (state == null) {
      throw new IllegalArgumentException(
          "the window continues the sequences of the one before; needed their state");
    }
  }

  /** The pass for windows of that shape, made if need be; of many the least lately used go. */
  ModelPass pass(Window window, Mode mode) {
    requireOpen();
    Extent extent = WindowInputs.of(weights.network(), window).extent();
    PassKey key = new PassKey(extent, ModelPass.mostLabels(window), mode);
    ModelPass pass = passes.get(key);
    if (pass == null) {
      pass = new ModelPass(spec, weights, extent, key.mostLabels(), mode, inferenceWeights);
      passes.put(key, pass);
      if (passes.size() > PASSES_KEPT) {
        var eldest = passes.values().iterator();
        ModelPass evicted = eldest.next();
        eldest.remove();
        evicted.close();
      }
    }
    return pass;
  }

  private void requireOpen() {
    backend.requireThread();
    if (closed) {
      throw new IllegalStateException("the model is used after close");
    }
  }

  /** Frees the weights and all passes. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      passes.values().forEach(ModelPass::close);
      passes.clear();
      lossResult.close();
      weights.close();
    }
  }
}
