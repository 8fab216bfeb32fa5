package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BatchPart;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Closing;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.StepInput;
import dev.sequor.backend.UpdateGroups;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
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
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;

/**
 * What a {@link Trainer} has on one device: a model, its moments, the state that its streams carry,
 * and the work of a step. What depends on the training as a whole, such as the number of a step, it
 * is told. Used by the thread that owns the device only.
 */
final class TrainerReplica implements AutoCloseable {
  /** Floats of {@link #lossResult}. */
  private static final int LOSS_RESULT = 2;

  /** Stands for this in keys of steps. */
  private final Object identity = new Object();

  private final SequenceModel model;
  private final Backend backend;
  private final UpdateRule rule;
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

  /** What an update that fails on another device is taken back with; null for a device alone. */
  private final @Nullable Backup backup;

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

  /** What a step changes, as it was before. */
  private static final class Backup {
    final Buffer parameters;
    final Buffer moments;
    final Buffer report;
    private @Nullable NetworkState state;
    private boolean carries;

    /** Whether {@link #state} is that before the step. */
    private boolean keepsState;

    /** The state of another number of streams that the step has put another in the place of. */
    private @Nullable NetworkState replaced;

    /** Whether the update may have begun. */
    private boolean updates;

    Backup(Buffer parameters, Buffer moments, Buffer report) {
      this.parameters = parameters;
      this.moments = moments;
      this.report = report;
    }
  }

  /**
   * A window's part in an update.
   *
   * @param index 0 for the first
   * @param most how many there are in a full update
   * @param last whether the update follows, as a part of the same step
   */
  record Part(int index, int most, boolean last) {
    static final Part WHOLE = new Part(0, 1, true);
    static final Part WITHOUT_UPDATE = new Part(0, 1, false);

    /** What an update of several windows draws its dropout bits by differs for each of them. */
    long drawOffset(long step) {
      return step * most + index;
    }
  }

  /**
   * What a step draws and how it updates.
   *
   * @param seed of the dropout bits
   * @param drawOffset of the dropout bits
   * @param sequences which of the batch this device has
   * @param numbers of the update
   * @param weight of all predictions that the gradient is of, on all devices, given those of the
   *     window here
   */
  record StepNumbers(
      long seed,
      long drawOffset,
      BatchPart sequences,
      List<OptimizerStep> numbers,
      ToDoubleFunction<Predictions> weight) {}

  /**
   * A replica at its first step.
   *
   * @param model stays the caller's
   * @param ofGroup whether other devices make the same updates
   */
  TrainerReplica(SequenceModel model, Optimizer optimizer, boolean ofGroup) {
    this.model = model;
    this.backend = model.backend();
    this.rule = optimizer.rule();
    GroupedTensors tensors =
        optimizer.groups().isEmpty()
            ? null
            : new GroupedTensors(optimizer.groups(), model.layout());
    long elements = rule.moments() * model.layout().totalElements();
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
      this.backup = ofGroup ? allocateBackup(made) : null;
    } catch (RuntimeException | Error e) {
      made.forEach(Buffer::close);
      throw e;
    }
    this.lossResult = report.slice(0, LOSS_RESULT);
    this.updateReport = report.slice(LOSS_RESULT, UpdateReport.ELEMENTS);
    this.lossScale = updateReport.slice(UpdateReport.LOSS_SCALE, 1);
    this.gradientScale = stepNumbers.slice(0, 1);
    this.optimizerNumbers = stepNumbers.slice(1, numbers);
    lossScale(LossScale.none());
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

  private Backup allocateBackup(List<Buffer> made) {
    Buffer[] copies = new Buffer[3];
    long[] elements = {
      model.layout().totalElements(), moments.elements(), LOSS_RESULT + UpdateReport.ELEMENTS
    };
    for (int i = 0; i < copies.length; i++) {
      copies[i] = backend.allocate(DType.FLOAT32, elements[i]);
      made.add(copies[i]);
    }
    return new Backup(copies[0], copies[1], copies[2]);
  }

  /** Goes on from {@code known}; it is for backends that want scaling, and the others have none. */
  void lossScale(LossScale known) {
    boolean wanted = backend.wantsLossScaling();
    boolean scaled = known.scale() > 1f;
    if (!wanted || !scaled) {
      updateReport.write(UpdateReport.initial(wanted ? UpdateReport.FIRST_LOSS_SCALE : 1f));
    } else {
      updateReport.write(UpdateReport.of(known.scale(), known.updates()));
    }
  }

  SequenceModel model() {
    return model;
  }

  // ---- steps -----------------------------------------------------------------------------------

  /**
   * The predictions of a window that count, which is checked on the way.
   *
   * @throws IllegalArgumentException if it does not fit the model
   */
  Predictions count(Window window) {
    ModelPass pass = model.pass(window, Mode.TRAINING);
    pass.carry(null);
    return stage(pass, window);
  }

  /**
   * Queues a window's part of a step.
   *
   * @param keeps whether its sequences start from what is to come back if the step is skipped
   * @return the predictions that count
   */
  Predictions queue(Window window, boolean keeps, StepNumbers step, Part part) {
    NetworkState carried = stateFor(window);
    keepState(window, keeps);
    Predictions predictions;
    try {
      predictions = queue(window, carried, step, part);
    } catch (RuntimeException | Error e) {
      if (carried != null && carried != state) {
        carried.close(); // What was carried before is carried still.
      }
      throw e;
    }
    if (carried != null && carried != state) {
      if (backup != null && backup.replaced == null) {
        backup.replaced = state;
        state = carried;
      } else {
        state = replaced(state, carried);
      }
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

  /** A step that is always the same calls. */
  private record FixedKey(Object trainer, String step, boolean first) {}

  private static @Nullable Object identity(@Nullable NetworkState state) {
    return state == null ? null : state.identity();
  }

  /**
   * Queues a step: forward pass, mean loss, backward pass and update.
   *
   * @param carried the state to start from, unless the window resets it, and to replace; null to
   *     carry none
   * @return the predictions that count
   */
  private Predictions queue(
      Window window, @Nullable NetworkState carried, StepNumbers step, Part part) {
    ModelPass pass = model.pass(window, Mode.TRAINING);
    Predictions predictions = stage(pass, window, carried);
    pass.network().randomNumbers(step.seed(), step.drawOffset(), step.sequences());
    stageNumbers(step.weight().applyAsDouble(predictions), step);
    List<StepInput> inputs = new ArrayList<>(pass.inputs());
    NetworkState start = overlaps(window) ? beginning(window, carried) : null;
    ModelPass head = start == null ? null : head(window, carried, step);
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
            beginGradient();
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

  /** Queues the step of a device that has no sequence of the batch: its gradient is zero. */
  void queueNothing(StepNumbers step, Part part) {
    stageNumbers(step.weight().applyAsDouble(new Predictions(0, 0)), step);
    model.weights().gradients(); // Within a step none can be made.
    backend.step(
        new FixedKey(identity, "nothing", part.index == 0),
        List.of(new StepInput(stepStaging, stepNumbers)),
        () -> {
          if (part.index == 0) {
            beginGradient();
          }
          backend.fill(lossResult, 0f);
        });
    carries = false;
  }

  private void beginGradient() {
    keepForUpdate();
    model.weights().zeroGradients();
  }

  private void keepForUpdate() {
    if (backup != null) {
      // The bandwidth of a device moves this in a hundredth of a step or less.
      backend.copy(model.parameters(), backup.parameters);
      backend.copy(moments, backup.moments);
      backend.copy(report, backup.report);
    }
  }

  private void stageNumbers(double weight, StepNumbers step) {
    FloatBuffer numbers = stepStaging.clear().asFloatBuffer();
    numbers.put((float) (1 / weight));
    step.numbers().forEach(group -> numbers.put(group.values()));
  }

  /** Queues the update by the gradients, with the numbers of the last step that was queued. */
  void queueUpdate() {
    if (backup != null) {
      backup.updates = true;
    }
    backend.step(new FixedKey(identity, "update", false), List.of(), this::update);
  }

  /** Queues an update by a gradient that was worked out elsewhere. */
  void queueUpdate(float[] gradient, List<OptimizerStep> next) {
    FloatBuffer numbers = FloatBuffer.allocate(OptimizerStep.ELEMENTS * next.size());
    next.forEach(group -> numbers.put(group.values()));
    keepForUpdate();
    optimizerNumbers.write(numbers.array());
    model.weights().gradients().write(gradient);
    if (backup != null) {
      backup.updates = true;
    }
    update();
  }

  private void update() {
    Buffer parameters = model.parameters();
    Buffer gradients = model.weights().gradients();
    if (groups == null) {
      backend.optimizerStep(rule, optimizerNumbers, parameters, gradients, moments, updateReport);
    } else {
      backend.optimizerStep(
          rule, optimizerNumbers, groups, parameters, gradients, moments, updateReport);
    }
  }

  /** The passes of a step alone, from zero states; see {@link Trainer#backpropagate}. */
  BatchLoss backpropagate(Window window, long dropoutSeed, long dropoutOffset) {
    ModelPass pass = model.pass(window, Mode.TRAINING);
    Predictions predictions = stage(pass, window, null).requireSome();
    pass.network().randomNumbers(dropoutSeed, dropoutOffset);
    pass.upload();
    gradientScale.write((float) (1 / predictions.weight()));
    model.weights().zeroGradients();
    passes(pass);
    return predictions.loss(lossResult.readFloats()[0]);
  }

  /** Checks a window and stages it; returns the predictions that count. */
  private Predictions stage(ModelPass pass, Window window, @Nullable NetworkState carried) {
    pass.carry(carried);
    Predictions predictions = stage(pass, window);
    model.requireStateFor(window, carried);
    return predictions;
  }

  private static Predictions stage(ModelPass pass, Window window) {
    pass.takeInputs(window);
    return pass.takeTargets(window);
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
  private @Nullable ModelPass head(
      Window window, @Nullable NetworkState carried, StepNumbers step) {
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
    head.network().randomNumbers(step.seed(), step.drawOffset(), step.sequences());
    return head;
  }

  private void passes(ModelPass pass) {
    pass.forward();
    pass.loss(gradientScale, lossScale, lossResult);
    pass.backward();
  }

  /** Waits for the queued steps and fetches what came of them: the sum of the last one's losses. */
  float fetch() {
    backend.download(report, reportStaging.clear());
    return reportStaging.getFloat(0);
  }

  /** A field of the {@link UpdateReport} that was fetched last. */
  float reported(int field) {
    return reportStaging.getFloat((LOSS_RESULT + field) * Float.BYTES);
  }

  /** After a fetch: returns to the kept state if the last step was skipped, and counts anew. */
  void settleSkipped() {
    if (!Float.isFinite(reported(UpdateReport.NORM))) {
      returnToKeptState();
    }
    if (reported(UpdateReport.SKIPPED) > 0) {
      updateReport.slice(UpdateReport.SKIPPED, 1).write(0f);
    }
  }

  /**
   * Which tensors have a gradient that is not finite. It comes from the output, so that the fault
   * arose no later than in the last of them.
   */
  String notFinite() {
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

  // ---- taking a step back -----------------------------------------------------------------------

  /** Before a step of several devices: what it changes can be {@link #takeBack() taken back}. */
  void beginStep() {
    Backup step = Objects.requireNonNull(backup);
    NetworkState replaced = step.replaced; // by a step that succeeded
    step.replaced = null;
    step.updates = false;
    step.carries = carries;
    step.keepsState = false;
    if (replaced != null) {
      backend.synchronize();
      replaced.close();
    }
    NetworkState now = state;
    if (carries && now != null) {
      NetworkState copy = step.state;
      if (copy == null || copy.batchSize() != now.batchSize()) {
        copy = replaced(copy, model.newState(now.batchSize()));
        step.state = copy;
      }
      copy.copyFrom(now);
      step.keepsState = true;
    }
  }

  /** Becomes what it was before the step that was begun last. */
  void takeBack() {
    Backup step = Objects.requireNonNull(backup);
    if (step.replaced != null) {
      NetworkState made = state;
      state = step.replaced;
      step.replaced = null;
      if (made != null) {
        backend.synchronize();
        made.close();
      }
    }
    carries = step.carries;
    if (step.keepsState && state != null && step.state != null) {
      state.copyFrom(step.state);
    }
    if (step.updates) {
      backend.copy(step.parameters, model.parameters());
      backend.copy(step.moments, moments);
      backend.copy(step.report, report);
    }
    step.updates = false;
    backend.synchronize();
  }

  // ---- the carried state ------------------------------------------------------------------------

  /** Streams of the carried state; 0 if none is carried. */
  int carriedBatchSize() {
    return carries && state != null ? state.batchSize() : 0;
  }

  /** The next window starts new sequences. */
  void dropState() {
    carries = false;
  }

  /** The state to run {@code window} from; null for models that need whole sequences. */
  private @Nullable NetworkState stateFor(Window window) {
    if (!model.carriesState()) {
      return null; // The model refuses windows that continue.
    }
    int batchSize = window.batchSize();
    requireCarried(window, carriedBatchSize());
    return state != null && state.batchSize() == batchSize ? state : model.newState(batchSize);
  }

  /**
   * Refuses a window that continues other streams than are carried.
   *
   * @param carried how many are; 0 for none
   */
  static void requireCarried(Window window, int carried) {
    if (window.resetState() || carried == window.batchSize()) {
      return;
    }
    if (carried == 0) {
      throw new IllegalArgumentException(
          "the window continues streams, but the trainer carries none; needed a window that resets"
              + " the state first");
    }
    throw new IllegalArgumentException(
        "the window continues " + window.batchSize() + " streams; the trainer carries " + carried);
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
  void returnToKeptState() {
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

  // ---- snapshots --------------------------------------------------------------------------------

  /** The moments as {@link TrainerSnapshot#moments()}. */
  List<NamedTensor> moments() {
    List<NamedTensor> tensors = new ArrayList<>();
    for (int moment = 0; moment < rule.moments(); moment++) {
      tensors.addAll(
          model.layout().split(moment(moment).readFloats(), TensorShapes.momentPrefix(moment)));
    }
    return tensors;
  }

  /** The carried state as {@link TrainerSnapshot#carriedState()}, of this device's streams. */
  List<NamedTensor> carriedState() {
    List<NamedTensor> tensors = new ArrayList<>();
    NetworkState carried = state;
    if (!carries || carried == null) {
      return tensors;
    }
    Map<String, List<Integer>> shapes =
        TensorShapes.ofCarriedStates(model.spec().network(), carried.batchSize()).byName();
    carried
        .byNode()
        .forEach(
            (node, values) -> {
              String name = TensorShapes.STATE + node;
              List<Integer> shape = Objects.requireNonNull(shapes.get(name));
              tensors.add(new NamedTensor(name, shape, values.readFloats()));
            });
    carried
        .marks()
        .forEach(
            (node, mark) ->
                tensors.add(
                    new NamedTensor(
                        TensorShapes.STATE_MARK + node,
                        List.of(1),
                        new float[] {mark.readInts()[0]})));
    return tensors;
  }

  /** Where loss scaling stands; waits for the queued steps. */
  LossScale lossScale() {
    fetch();
    return new LossScale(
        reported(UpdateReport.LOSS_SCALE), (long) reported(UpdateReport.UPDATES_SINCE_SCALED));
  }

  /** One moment vector: all of them together may be more than one transfer takes. */
  private Buffer moment(int moment) {
    long elements = model.layout().totalElements();
    return moments.slice(moment * elements, elements);
  }

  /**
   * Becomes what {@code snapshot} says, which fits.
   *
   * @param streams that are carried here; 0 for none
   * @param carriedState of these streams
   */
  void restore(TrainerSnapshot snapshot, int streams, List<NamedTensor> carriedState) {
    model.load(snapshot.parameters());
    for (int moment = 0; moment < rule.moments(); moment++) {
      String prefix = TensorShapes.momentPrefix(moment);
      List<NamedTensor> own =
          snapshot.moments().stream().filter(t -> t.name().startsWith(prefix)).toList();
      moment(moment).write(model.layout().join(own, prefix));
    }
    carries = streams > 0;
    if (carries) {
      if (state == null || state.batchSize() != streams) {
        state = replaced(state, model.newState(streams));
      }
      for (NamedTensor tensor : carriedState) {
        if (tensor.name().startsWith(TensorShapes.STATE_MARK)) {
          String node = tensor.name().substring(TensorShapes.STATE_MARK.length());
          Objects.requireNonNull(state.marks().get(node)).write((int) tensor.values()[0]);
        } else {
          String node = tensor.name().substring(TensorShapes.STATE.length());
          Objects.requireNonNull(state.of(node)).write(tensor.values());
        }
      }
    }
    lossScale(snapshot.lossScale());
  }

  /** Frees moments, report and carried state; the model stays. */
  @Override
  public void close() {
    Closing closing =
        new Closing().then(moments::close).then(report::close).then(stepNumbers::close);
    if (groups != null) {
      closing.then(groups.ends()::close).then(groups.groups()::close);
    }
    close(closing, state);
    close(closing, kept);
    close(closing, beginning);
    if (backup != null) {
      closing.then(backup.parameters::close).then(backup.moments::close).then(backup.report::close);
      close(closing, backup.state);
      close(closing, backup.replaced);
    }
    closing.end();
  }

  private static void close(Closing closing, @Nullable NetworkState state) {
    if (state != null) {
      closing.then(state::close);
    }
  }
}
