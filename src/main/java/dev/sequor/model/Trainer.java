package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.Sizes;
import dev.sequor.backend.StepInput;
import dev.sequor.backend.UpdateGroups;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkState;
import dev.sequor.module.TensorShapes;
import dev.sequor.rnn.TensorRegion;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a model by back-propagation through time: full BPTT on batches whose windows all reset the
 * state, truncated BPTT on contiguous streams whose windows carry it (the state's value is handed
 * on, its gradient is not); with windows that {@linkplain Window#advance overlap} the gradient
 * reaches further back than to the update before.
 *
 * <p>Its state, {@link #snapshot()}, is all that a resumed run needs to continue bit for bit on the
 * same backend.
 */
public final class Trainer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

  /** An unlucky batch may overflow once; as many in a row do not recover. */
  private static final int SKIPPED_STEPS_ALLOWED = 10;

  /** Floats of {@link #lossResult}. */
  private static final int LOSS_RESULT = 2;

  /** Stands for this in keys of steps. */
  private final Object identity = new Object();

  private final SequenceModel model;
  private final Backend backend;
  private final Clipping clipping;
  private final Buffer moments;

  /** The sum of a batch's losses, the rows that counted, and an {@link UpdateReport}. */
  private final Buffer report;

  private final Buffer lossResult;
  private final Buffer updateReport;
  private final Buffer lossScale;
  private final ByteBuffer reportStaging =
      Backend.hostMemory(DType.FLOAT32, LOSS_RESULT + UpdateReport.ELEMENTS);

  /** What changes from step to step: the gradient's scale, and the optimiser's numbers. */
  private final Buffer stepNumbers;

  private final Buffer gradientScale;
  private final Buffer optimizerNumbers;
  private final ByteBuffer stepStaging;

  /** Where the groups of parameters lie; null if there are none. */
  private final @Nullable UpdateGroups groups;

  private Optimizer optimizer;
  private long seed;
  private long steps;
  private long updates;
  private long skippedSteps;
  private long consecutiveSkippedSteps;
  private long epoch;
  private long position;

  /** The memory of the carried state, kept even while nothing is carried. */
  private @Nullable NetworkState state;

  /** Whether {@link #state} continues the streams of the last window. */
  private boolean carries;

  /** What the sequences of a window that overlaps the next one start from, while it is used. */
  private @Nullable NetworkState beginning;

  /** The state before the steps that are queued, unless that {@linkplain #keptIsZero was zero}. */
  private @Nullable NetworkState kept;

  /** Whether the sequences of the last window that was queued began in steps still queued. */
  private boolean keptIsZero = true;

  /**
   * A trainer at its first step.
   *
   * @param model stays the caller's
   * @param seed key of the dropout bits
   * @throws IllegalArgumentException if a group of parameters of {@code optimizer} names no tensor
   *     of the model, or a tensor is of two groups
   */
  public Trainer(SequenceModel model, Optimizer optimizer, Clipping clipping, long seed) {
    this.model = model;
    this.backend = model.backend();
    this.optimizer = optimizer;
    this.clipping = clipping;
    this.seed = seed;
    GroupedTensors tensors =
        optimizer.groups().isEmpty()
            ? null
            : new GroupedTensors(optimizer.groups(), model.layout());
    long elements = optimizer.rule().moments() * model.layout().totalElements();
    this.moments = backend.allocate(DType.FLOAT32, elements);
    List<Buffer> made = new ArrayList<>(List.of(moments));
    int numbers = OptimizerStep.ELEMENTS * (1 + optimizer.groups().size());
    try {
      this.report = backend.allocate(DType.FLOAT32, LOSS_RESULT + UpdateReport.ELEMENTS);
      made.add(report);
      this.stepNumbers = backend.allocate(DType.FLOAT32, 1 + numbers);
      made.add(stepNumbers);
      this.groups = tensors == null ? null : allocate(backend, tensors, made);
      this.stepStaging = Backend.hostMemory(DType.FLOAT32, 1 + numbers);
    } catch (RuntimeException | Error e) {
      made.forEach(Buffer::close);
      throw e;
    }
    this.lossResult = report.slice(0, LOSS_RESULT);
    this.updateReport = report.slice(LOSS_RESULT, UpdateReport.ELEMENTS);
    this.lossScale = updateReport.slice(UpdateReport.LOSS_SCALE, 1);
    this.gradientScale = stepNumbers.slice(0, 1);
    this.optimizerNumbers = stepNumbers.slice(1, numbers);
    setLossScale(LossScale.none());
  }

  private static UpdateGroups allocate(Backend backend, GroupedTensors tensors, List<Buffer> made) {
    Buffer ends = backend.allocate(DType.INT32, tensors.ends().length);
    made.add(ends);
    Buffer groups = backend.allocate(DType.INT32, tensors.groups().length);
    made.add(groups);
    ends.write(tensors.ends());
    groups.write(tensors.groups());
    return new UpdateGroups(ends, groups);
  }

  /** Goes on from {@code known}; it is for backends that want scaling, and the others have none. */
  private void setLossScale(LossScale known) {
    boolean wanted = backend.wantsLossScaling();
    boolean scaled = known.scale() > 1f;
    if (!wanted || !scaled) {
      updateReport.write(UpdateReport.initial(wanted ? UpdateReport.FIRST_LOSS_SCALE : 1f));
    } else {
      updateReport.write(UpdateReport.of(known.scale(), known.updates()));
    }
  }

  /**
   * One update from the next window of {@code source}: the one after the last that this trainer (or
   * the one it was restored from) learned from. After the last window of an epoch the carried state
   * is dropped.
   *
   * @throws IllegalArgumentException if the window does not fit, see {@link #step(Window)}
   * @throws DivergedException if the gradient was not finite in {@value #SKIPPED_STEPS_ALLOWED}
   *     steps in a row
   */
  public TrainStep step(WindowSource source) {
    return steps(source, 1);
  }

  /**
   * {@code count} updates from the next windows of {@code source}, of which only the last is
   * reported: an asynchronous device works through all of them without waiting for the host. The
   * results are those of as many calls of {@link #step(WindowSource)}, but that such a device finds
   * out only at the end whether steps were skipped: if the last was, the streams go on from the
   * state before all of them.
   *
   * @throws IllegalArgumentException if {@code count} is less than 1, or a window does not fit; the
   *     windows before it have been learned from
   * @throws DivergedException as for one step
   */
  public TrainStep steps(WindowSource source, int count) {
    Sizes.atLeastOne("count", count);
    if (backend.isAsynchronous()) {
      return queued(source, count);
    }
    TrainStep last = queued(source, 1);
    for (int done = 1; done < count; done++) {
      last = queued(source, 1);
    }
    return last;
  }

  /**
   * One update from the next {@code windows} windows of {@code source} together, as if they were
   * one batch: of the mean loss of all their predictions. It takes no more memory than one of them.
   * At the end of an epoch there are fewer. A window of this trainer's streams that continues the
   * one before starts from where that ended, as ever.
   *
   * @return what the update did, with the loss of all of them
   * @throws IllegalArgumentException if {@code windows} is less than 1, or a window does not fit;
   *     nothing has changed then
   * @throws DivergedException as for one step
   */
  public TrainStep accumulated(WindowSource source, int windows) {
    Sizes.atLeastOne("windows", windows);
    if (windows == 1) {
      return step(source);
    }
    requirePosition(source);
    int count = (int) Math.min(windows, source.windowsPerEpoch() - position);
    List<Window> all = new ArrayList<>();
    double weight = 0;
    for (int i = 0; i < count; i++) {
      Window window = source.window(epoch, position + i);
      all.add(window);
      ModelPass pass = model.pass(window, Mode.TRAINING);
      pass.carry(null);
      weight += stage(pass, window).weight();
    }
    BatchLoss loss = new BatchLoss(0, 0);
    for (int i = 0; i < count; i++) {
      Part part = new Part(i, windows, i == count - 1, weight);
      Predictions predictions;
      try {
        predictions = queue(all.get(i), i == 0, updates + 1, part);
      } catch (RuntimeException | Error e) {
        if (i > 0) {
          returnToKeptState();
        }
        throw e;
      }
      backend.download(report, reportStaging.clear());
      loss = loss.plus(predictions.loss(reportStaging.getFloat(0)));
    }
    steps++;
    advance(source, count);
    return report(loss, 1);
  }

  /**
   * The gradient of the mean loss of {@code window}, without an update: what one of several workers
   * adds to an update that is made elsewhere, see {@link #update}. It lies in the gradients of the
   * model's weights. The streams go on; all that {@link #progress()} counts stays.
   *
   * @return the loss; its weight is what the gradient counts for beside those of other windows
   * @throws IllegalArgumentException as {@link #step(Window)}
   * @throws IllegalStateException if the backend scales its losses, as fp16 does
   */
  public BatchLoss gradient(Window window) {
    requireNoLossScaling();
    Predictions predictions = queue(window, true, updates + 1, Part.WITHOUT_UPDATE);
    backend.download(report, reportStaging.clear());
    return predictions.loss(reportStaging.getFloat(0));
  }

  /**
   * One update by a gradient that was worked out elsewhere, clipped as a whole like any other; the
   * epoch and position of {@link #progress()} stay.
   *
   * @param gradient of the mean loss, laid out by the model's {@link SequenceModel#layout()}
   * @param loss of the predictions that it is of
   * @throws IllegalArgumentException if {@code gradient} has another length
   * @throws IllegalStateException if the backend scales its losses, as fp16 does
   * @throws DivergedException as {@link #step(Window)}
   */
  public TrainStep update(float[] gradient, BatchLoss loss) {
    requireNoLossScaling();
    long elements = model.layout().totalElements();
    if (gradient.length != elements) {
      throw new IllegalArgumentException(
          "gradient holds " + gradient.length + " floats; the layout needs " + elements);
    }
    List<OptimizerStep> next = optimizer.steps(updates + 1, clipping);
    FloatBuffer numbers = FloatBuffer.allocate(OptimizerStep.ELEMENTS * next.size());
    next.forEach(group -> numbers.put(group.values()));
    optimizerNumbers.write(numbers.array());
    model.weights().gradients().write(gradient);
    update();
    steps++;
    backend.download(report, reportStaging.clear());
    return report(loss, 1);
  }

  private void requireNoLossScaling() {
    if (backend.wantsLossScaling()) {
      throw new IllegalStateException(
          backend.name() + " scales its losses; needed one that does not: fp32, tf32 or bf16");
    }
  }

  private TrainStep queued(WindowSource source, int count) {
    Predictions predictions = new Predictions(0, 0);
    int queued = 0;
    try {
      for (; queued < count; queued++) {
        predictions = queue(source, queued);
      }
    } catch (RuntimeException | Error e) {
      if (queued > 0) {
        report(predictions, queued);
      }
      throw e;
    }
    return report(predictions, count);
  }

  private Predictions queue(WindowSource source, int queuedBefore) {
    requirePosition(source);
    Predictions predictions = queue(source.window(epoch, position), queuedBefore);
    advance(source, 1);
    return predictions;
  }

  private void requirePosition(WindowSource source) {
    long windows = source.windowsPerEpoch();
    if (position >= windows) {
      throw new IllegalArgumentException(
          "the data has "
              + windows
              + " windows an epoch; the trainer is at window "
              + position
              + " and needs more");
    }
  }

  private void advance(WindowSource source, int windows) {
    position += windows;
    if (position == source.windowsPerEpoch()) {
      position = 0;
      epoch++;
      carries = false;
    }
  }

  /**
   * One update from {@code window}; the epoch and position of {@link #progress()} stay.
   *
   * @throws IllegalArgumentException if the window does not fit the model, has no target, or
   *     continues streams that this trainer does not carry
   * @throws DivergedException if the gradient was not finite in {@value #SKIPPED_STEPS_ALLOWED}
   *     steps in a row
   */
  public TrainStep step(Window window) {
    return report(queue(window, 0), 1);
  }

  /**
   * Queues a step. Counts on every step that is queued but not reported yet to be an update; the
   * device itself subtracts those that were skipped ({@link UpdateReport#SKIPPED}).
   *
   * @return the predictions that count
   */
  private Predictions queue(Window window, int queuedBefore) {
    Predictions predictions =
        queue(window, queuedBefore == 0, updates + queuedBefore + 1, Part.WHOLE);
    steps++;
    return predictions;
  }

  /**
   * A window's part in an update.
   *
   * @param index 0 for the first
   * @param most how many there are in a full update
   * @param last whether the update follows
   * @param weight of the predictions of all; 0 for those of this one alone
   */
  private record Part(int index, int most, boolean last, double weight) {
    static final Part WHOLE = new Part(0, 1, true, 0);
    static final Part WITHOUT_UPDATE = new Part(0, 1, false, 0);

    /** What an update of several windows draws its dropout bits by differs for each of them. */
    long drawOffset(long step) {
      return step * most + index;
    }
  }

  /**
   * Queues a window's part of a step.
   *
   * @param keeps whether its sequences start from what is to come back if the step is skipped
   * @param update its number, from 1
   * @return the predictions that count
   */
  private Predictions queue(Window window, boolean keeps, long update, Part part) {
    NetworkState carried = stateFor(window);
    keepState(window, keeps);
    List<OptimizerStep> next = optimizer.steps(update, clipping);
    Predictions predictions;
    try {
      predictions = queue(window, carried, next, part);
    } catch (RuntimeException | Error e) {
      if (carried != null && carried != state) {
        carried.close(); // What was carried before is carried still.
      }
      throw e;
    }
    if (carried != null && carried != state) {
      state = replaced(state, carried);
    }
    carries = carried != null;
    return predictions;
  }

  /**
   * A training step that repeats: the same calls on the same memory. Keys are kept, so they have
   * what stands for trainer, passes and states, and would keep them from being found lost.
   */
  private record StepKey(
      Object trainer,
      Object pass,
      @Nullable Object state,
      boolean resetState,
      Set<String> axesWithLengths,
      List<Integer> lossWork,
      boolean weighted,
      boolean first,
      boolean last,
      @Nullable Object beginning,
      @Nullable Object head) {}

  private static @Nullable Object identity(@Nullable NetworkState state) {
    return state == null ? null : state.identity();
  }

  /**
   * Queues a step: forward pass, mean loss, backward pass and update. {@link #report} fetches what
   * came of it.
   *
   * @param carried the state to start from, unless the window resets it, and to replace; null to
   *     carry none
   * @return the predictions that count, at least one
   */
  private Predictions queue(
      Window window, @Nullable NetworkState carried, List<OptimizerStep> next, Part part) {
    ModelPass pass = model.pass(window, Mode.TRAINING);
    Predictions predictions = stage(pass, window, carried);
    pass.network().randomNumbers(seed, part.drawOffset(steps));
    FloatBuffer numbers = stepStaging.clear().asFloatBuffer();
    numbers.put((float) (1 / (part.weight > 0 ? part.weight : predictions.weight())));
    next.forEach(group -> numbers.put(group.values()));
    List<StepInput> inputs = new ArrayList<>(pass.inputs());
    NetworkState start = overlaps(window) ? beginning(window, carried) : null;
    ModelPass head = start == null ? null : head(window, carried, part.drawOffset(steps));
    if (head != null) {
      inputs.addAll(head.inputs());
    }
    inputs.add(new StepInput(stepStaging, stepNumbers));
    boolean reset = window.resetState();
    backend.step(
        new StepKey(
            identity,
            pass.identity(),
            identity(carried),
            reset,
            pass.axesWithLengths(),
            pass.lossWork(),
            pass.weighted(),
            part.index == 0,
            part.last,
            identity(start),
            head == null ? null : head.identity()),
        inputs,
        () -> {
          if (reset && carried != null) {
            carried.zero();
          }
          if (carried != null && start != null) {
            start.copyFrom(carried);
          }
          if (part.index == 0) {
            model.weights().zeroGradients();
          }
          passes(pass);
          if (carried != null && start != null) {
            carried.copyFrom(start);
          }
          if (head != null) {
            head.forward(); // from the same weights and by the same dropout bits
          }
          if (part.last) {
            update();
          }
        });
    return predictions;
  }

  private void update() {
    Buffer parameters = model.parameters();
    Buffer gradients = model.weights().gradients();
    UpdateRule rule = optimizer.rule();
    if (groups == null) {
      backend.optimizerStep(rule, optimizerNumbers, parameters, gradients, moments, updateReport);
    } else {
      backend.optimizerStep(
          rule, optimizerNumbers, groups, parameters, gradients, moments, updateReport);
    }
  }

  /**
   * The passes of a step alone, from zero states; afterwards the model's gradients are that of the
   * mean loss, times the loss scale.
   *
   * @return the mean loss
   */
  BatchLoss backpropagate(Window window, long dropoutSeed, long dropoutOffset) {
    ModelPass pass = model.pass(window, Mode.TRAINING);
    Predictions predictions = stage(pass, window, null);
    pass.network().randomNumbers(dropoutSeed, dropoutOffset);
    pass.upload();
    gradientScale.write((float) (1 / predictions.weight()));
    model.weights().zeroGradients();
    passes(pass);
    return predictions.loss(lossResult.readFloats()[0]);
  }

  /** Checks a window and stages it; returns the predictions that count, at least one. */
  private Predictions stage(ModelPass pass, Window window, @Nullable NetworkState carried) {
    pass.carry(carried);
    Predictions predictions = stage(pass, window);
    model.requireStateFor(window, carried);
    return predictions;
  }

  private static Predictions stage(ModelPass pass, Window window) {
    pass.takeInputs(window);
    Predictions predictions = pass.takeTargets(window);
    if (predictions.count() == 0) {
      throw new IllegalArgumentException("the window has no target that counts; needed at least 1");
    }
    return predictions;
  }

  private static boolean overlaps(Window window) {
    return window.advance() < window.timeSteps();
  }

  /** Memory for what the sequences of {@code window} start from, which the pass replaces. */
  private NetworkState beginning(Window window, @Nullable NetworkState carried) {
    if (carried == null || window.parts().size() != 1) {
      throw new IllegalArgumentException(
          "the next window begins after "
              + window.advance()
              + " of the "
              + window.timeSteps()
              + " steps of this one; needed a model that carries a state, and has one input");
    }
    NetworkState known = beginning;
    if (known == null || known.batchSize() != carried.batchSize()) {
      known = replaced(known, model.newState(carried.batchSize()));
      beginning = known;
    }
    return known;
  }

  /**
   * The pass that goes on to where the next window begins; null if that is where this one does. Its
   * inputs are staged.
   */
  private @Nullable ModelPass head(Window window, @Nullable NetworkState carried, long drawOffset) {
    int steps = window.advance();
    if (steps == 0) {
      return null;
    }
    Values inputs = window.inputValues();
    int entries = steps * window.batchSize();
    if (inputs instanceof Values.Tokens tokens) {
      inputs = new Values.Tokens(Arrays.copyOf(tokens.ids(), entries));
    } else if (inputs instanceof Values.Reals reals) {
      int all = window.timeSteps() * window.batchSize();
      int width = reals.values().length / all;
      inputs = new Values.Reals(Arrays.copyOf(reals.values(), entries * width));
    }
    int[] lengths = window.lengths();
    if (lengths != null) {
      lengths = Arrays.stream(lengths).map(length -> Math.min(length, steps)).toArray();
    }
    // The targets are not looked at.
    Window first =
        new SeriesWindow(steps, window.batchSize(), inputs, inputs, lengths, window.resetState());
    ModelPass head = model.pass(first, Mode.TRAINING);
    head.carry(carried);
    head.takeInputs(first);
    head.network().randomNumbers(seed, drawOffset);
    return head;
  }

  private void passes(ModelPass pass) {
    pass.forward();
    pass.loss(gradientScale, lossScale, lossResult);
    pass.backward();
  }

  /** A field of the {@link UpdateReport} that was read last. */
  private float reported(int field) {
    return reportStaging.getFloat((LOSS_RESULT + field) * Float.BYTES);
  }

  /** Waits for the queued steps and counts what came of them. */
  private TrainStep report(Predictions predictions, int queued) {
    backend.download(report, reportStaging.clear());
    return report(predictions.loss(reportStaging.getFloat(0)), queued);
  }

  /** Counts what came of the queued steps, of which the report has been fetched. */
  private TrainStep report(BatchLoss loss, int queued) {
    float norm = reported(UpdateReport.NORM);
    int skipped = (int) reported(UpdateReport.SKIPPED);
    boolean lastSkipped = !Float.isFinite(norm);
    updates += queued - skipped;
    if (lastSkipped) {
      returnToKeptState();
    } else {
      consecutiveSkippedSteps = 0;
    }
    if (skipped > 0) {
      updateReport.slice(UpdateReport.SKIPPED, 1).write(0f);
      skip(skipped, lastSkipped, loss, norm);
    }
    return new TrainStep(steps, loss, norm, lastSkipped);
  }

  private void skip(int skipped, boolean lastSkipped, BatchLoss loss, float norm) {
    skippedSteps += skipped;
    LOG.warn(
        "{} skipped at step {}: the norm of the gradient is {} (loss {}); {} skipped so far",
        skipped == 1 ? "one update" : skipped + " updates",
        steps,
        norm,
        loss.mean(),
        skippedSteps);
    if (lastSkipped) {
      consecutiveSkippedSteps += skipped;
    }
    if (consecutiveSkippedSteps >= SKIPPED_STEPS_ALLOWED && !findsLossScale()) {
      throw new DivergedException(
          steps,
          "the norm of the gradient is "
              + norm
              + " at step "
              + steps
              + ", not finite in "
              + consecutiveSkippedSteps
              + " steps in a row ("
              + notFinite()
              + ", loss "
              + loss.mean()
              + "); needed: a lower learning rate than "
              + optimizer.learningRate()
              + ", tighter clipping, or finite inputs and targets");
    }
  }

  /**
   * Which tensors have a gradient that is not finite. It comes from the output, so that the fault
   * arose no later than in the last of them.
   */
  private String notFinite() {
    List<String> names = new ArrayList<>();
    List<TensorRegion> regions = model.layout().regions();
    for (TensorRegion region : regions) {
      if (!allFinite(
          model.weights().gradients().slice(region.offset(), region.elements()).readFloats())) {
        names.add(region.name());
      }
    }
    return names.isEmpty()
        ? "all gradients are finite, and only their norm is not"
        : names.size()
            + " of "
            + regions.size()
            + " tensors, the one nearest the output '"
            + names.get(names.size() - 1)
            + "'";
  }

  private static boolean allFinite(float[] values) {
    for (float value : values) {
      if (!Float.isFinite(value)) {
        return false;
      }
    }
    return true;
  }

  /** Whether the loss scale can still fall, so that the next steps may succeed. */
  private boolean findsLossScale() {
    return reported(UpdateReport.LOSS_SCALE) > 2f;
  }

  /** The state to run {@code window} from; null for models that need whole sequences. */
  private @Nullable NetworkState stateFor(Window window) {
    if (!model.carriesState()) {
      return null; // The model refuses windows that continue.
    }
    int batchSize = window.batchSize();
    if (!window.resetState() && (state == null || !carries)) {
      throw new IllegalArgumentException(
          "the window continues streams, but the trainer carries none; needed a window that resets"
              + " the state first");
    }
    if (state != null && state.batchSize() == batchSize) {
      return state;
    }
    if (!window.resetState() && state != null) {
      throw new IllegalArgumentException(
          "the window continues "
              + batchSize
              + " streams; the trainer carries "
              + state.batchSize());
    }
    return model.newState(batchSize);
  }

  /** Before a step is queued: keeps what its sequences start from, in case it is skipped. */
  private void keepState(Window window, boolean keeps) {
    if (window.resetState()) {
      keptIsZero = true;
    } else if (keeps && state != null) {
      keptIsZero = false;
      if (kept == null || kept.batchSize() != state.batchSize()) {
        kept = replaced(kept, model.newState(state.batchSize()));
      }
      kept.copyFrom(state);
    }
  }

  /** The state of a skipped step is that of a pass that overflowed: nothing may go on from it. */
  private void returnToKeptState() {
    if (state == null || !carries) {
      return;
    }
    if (keptIsZero) {
      state.zero();
    } else {
      state.copyFrom(Objects.requireNonNull(kept));
    }
  }

  private NetworkState replaced(@Nullable NetworkState old, NetworkState replacement) {
    if (old != null) {
      backend.synchronize();
      old.close();
    }
    return replacement;
  }

  /** The counters, position and seed. */
  public TrainerProgress progress() {
    return new TrainerProgress(
        seed,
        steps,
        updates,
        skippedSteps,
        consecutiveSkippedSteps,
        epoch,
        position,
        carries && state != null ? state.batchSize() : 0);
  }

  /** What it trains. */
  public SequenceModel model() {
    return model;
  }

  /** The bounds on its gradients. */
  public Clipping clipping() {
    return clipping;
  }

  /** The optimiser, with its present learning rate. */
  public Optimizer optimizer() {
    return optimizer;
  }

  /**
   * Takes another learning rate from the next step on.
   *
   * @throws IllegalArgumentException if it is not finite and greater than 0
   */
  public void learningRate(float learningRate) {
    optimizer = optimizer.withLearningRate(learningRate);
  }

  /**
   * Trains on {@code data} as {@code plan} says, which {@code dev.sequor.fit.Fit} is one of.
   *
   * @return what came of it
   */
  public <R> R fit(WindowSource data, TrainingPlan<R> plan) {
    return plan.run(this, data);
  }

  /** A copy of everything that the next step depends on, apart from configuration and data. */
  public TrainerSnapshot snapshot() {
    List<NamedTensor> momentTensors = new ArrayList<>();
    for (int moment = 0; moment < optimizer.rule().moments(); moment++) {
      momentTensors.addAll(
          model.layout().split(moment(moment).readFloats(), TensorShapes.momentPrefix(moment)));
    }
    List<NamedTensor> stateTensors = new ArrayList<>();
    if (carries && state != null) {
      Map<String, List<Integer>> shapes =
          TensorShapes.ofCarriedStates(model.spec().network(), state.batchSize()).byName();
      state
          .byNode()
          .forEach(
              (node, values) -> {
                String name = TensorShapes.STATE + node;
                List<Integer> shape = Objects.requireNonNull(shapes.get(name));
                stateTensors.add(new NamedTensor(name, shape, values.readFloats()));
              });
      state
          .marks()
          .forEach(
              (node, mark) ->
                  stateTensors.add(
                      new NamedTensor(
                          TensorShapes.STATE_MARK + node,
                          List.of(1),
                          new float[] {mark.readInts()[0]})));
    }
    backend.download(report, reportStaging.clear());
    LossScale scale =
        new LossScale(
            reported(UpdateReport.LOSS_SCALE), (long) reported(UpdateReport.UPDATES_SINCE_SCALED));
    return new TrainerSnapshot(progress(), scale, model.tensors(), momentTensors, stateTensors);
  }

  /** One moment vector: all of them together may be more than one transfer takes. */
  private Buffer moment(int moment) {
    long elements = model.layout().totalElements();
    return moments.slice(moment * elements, elements);
  }

  /**
   * Becomes what the trainer was when it made {@code snapshot}; its model gets the snapshot's
   * parameters.
   *
   * @throws IllegalArgumentException if a tensor is missing, unknown, there twice, of another
   *     shape, or not finite; nothing has changed then
   */
  public void restore(TrainerSnapshot snapshot) {
    snapshot.requireFit(model.spec(), optimizer);
    TrainerProgress saved = snapshot.progress();
    model.load(snapshot.parameters());
    for (int moment = 0; moment < optimizer.rule().moments(); moment++) {
      String prefix = TensorShapes.momentPrefix(moment);
      List<NamedTensor> own =
          snapshot.moments().stream().filter(t -> t.name().startsWith(prefix)).toList();
      moment(moment).write(model.layout().join(own, prefix));
    }
    carries = saved.carriedBatchSize() > 0;
    if (carries) {
      if (state == null || state.batchSize() != saved.carriedBatchSize()) {
        state = replaced(state, model.newState(saved.carriedBatchSize()));
      }
      for (NamedTensor tensor : snapshot.carriedState()) {
        if (tensor.name().startsWith(TensorShapes.STATE_MARK)) {
          String node = tensor.name().substring(TensorShapes.STATE_MARK.length());
          Objects.requireNonNull(state.marks().get(node)).write((int) tensor.values()[0]);
        } else {
          String node = tensor.name().substring(TensorShapes.STATE.length());
          Objects.requireNonNull(state.of(node)).write(tensor.values());
        }
      }
    }
    setLossScale(snapshot.lossScale());
    seed = saved.seed();
    steps = saved.steps();
    updates = saved.updates();
    skippedSteps = saved.skippedSteps();
    consecutiveSkippedSteps = saved.consecutiveSkippedSteps();
    epoch = saved.epoch();
    position = saved.position();
  }

  /** Frees moments, report and carried state. */
  @Override
  public void close() {
    moments.close();
    report.close();
    stepNumbers.close();
    if (groups != null) {
      groups.ends().close();
      groups.groups().close();
    }
    if (state != null) {
      state.close();
    }
    if (kept != null) {
      kept.close();
    }
    if (beginning != null) {
      beginning.close();
    }
  }
}
