package dev.sequor.model;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.UpdateReport;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.rnn.RnnState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a model by back-propagation through time: full BPTT on batches whose windows all reset the
 * state, truncated BPTT on contiguous streams whose windows carry it (the state's value is handed
 * on, its gradient is not).
 *
 * <p>Its state, {@link #snapshot()}, is all that a resumed run needs to continue bit for bit on the
 * same backend.
 */
public final class Trainer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

  /** An unlucky batch may overflow once; as many in a row do not recover. */
  private static final int SKIPPED_STEPS_ALLOWED = 10;

  private static final String STATE = "state";

  private final SequenceModel model;
  private final Clipping clipping;
  private final Buffer moments;
  private Optimizer optimizer;
  private long seed;
  private long steps;
  private long updates;
  private long skippedSteps;
  private long consecutiveSkippedSteps;
  private long epoch;
  private long position;

  /** The memory of the carried state, kept even while nothing is carried. */
  private @Nullable RnnState state;

  /** Whether {@link #state} continues the streams of the last window. */
  private boolean carries;

  /**
   * A trainer at its first step.
   *
   * @param model stays the caller's
   * @param seed key of the dropout bits
   */
  public Trainer(SequenceModel model, Optimizer optimizer, Clipping clipping, long seed) {
    this.model = model;
    this.optimizer = optimizer;
    this.clipping = clipping;
    this.seed = seed;
    this.moments =
        model
            .backend()
            .allocate(DType.FLOAT32, optimizer.rule().moments() * model.layout().totalElements());
  }

  /**
   * One update from the next window of {@code source}: the one after the last that this trainer (or
   * the one it was restored from) learned from. After the last window of an epoch the carried state
   * is dropped.
   *
   * @throws IllegalArgumentException if the window does not fit, see {@link #step(Window)}
   * @throws IllegalStateException if the gradient was not finite in {@value #SKIPPED_STEPS_ALLOWED}
   *     steps in a row
   */
  public TrainStep step(WindowSource source) {
    return steps(source, 1);
  }

  /**
   * {@code count} updates from the next windows of {@code source}, of which only the last is
   * reported: a device works through all of them without waiting for the host. The results are
   * those of as many calls of {@link #step(WindowSource)}.
   *
   * @throws IllegalArgumentException if {@code count} is less than 1, or a window does not fit; the
   *     windows before it have been learned from
   * @throws IllegalStateException as for one step
   */
  public TrainStep steps(WindowSource source, int count) {
    if (count < 1) {
      throw new IllegalArgumentException("count is " + count + "; needed at least 1");
    }
    int predictions = 0;
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

  private int queue(WindowSource source, int queuedBefore) {
    long windows = source.windowsPerEpoch();
    if (position >= windows) {
      throw new IllegalArgumentException(
          "the data has "
              + windows
              + " windows an epoch; the trainer is at window "
              + position
              + " and needs more");
    }
    int predictions = queue(source.window(epoch, position), queuedBefore);
    position++;
    if (position == windows) {
      position = 0;
      epoch++;
      carries = false;
    }
    return predictions;
  }

  /**
   * One update from {@code window}; the epoch and position of {@link #progress()} stay.
   *
   * @throws IllegalArgumentException if the window does not fit the model, has no target, or
   *     continues streams that this trainer does not carry
   * @throws IllegalStateException if the gradient was not finite in {@value #SKIPPED_STEPS_ALLOWED}
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
  private int queue(Window window, int queuedBefore) {
    RnnState carried = stateFor(window);
    OptimizerStep next = optimizer.step(updates + queuedBefore + 1, clipping);
    int predictions;
    try {
      predictions = model.step(window, carried, seed, steps, next, moments);
    } catch (RuntimeException | Error e) {
      if (carried != null && carried != state) {
        carried.close(); // What was carried before is carried still.
      }
      throw e;
    }
    if (carried != null && carried != state) {
      replaceState(carried);
    }
    carries = carried != null;
    steps++;
    return predictions;
  }

  /** Waits for the queued steps and counts what came of them. */
  private TrainStep report(int predictions, int queued) {
    model.readReport();
    BatchLoss loss = model.reportedLoss(predictions);
    float norm = model.reported(UpdateReport.NORM);
    int skipped = (int) model.reported(UpdateReport.SKIPPED);
    boolean lastSkipped = !Float.isFinite(norm);
    updates += queued - skipped;
    if (!lastSkipped) {
      consecutiveSkippedSteps = 0;
    }
    if (skipped > 0) {
      model.updateReport().slice(UpdateReport.SKIPPED, 1).write(0f);
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
      throw new IllegalStateException(
          "the norm of the gradient is "
              + norm
              + " at step "
              + steps
              + ", not finite in "
              + consecutiveSkippedSteps
              + " steps in a row (loss "
              + loss.mean()
              + "); needed: a lower learning rate than "
              + optimizer.learningRate()
              + ", tighter clipping, or finite inputs and targets");
    }
  }

  /** Whether the loss scale can still fall, so that the next steps may succeed. */
  private boolean findsLossScale() {
    return model.reported(UpdateReport.LOSS_SCALE) > 2f;
  }

  /** The state to run {@code window} from; null for bidirectional models, which carry none. */
  private @Nullable RnnState stateFor(Window window) {
    if (model.spec().bidirectional()) {
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

  private void replaceState(RnnState replacement) {
    if (state != null) {
      model.backend().synchronize();
      state.close();
    }
    state = replacement;
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

  /** A copy of everything that the next step depends on, apart from configuration and data. */
  public TrainerSnapshot snapshot() {
    List<NamedTensor> momentTensors = new ArrayList<>();
    int total = Math.toIntExact(model.layout().totalElements());
    float[] flat = moments.readFloats();
    for (int moment = 0; moment < optimizer.rule().moments(); moment++) {
      float[] one = Arrays.copyOfRange(flat, moment * total, (moment + 1) * total);
      momentTensors.addAll(model.layout().split(one, momentPrefix(moment)));
    }
    List<NamedTensor> stateTensors =
        carries && state != null
            ? List.of(
                new NamedTensor(STATE, stateShape(state.batchSize()), state.values().readFloats()))
            : List.of();
    return new TrainerSnapshot(progress(), model.tensors(), momentTensors, stateTensors);
  }

  private static String momentPrefix(int moment) {
    return "moments." + moment + ".";
  }

  private List<Integer> stateShape(int batchSize) {
    var rnn = model.spec().rnn();
    return List.of(
        rnn.layers() * rnn.directions(), rnn.cell().states(), batchSize, rnn.hiddenSize());
  }

  /**
   * Becomes what the trainer was when it made {@code snapshot}; its model gets the snapshot's
   * parameters.
   *
   * @throws IllegalArgumentException if a tensor is missing, unknown, of another shape, or (but for
   *     the carried state) not finite; nothing has changed then
   */
  public void restore(TrainerSnapshot snapshot) {
    TrainerProgress saved = snapshot.progress();
    ModelLayout layout = model.layout();
    float[] parameters = layout.join(snapshot.parameters(), "");
    float[] flatMoments = joinMoments(snapshot.moments());
    float[] carried = carriedValues(saved.carriedBatchSize(), snapshot.carriedState());

    model.parameters().write(parameters);
    moments.write(flatMoments);
    carries = carried != null;
    if (carried != null) {
      if (state == null || state.batchSize() != saved.carriedBatchSize()) {
        replaceState(model.newState(saved.carriedBatchSize()));
      }
      Objects.requireNonNull(state).values().write(carried);
    }
    seed = saved.seed();
    steps = saved.steps();
    updates = saved.updates();
    skippedSteps = saved.skippedSteps();
    consecutiveSkippedSteps = saved.consecutiveSkippedSteps();
    epoch = saved.epoch();
    position = saved.position();
  }

  private float[] joinMoments(List<NamedTensor> tensors) {
    int count = optimizer.rule().moments();
    int total = Math.toIntExact(model.layout().totalElements());
    float[] flat = new float[Math.multiplyExact(count, total)];
    int taken = 0;
    for (int moment = 0; moment < count; moment++) {
      String prefix = momentPrefix(moment);
      List<NamedTensor> own = tensors.stream().filter(t -> t.name().startsWith(prefix)).toList();
      taken += own.size();
      System.arraycopy(model.layout().join(own, prefix), 0, flat, moment * total, total);
    }
    if (taken != tensors.size()) {
      throw new IllegalArgumentException(
          "the snapshot holds "
              + tensors.size()
              + " moment tensors; "
              + optimizer.rule()
              + " for this model needs "
              + taken);
    }
    return flat;
  }

  private float @Nullable [] carriedValues(int batchSize, List<NamedTensor> tensors) {
    if (batchSize == 0 && tensors.isEmpty()) {
      return null;
    }
    if (tensors.size() != 1 || !tensors.get(0).name().equals(STATE) || batchSize == 0) {
      throw new IllegalArgumentException(
          "the snapshot carries "
              + batchSize
              + " streams and the tensors "
              + tensors.stream().map(NamedTensor::name).toList()
              + "; needed '"
              + STATE
              + "' exactly if streams are carried");
    }
    NamedTensor tensor = tensors.get(0);
    tensor.requireShape(stateShape(batchSize));
    return tensor.values();
  }

  /** Frees moments and carried state. */
  @Override
  public void close() {
    moments.close();
    if (state != null) {
      state.close();
    }
  }
}
