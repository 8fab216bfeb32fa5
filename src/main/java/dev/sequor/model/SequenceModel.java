package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.rnn.Initializer;
import dev.sequor.rnn.Rnn;
import dev.sequor.rnn.RnnState;
import dev.sequor.rnn.TensorRegion;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A sequence model on one backend: its parameters in one flat buffer, their gradients in another
 * (from the first training step on), and the memory of the batch shapes it has seen lately. Not
 * safe for use by several threads at once.
 */
public final class SequenceModel implements AutoCloseable {
  /** Training, evaluation, priming and sampling shapes side by side. */
  private static final int BATCHES_KEPT = 4;

  private final Backend backend;
  private final SequenceModelSpec spec;
  private final ModelLayout layout;
  private final Rnn rnn;
  private final Buffer parameters;
  private final Buffer recurrentParameters;
  private @Nullable Buffer gradients;
  private @Nullable Buffer recurrentGradients;

  /** Slices of the two flat buffers by tensor name, made once. */
  private final Map<String, Buffer> parameterSlices = new HashMap<>();

  private final Map<String, Buffer> gradientSlices = new HashMap<>();

  /** The sum of a batch's losses, the rows that counted, and an {@link UpdateReport}. */
  private final Buffer report;

  private final Buffer lossReport;
  private final Buffer updateReport;
  private final Buffer lossScale;
  private final ByteBuffer reportStaging =
      ByteBuffer.allocateDirect((2 + UpdateReport.ELEMENTS) * Float.BYTES)
          .order(ByteOrder.nativeOrder());

  private final Map<BatchKey, Batch> batches = new LinkedHashMap<>(16, 0.75f, true);
  private boolean closed;

  private record BatchKey(int timeSteps, int batchSize, Mode mode) {}

  /**
   * A model with initial weights drawn from {@code seed}, see {@link Initializer}: tensor number
   * {@code i} of {@link ModelLayout#regions()} has offset {@code i}.
   *
   * @param backend stays the caller's
   */
  public SequenceModel(Backend backend, SequenceModelSpec spec, long seed) {
    this(backend, spec, seed, WeightStorage.FLOAT32);
  }

  /**
   * The same, but inference keeps the recurrent stack's matrices as {@code inferenceWeights} says;
   * it throws {@link IllegalArgumentException} if the backend cannot.
   */
  public SequenceModel(
      Backend backend, SequenceModelSpec spec, long seed, WeightStorage inferenceWeights) {
    this(
        backend,
        spec,
        inferenceWeights,
        layout -> initialParameters(spec, layout, new Initializer(seed)));
  }

  /**
   * A model with the weights {@code tensors}, see {@link #load}; none are drawn.
   *
   * @param backend stays the caller's
   * @throws IllegalArgumentException if a tensor is missing, unknown, of another shape, or not
   *     finite
   */
  public static SequenceModel of(
      Backend backend,
      SequenceModelSpec spec,
      List<NamedTensor> tensors,
      WeightStorage inferenceWeights) {
    return new SequenceModel(backend, spec, inferenceWeights, layout -> layout.join(tensors, ""));
  }

  private SequenceModel(
      Backend backend,
      SequenceModelSpec spec,
      WeightStorage inferenceWeights,
      Function<ModelLayout, float[]> weights) {
    this.backend = backend;
    this.spec = spec;
    this.layout = new ModelLayout(spec);
    float[] flat = weights.apply(layout); // May throw: before there is anything to free.
    this.rnn = new Rnn(backend, spec.rnn(), inferenceWeights);
    this.parameters = backend.allocate(DType.FLOAT32, layout.totalElements());
    try {
      this.report = backend.allocate(DType.FLOAT32, 2 + UpdateReport.ELEMENTS);
    } catch (RuntimeException | Error e) {
      parameters.close();
      throw e;
    }
    this.lossReport = report.slice(0, 2);
    this.updateReport = report.slice(2, UpdateReport.ELEMENTS);
    this.lossScale = updateReport.slice(UpdateReport.LOSS_SCALE, 1);
    updateReport.write(
        UpdateReport.initial(backend.wantsLossScaling() ? UpdateReport.FIRST_LOSS_SCALE : 1f));
    this.recurrentParameters = recurrent(parameters);
    slice(parameters, parameterSlices);
    parameters.write(flat);
  }

  private void slice(Buffer flat, Map<String, Buffer> slices) {
    for (TensorRegion region : layout.regions()) {
      slices.put(region.name(), flat.slice(region.offset(), region.elements()));
    }
  }

  private static float[] initialParameters(
      SequenceModelSpec spec, ModelLayout layout, Initializer initializer) {
    float[] flat = new float[Math.toIntExact(layout.totalElements())];
    boolean recurrentDone = false;
    List<TensorRegion> regions = layout.regions();
    for (int i = 0; i < regions.size(); i++) {
      TensorRegion region = regions.get(i);
      float[] values;
      if (layout.isRecurrent(region)) {
        if (recurrentDone) {
          continue;
        }
        recurrentDone = true;
        values = initializer.stack(spec.rnn().parameterLayout(), i);
      } else if (region.shape().size() == 1) {
        continue; // A bias: zero.
      } else if (region.name().startsWith("embedding.")) {
        values = initializer.normal(region.shape().get(0), region.shape().get(1), i);
      } else {
        values = initializer.glorotUniform(region.shape().get(0), region.shape().get(1), i);
      }
      System.arraycopy(values, 0, flat, (int) region.offset(), values.length);
    }
    return flat;
  }

  /** What this model is. */
  public SequenceModelSpec spec() {
    return spec;
  }

  /** Where its tensors lie. */
  public ModelLayout layout() {
    return layout;
  }

  /** The backend it runs on. */
  public Backend backend() {
    return backend;
  }

  /** The flat parameters, laid out by {@link #layout()}. */
  public Buffer parameters() {
    return parameters;
  }

  /** A zero state for {@code batchSize} streams; the caller closes it. */
  public RnnState newState(int batchSize) {
    requireOpen();
    return rnn.newState(batchSize);
  }

  /** A copy of every tensor, in the order of {@link ModelLayout#regions()}. */
  public List<NamedTensor> tensors() {
    return layout.split(parameters.readFloats(), "");
  }

  /**
   * Replaces every tensor.
   *
   * @throws IllegalArgumentException if one is missing, unknown, of another shape, or not finite;
   *     nothing has changed then
   */
  public void load(List<NamedTensor> tensors) {
    parameters.write(layout.join(tensors, ""));
  }

  /**
   * The outputs for tokens, in inference (no dropout).
   *
   * @param tokens {@code [T,B]}, time-major; those past a sequence's end are not looked at
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps
   * @param state the state to start from, replaced by the state of each sequence at its end; null
   *     to start from zero
   * @return {@code [T,B,N]}, or {@code [B,N]} if only the last step is read out: the model's own
   *     memory, good until its next use
   * @throws IllegalArgumentException naming the first argument that does not fit
   */
  public Buffer forward(
      int timeSteps,
      int batchSize,
      int[] tokens,
      int @Nullable [] lengths,
      @Nullable RnnState state) {
    return infer(timeSteps, batchSize, new Values.Tokens(tokens), lengths, state).outputs();
  }

  /**
   * The outputs for real vectors {@code [T,B,I]}; otherwise as {@link #forward(int, int, int[],
   * int[], RnnState)}.
   */
  public Buffer forward(
      int timeSteps,
      int batchSize,
      float[] vectors,
      int @Nullable [] lengths,
      @Nullable RnnState state) {
    return infer(timeSteps, batchSize, new Values.Reals(vectors), lengths, state).outputs();
  }

  private Batch infer(
      int timeSteps,
      int batchSize,
      Values inputs,
      int @Nullable [] lengths,
      @Nullable RnnState state) {
    Batch batch = batch(timeSteps, batchSize, Mode.INFERENCE);
    batch.takeInputs(inputs, lengths);
    batch.upload();
    batch.forward(state);
    return batch;
  }

  /** Reads one token of one sequence; the batch returned holds what follows. */
  Batch readToken(int token, RnnState state) {
    return infer(1, 1, new Values.Tokens(new int[] {token}), null, state);
  }

  /**
   * Keeps {@code batch}, of {@link #readToken}, from giving way to others.
   *
   * @throws IllegalStateException if it has already
   */
  void keepTokenBatch(Batch batch) {
    if (batch(1, 1, Mode.INFERENCE) != batch) {
      throw new IllegalStateException(
          "the model was used for too many other shapes while it was sampling");
    }
  }

  /**
   * The loss of a window, in inference (no dropout).
   *
   * @param state the state to start from, unless the window resets it, and to replace; may be null
   *     if the window resets it
   * @throws IllegalArgumentException if the window does not fit the model or its state
   */
  public BatchLoss loss(Window window, @Nullable RnnState state) {
    Batch batch = batch(window.timeSteps(), window.batchSize(), Mode.INFERENCE);
    batch.takeInputs(window.inputValues(), window.lengths());
    int predictions = batch.takeTargets(window.targetValues());
    requireStateFor(window, state);
    batch.upload();
    if (window.resetState() && state != null) {
      state.zero();
    }
    batch.forward(state);
    batch.loss(null, lossReport);
    readReport();
    return reportedLoss(predictions);
  }

  /** A training step that repeats: the same calls on the same memory. */
  private record StepKey(
      Batch batch,
      @Nullable RnnState state,
      boolean resetState,
      boolean hasLengths,
      UpdateRule rule,
      Buffer moments) {}

  /**
   * Queues a training step: forward pass, mean loss, backward pass and update. {@link
   * #readReport()} fetches what came of it.
   *
   * @param state the state to start from, unless the window resets it, and to replace; null to
   *     carry none
   * @param dropoutOffset number of the step
   * @return the predictions that count, at least one
   */
  int step(
      Window window,
      @Nullable RnnState state,
      long dropoutSeed,
      long dropoutOffset,
      OptimizerStep optimizer,
      Buffer moments) {
    Batch batch = batch(window.timeSteps(), window.batchSize(), Mode.TRAINING);
    int predictions = stage(batch, window, state);
    gradients();
    batch.takeStep(dropoutKey(dropoutSeed, dropoutOffset), 1f / predictions, optimizer);
    backend.step(
        new StepKey(
            batch, state, window.resetState(), batch.hasLengths(), optimizer.rule(), moments),
        batch.inputs(),
        () -> {
          passes(batch, window.resetState(), state);
          backend.optimizerStep(
              optimizer.rule(),
              batch.updateNumbers(),
              parameters,
              gradients(),
              moments,
              updateReport);
        });
    return predictions;
  }

  /**
   * The passes of a training step alone; afterwards {@link #gradients()} holds the gradient of the
   * mean loss.
   *
   * @return the predictions that count, at least one
   */
  int backpropagate(Window window, @Nullable RnnState state, long dropoutSeed, long dropoutOffset) {
    Batch batch = batch(window.timeSteps(), window.batchSize(), Mode.TRAINING);
    int predictions = stage(batch, window, state);
    batch.takeStep(dropoutKey(dropoutSeed, dropoutOffset), 1f / predictions, null);
    batch.upload();
    passes(batch, window.resetState(), state);
    return predictions;
  }

  private static RandomKey dropoutKey(long seed, long offset) {
    return new RandomKey(seed, Philox.Stream.DROPOUT.number(), offset);
  }

  /** Checks a window and stages it; returns the predictions that count. */
  private int stage(Batch batch, Window window, @Nullable RnnState state) {
    batch.takeInputs(window.inputValues(), window.lengths());
    int predictions = batch.takeTargets(window.targetValues());
    if (predictions == 0) {
      throw new IllegalArgumentException("the window has no target that counts; needed at least 1");
    }
    requireStateFor(window, state);
    return predictions;
  }

  private void passes(Batch batch, boolean resetState, @Nullable RnnState state) {
    if (resetState && state != null) {
      state.zero();
    }
    backend.fill(gradients(), 0f);
    batch.forward(state);
    batch.loss(lossScale, lossReport);
    batch.backward();
  }

  private void requireStateFor(Window window, @Nullable RnnState state) {
    if (window.resetState()) {
      return;
    }
    if (spec.bidirectional()) {
      throw new IllegalArgumentException(
          "the window continues the sequences of the one before; a bidirectional model needs whole"
              + " sequences");
    }
    if (state == null) {
      throw new IllegalArgumentException(
          "the window continues the sequences of the one before; needed their state");
    }
  }

  /** Waits for the queued work and fetches the loss and the {@link UpdateReport}. */
  void readReport() {
    reportStaging.clear();
    backend.download(report, reportStaging);
  }

  BatchLoss reportedLoss(int predictions) {
    return new BatchLoss(reportStaging.getFloat(0), predictions);
  }

  /** A field of the {@link UpdateReport}. */
  float reported(int field) {
    return reportStaging.getFloat((2 + field) * Float.BYTES);
  }

  /** What the optimiser reads and writes. */
  Buffer updateReport() {
    return updateReport;
  }

  /** The flat gradients, allocated by the first who asks. */
  Buffer gradients() {
    if (gradients == null) {
      gradients = backend.allocate(DType.FLOAT32, layout.totalElements());
      recurrentGradients = recurrent(gradients);
      slice(gradients, gradientSlices);
    }
    return gradients;
  }

  Buffer parameter(String name) {
    return named(parameterSlices, name);
  }

  Buffer gradient(String name) {
    gradients();
    return named(gradientSlices, name);
  }

  private static Buffer named(Map<String, Buffer> slices, String name) {
    Buffer slice = slices.get(name);
    if (slice == null) {
      throw new IllegalArgumentException("the model has no tensor '" + name + "'");
    }
    return slice;
  }

  Buffer recurrentParameters() {
    return recurrentParameters;
  }

  Buffer recurrentGradients() {
    gradients();
    return Objects.requireNonNull(recurrentGradients);
  }

  private Buffer recurrent(Buffer flat) {
    return flat.slice(layout.recurrentOffset(), layout.recurrentElements());
  }

  private Batch batch(int timeSteps, int batchSize, Mode mode) {
    requireOpen();
    BatchKey key = new BatchKey(timeSteps, batchSize, mode);
    Batch batch = batches.get(key);
    if (batch == null) {
      batch = new Batch(this, rnn, timeSteps, batchSize, mode);
      batches.put(key, batch);
      if (batches.size() > BATCHES_KEPT) {
        var eldest = batches.values().iterator();
        Batch evicted = eldest.next();
        eldest.remove();
        // Queued work may still use the batch's memory.
        backend.synchronize();
        evicted.close();
      }
    }
    return batch;
  }

  private void requireOpen() {
    backend.requireThread();
    if (closed) {
      throw new IllegalStateException("the model is used after close");
    }
  }

  /** Frees parameters, gradients, plans and batch memory. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      batches.values().forEach(Batch::close);
      batches.clear();
      report.close();
      if (gradients != null) {
        gradients.close();
      }
      parameters.close();
    }
  }
}
