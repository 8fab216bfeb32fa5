package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BatchPart;
import dev.sequor.backend.Closing;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.backend.UpdateReport;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.model.TrainerReplica.Part;
import dev.sequor.model.TrainerReplica.StepNumbers;
import dev.sequor.module.NamedTensor;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Trains a model by back-propagation through time: full BPTT on batches whose windows all reset the
 * state, truncated BPTT on contiguous streams whose windows carry it (the state's value is handed
 * on, its gradient is not); with windows that {@linkplain Window#advance overlap} the gradient
 * reaches further back than to the update before.
 *
 * <p>On a {@link DeviceGroup} each device learns from its sequences of every batch, and all make
 * the same update by the sum of their gradients: the same training as on one device, up to the
 * rounding of sums. It depends on the number of devices, and on nothing that happens by chance. The
 * first device's model is the one that is seen; the others follow it, also if its weights are
 * replaced between two steps. A step that fails on one device changes nothing on any.
 *
 * <p>Its state, {@link #snapshot()}, is all that a resumed run needs to continue bit for bit on the
 * same backend, or on another number of devices up to rounding.
 */
public final class Trainer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Trainer.class);

  /** An unlucky batch may overflow once; as many in a row do not recover. */
  private static final int SKIPPED_STEPS_ALLOWED = 10;

  /** No version of any weights. */
  private static final long UNKNOWN_WEIGHTS = -1;

  private final SequenceModel model;
  private final Backend backend;
  private final Clipping clipping;

  /** The devices; null for the model's alone. */
  private final @Nullable DeviceGroup devices;

  /** Of each device, the model's first. */
  private final List<TrainerReplica> replicas;

  /** Which weights all devices have, by the version of the model's; only if there are several. */
  private long knownWeights;

  private Optimizer optimizer;
  private long seed;
  private long steps;
  private long updates;
  private long skippedSteps;
  private long consecutiveSkippedSteps;
  private long epoch;
  private long position;

  /** Whether it has been said that some devices have nothing to do. */
  private boolean saidIdle;

  /**
   * A trainer at its first step.
   *
   * @param model stays the caller's
   * @param seed key of the dropout bits
   * @throws IllegalArgumentException if a group of parameters of {@code optimizer} names no tensor
   *     of the model, or a tensor is of two groups
   */
  public Trainer(SequenceModel model, Optimizer optimizer, Clipping clipping, long seed) {
    this(null, model, optimizer, clipping, seed);
  }

  /**
   * A trainer at its first step, on several devices.
   *
   * @param devices stay the caller's
   * @param model on the first of them; stays the caller's
   * @param seed key of the dropout bits
   * @throws IllegalArgumentException also if the model is not on the first device
   * @throws dev.sequor.backend.DeviceMemoryException if a device has not enough memory; names it
   */
  public Trainer(
      @Nullable DeviceGroup devices,
      SequenceModel model,
      Optimizer optimizer,
      Clipping clipping,
      long seed) {
    this.model = Required.present("model", model);
    this.backend = model.backend();
    this.optimizer = Required.present("optimizer", optimizer);
    this.clipping = Required.present("clipping", clipping);
    this.seed = seed;
    if (devices != null && devices.first() != backend) {
      throw new IllegalArgumentException(
          "the model is on "
              + backend.name()
              + "; needed a model on the first device of "
              + devices);
    }
    this.devices = devices == null || devices.size() == 1 ? null : devices;
    this.replicas =
        this.devices == null
            ? List.of(new TrainerReplica(model, optimizer, false))
            : replicas(this.devices);
    this.knownWeights = model.parameters().version();
  }

  private List<TrainerReplica> replicas(DeviceGroup group) {
    List<NamedTensor> weights = model.tensors();
    TrainerReplica[] made = new TrainerReplica[group.size()];
    try {
      return group.onEach(
          member -> {
            SequenceModel own =
                member.index() == 0
                    ? model
                    : SequenceModel.of(
                        member.backend(), model.spec(), weights, model.inferenceWeights());
            try {
              TrainerReplica replica = new TrainerReplica(own, optimizer, true);
              made[member.index()] = replica;
              return replica;
            } catch (RuntimeException | Error e) {
              if (own != model) {
                own.close();
              }
              throw e;
            }
          });
    } catch (RuntimeException | Error e) {
      group.onEachAfter(e, member -> closed(made[member.index()]));
      throw e;
    }
  }

  /** Closes a replica, and its model unless that is the caller's. */
  private boolean closed(@Nullable TrainerReplica replica) {
    if (replica != null) {
      replica.close();
      if (replica.model() != model) {
        replica.model().close();
      }
    }
    return true;
  }

  /** What there is on the device of a number; for its thread alone. */
  TrainerReplica replica(int device) {
    return replicas.get(device);
  }

  private TrainerReplica first() {
    return replicas.get(0);
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
    if (devices == null && backend.isAsynchronous()) {
      return queued(source, count);
    }
    TrainStep last = one(source);
    for (int done = 1; done < count; done++) {
      last = one(source);
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
    for (int i = 0; i < count; i++) {
      all.add(source.window(epoch, position + i));
    }
    BatchLoss loss = devices == null ? accumulated(all, windows) : together(all, windows, true);
    steps++;
    advance(source, count);
    return report(loss, 1);
  }

  private BatchLoss accumulated(List<Window> all, int most) {
    double weight = 0;
    for (Window window : all) {
      weight += first().count(window).requireSome().weight();
    }
    double ofAll = weight;
    BatchLoss loss = new BatchLoss(0, 0);
    for (int i = 0; i < all.size(); i++) {
      Part part = new Part(i, most, i == all.size() - 1);
      Predictions predictions;
      try {
        StepNumbers numbers = numbers(part, BatchPart.WHOLE, updates + 1, own -> ofAll);
        predictions = first().queue(all.get(i), i == 0, numbers, part);
      } catch (RuntimeException | Error e) {
        if (i > 0) {
          first().returnToKeptState();
        }
        throw e;
      }
      loss = loss.plus(predictions.loss(first().fetch()));
    }
    return loss;
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
    if (devices != null) {
      return together(List.of(window), 1, false);
    }
    Predictions predictions =
        first()
            .queue(
                window,
                true,
                numbers(Part.WITHOUT_UPDATE, BatchPart.WHOLE, updates + 1, Trainer::ownWeight),
                Part.WITHOUT_UPDATE);
    return predictions.loss(first().fetch());
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
    DeviceGroup group = devices;
    if (group == null) {
      first().queueUpdate(gradient, next);
      first().fetch();
    } else {
      allOrNothing(
          group,
          member -> {
            TrainerReplica replica = begin(member);
            replica.queueUpdate(gradient, next);
            replica.fetch();
            replica.settleSkipped();
            return true;
          });
    }
    steps++;
    return report(loss, 1);
  }

  // ---- several devices -------------------------------------------------------------------------

  /**
   * One step of all devices: the gradient of windows, of which each has its sequences, and the
   * update.
   *
   * @param most windows of a full update
   * @return the loss of all
   */
  private BatchLoss together(List<Window> windows, int most, boolean updates) {
    DeviceGroup group = Required.present("devices", devices);
    int count = group.size();
    List<List<WindowParts.Part>> parts = new ArrayList<>();
    int carried = carriedBatchSize();
    for (Window window : windows) {
      if (model.carriesState()) {
        TrainerReplica.requireCarried(window, carried);
        carried = window.batchSize();
      }
      parts.add(WindowParts.of(model.spec(), window, count));
      sayIdle(window, count);
    }
    List<BatchLoss> losses =
        allOrNothing(group, member -> partOfStep(member, parts, most, updates));
    BatchLoss all = new BatchLoss(0, 0);
    for (BatchLoss loss : losses) {
      all = all.plus(loss);
    }
    return all;
  }

  private void sayIdle(Window window, int count) {
    if (!saidIdle && window.batchSize() < count) {
      saidIdle = true;
      LOG.warn(
          "a batch has {} of the {} sequences that it takes to keep all devices of {} busy",
          window.batchSize(),
          count,
          devices);
    }
  }

  private BatchLoss partOfStep(
      DeviceGroup.Member member, List<List<WindowParts.Part>> windows, int most, boolean updates) {
    TrainerReplica replica = begin(member);
    BatchLoss loss = new BatchLoss(0, 0);
    Predictions all = windows.size() == 1 ? null : countAll(member, replica, windows);
    for (int i = 0; i < windows.size(); i++) {
      WindowParts.Part own = windows.get(i).get(member.index());
      Part part = new Part(i, most, false);
      StepNumbers numbers =
          numbers(
              part,
              own.sequences(),
              this.updates + 1,
              here -> (all == null ? total(member, here) : all).weight());
      Window window = own.window();
      Predictions predictions = new Predictions(0, 0);
      if (window == null) {
        replica.queueNothing(numbers, part);
      } else {
        predictions = replica.queue(window, i == 0, numbers, part);
      }
      if (i == windows.size() - 1) {
        member.addUp(replica.model().weights().gradients());
        if (updates) {
          replica.queueUpdate();
        }
      }
      loss = loss.plus(predictions.loss(replica.fetch()));
    }
    if (updates) {
      replica.settleSkipped();
    }
    return loss;
  }

  /** The predictions of all windows on all devices, each of which has some. */
  private static Predictions countAll(
      DeviceGroup.Member member, TrainerReplica replica, List<List<WindowParts.Part>> windows) {
    Predictions all = new Predictions(0, 0);
    for (List<WindowParts.Part> parts : windows) {
      Window own = parts.get(member.index()).window();
      all = all.plus(total(member, own == null ? new Predictions(0, 0) : replica.count(own)));
    }
    return all;
  }

  /** The predictions of a window on all devices. */
  private static Predictions total(DeviceGroup.Member member, Predictions own) {
    return member.exchange(own).stream()
        .reduce(new Predictions(0, 0), Predictions::plus)
        .requireSome();
  }

  /** A device's replica, which has the weights of the first and can take back what it does. */
  private TrainerReplica begin(DeviceGroup.Member member) {
    TrainerReplica replica = replicas.get(member.index());
    replica.beginStep();
    boolean replaced =
        member.exchange(replica.model().parameters().version()).get(0) != knownWeights;
    if (replaced) {
      member.spread(replica.model().parameters());
    }
    return replica;
  }

  /** Has each device do its part of a step, and takes all of it back if one fails. */
  private <R> List<R> allOrNothing(DeviceGroup group, DeviceGroup.Work<R> work) {
    boolean replaced = model.parameters().version() != knownWeights;
    try {
      List<R> results = group.onEach(work);
      knownWeights = model.parameters().version();
      return results;
    } catch (RuntimeException | Error e) {
      if (!group.isClosed()) {
        group.onEachAfter(
            e,
            member -> {
              replicas.get(member.index()).takeBack();
              return true;
            });
      }
      // Weights that were replaced before may not have reached all devices.
      knownWeights = replaced ? UNKNOWN_WEIGHTS : model.parameters().version();
      throw e;
    }
  }

  /** Does something on every device. */
  private <R> List<R> onEach(BiFunction<Integer, TrainerReplica, R> work) {
    DeviceGroup group = devices;
    return group == null
        ? List.of(work.apply(0, first()))
        : group.onEach(member -> work.apply(member.index(), replicas.get(member.index())));
  }

  private int carriedBatchSize() {
    return replicas.stream().mapToInt(TrainerReplica::carriedBatchSize).sum();
  }

  private StepNumbers numbers(
      Part part, BatchPart sequences, long update, ToDoubleFunction<Predictions> weight) {
    return new StepNumbers(
        seed, part.drawOffset(steps), sequences, optimizer.steps(update, clipping), weight);
  }

  private static double ownWeight(Predictions predictions) {
    return predictions.requireSome().weight();
  }

  private void requireNoLossScaling() {
    if (backend.wantsLossScaling()) {
      throw new IllegalStateException(
          backend.name() + " scales its losses; needed one that does not: fp32, tf32 or bf16");
    }
  }

  private TrainStep one(WindowSource source) {
    if (devices == null) {
      return queued(source, 1);
    }
    requirePosition(source);
    BatchLoss loss = together(List.of(source.window(epoch, position)), 1, true);
    steps++;
    advance(source, 1);
    return report(loss, 1);
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
      replicas.forEach(TrainerReplica::dropState);
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
    if (devices == null) {
      return report(queue(window, 0), 1);
    }
    BatchLoss loss = together(List.of(window), 1, true);
    steps++;
    return report(loss, 1);
  }

  /**
   * Queues a step. Counts on every step that is queued but not reported yet to be an update; the
   * device itself subtracts those that were skipped ({@link UpdateReport#SKIPPED}).
   *
   * @return the predictions that count
   */
  private Predictions queue(Window window, int queuedBefore) {
    StepNumbers numbers =
        numbers(Part.WHOLE, BatchPart.WHOLE, updates + queuedBefore + 1, Trainer::ownWeight);
    Predictions predictions = first().queue(window, queuedBefore == 0, numbers, Part.WHOLE);
    steps++;
    return predictions;
  }

  /**
   * The passes of a step alone, from zero states; afterwards the model's gradients are that of the
   * mean loss, times the loss scale. On the first device only.
   *
   * @return the mean loss
   */
  BatchLoss backpropagate(Window window, long dropoutSeed, long dropoutOffset) {
    return first().backpropagate(window, dropoutSeed, dropoutOffset);
  }

  /** Waits for the queued steps and counts what came of them. */
  private TrainStep report(Predictions predictions, int queued) {
    return report(predictions.loss(first().fetch()), queued);
  }

  /** Counts what came of the queued steps, of which the report has been fetched. */
  private TrainStep report(BatchLoss loss, int queued) {
    float norm = first().reported(UpdateReport.NORM); // All devices have the same.
    int skipped = (int) first().reported(UpdateReport.SKIPPED);
    boolean lastSkipped = !Float.isFinite(norm);
    updates += queued - skipped;
    if (!lastSkipped) {
      consecutiveSkippedSteps = 0;
    }
    if (devices == null) { // Several have done it as a part of their step.
      first().settleSkipped();
    }
    if (skipped > 0) {
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
              + first().notFinite()
              + ", loss "
              + loss.mean()
              + "); needed: a lower learning rate than "
              + optimizer.learningRate()
              + ", tighter clipping, or finite inputs and targets");
    }
  }

  /** Whether the loss scale can still fall, so that the next steps may succeed. */
  private boolean findsLossScale() {
    return first().reported(UpdateReport.LOSS_SCALE) > 2f;
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
        carriedBatchSize());
  }

  /** What it trains. */
  public SequenceModel model() {
    return model;
  }

  /** The device, or devices, in words. */
  public String device() {
    return devices == null ? backend.name() : devices.name();
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
    List<NamedTensor> state =
        CarriedStates.together(onEach((device, replica) -> replica.carriedState()));
    return new TrainerSnapshot(
        progress(), first().lossScale(), model.tensors(), first().moments(), state);
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
    int streams = saved.carriedBatchSize();
    int count = replicas.size();
    onEach(
        (device, replica) -> {
          replica.restore(
              snapshot,
              WindowParts.count(device, count, streams),
              WindowParts.split(snapshot.carriedState(), device, count, streams));
          return true;
        });
    knownWeights = model.parameters().version();
    seed = saved.seed();
    steps = saved.steps();
    updates = saved.updates();
    skippedSteps = saved.skippedSteps();
    consecutiveSkippedSteps = saved.consecutiveSkippedSteps();
    epoch = saved.epoch();
    position = saved.position();
  }

  /** Frees moments, reports, carried states and the models of further devices. */
  @Override
  public void close() {
    DeviceGroup group = devices;
    if (group != null && !group.isClosed()) {
      group.onEach(member -> closed(replicas.get(member.index())));
      return;
    }
    Closing closing = new Closing();
    replicas.forEach(replica -> closing.then(() -> closed(replica)));
    closing.end();
  }
}
