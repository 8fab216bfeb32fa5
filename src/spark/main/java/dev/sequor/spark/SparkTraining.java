package dev.sequor.spark;

import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.LossScale;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.TensorShapes;
import dev.sequor.report.Environment;
import dev.sequor.spark.ClusterCheckpoints.Saved;
import dev.sequor.spark.TrainingData.Prepared;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.broadcast.Broadcast;
import org.jspecify.annotations.Nullable;

/** A training of a {@link SparkTrainer} that is under way, round by round. */
final class SparkTraining implements AutoCloseable {
  private final SparkTrainer.Builder set;
  private final JavaSparkContext context;
  private final Prepared data;
  private final Broadcast<RunDescription> run;
  private final Saved start;
  private final Averaging averaging;

  private long round;
  private long epoch;
  private long position;
  private List<NamedTensor> carried;

  private SparkTraining(
      SparkTrainer.Builder set,
      JavaSparkContext context,
      Prepared data,
      Broadcast<RunDescription> run,
      Saved start) {
    this.set = set;
    this.context = context;
    this.data = data;
    this.run = run;
    this.start = start;
    TrainerSnapshot known = start.checkpoint().snapshot();
    this.round = start.run().rounds();
    this.epoch = known.progress().epoch();
    this.position = known.progress().position();
    this.carried = known.carriedState();
    this.averaging =
        set.localSteps == 1
            ? new GradientAveraging(start.checkpoint(), TaskPlace.AUTO)
            : new WeightAveraging(
                start.checkpoint(), set.outerLearningRate, set.outerMomentum, start.velocity());
  }

  /**
   * Begins, or goes on.
   *
   * @param known to go on with; null for a new one
   * @param folder that it is from, for messages
   * @throws IllegalArgumentException if the data do not fit, or what is known is another training
   */
  static SparkTraining open(
      SparkTrainer.Builder set, TrainingData data, @Nullable Saved known, @Nullable String folder) {
    SessionEnd.watch(set.spark.sparkContext());
    JavaSparkContext context = JavaSparkContext.fromSparkContext(set.spark.sparkContext());
    TrainedModel first =
        new TrainedModel(set.spec, data.vocabulary(), FirstWeights.of(set.spec, set.seed));
    Prepared prepared = data.prepare(context, first, set.workers, set.batchSize);
    @Nullable Broadcast<RunDescription> described = null;
    try {
      ClusterRun wanted = wanted(set, prepared);
      if (known != null) {
        requireSame(String.valueOf(folder), set, known, wanted);
      }
      described = context.broadcast(description(set, prepared, first));
      return new SparkTraining(
          set, context, prepared, described, known == null ? begin(set, first, wanted) : known);
    } catch (Exception | Error e) {
      if (described != null) {
        described.destroy();
      }
      prepared.close();
      throw e;
    }
  }

  private static ClusterRun wanted(SparkTrainer.Builder set, Prepared prepared) {
    return new ClusterRun(
        ClusterRun.VERSION,
        set.workers,
        set.batchSize,
        set.localSteps,
        set.outerLearningRate,
        set.outerMomentum,
        set.schedule.name(),
        set.schedule == RateSchedule.CONSTANT ? 0 : set.steps,
        prepared.fingerprint(),
        0);
  }

  private static RunDescription description(
      SparkTrainer.Builder set, Prepared prepared, TrainedModel first) {
    return new RunDescription(
        UUID.randomUUID().toString(),
        Environment.VERSION,
        ModelBytes.of(first),
        new RunDescription.Update(RunDescription.Update.VERSION, set.optimizer, set.clipping)
            .json(),
        set.device,
        set.seed,
        set.workers,
        set.batchSize,
        prepared.hashes());
  }

  private static Saved begin(SparkTrainer.Builder set, TrainedModel first, ClusterRun wanted) {
    NetworkLayout layout = set.spec.network().layout();
    List<NamedTensor> moments = new ArrayList<>();
    float[] zeros = new float[Math.toIntExact(layout.totalElements())];
    for (int moment = 0; moment < set.optimizer.rule().moments(); moment++) {
      moments.addAll(layout.split(zeros, TensorShapes.momentPrefix(moment)));
    }
    TrainerSnapshot snapshot =
        new TrainerSnapshot(
            new TrainerProgress(set.seed, 0, 0, 0, 0, 0, 0, 0),
            LossScale.none(),
            first.parameters(),
            moments,
            List.of());
    return new Saved(
        new Checkpoint(set.spec, first.data(), set.optimizer, set.clipping, snapshot, null),
        wanted,
        new float[0]);
  }

  private static void requireSame(
      String folder, SparkTrainer.Builder set, Saved known, ClusterRun wanted) {
    known.run().requireSame(folder, wanted);
    Checkpoint kept = known.checkpoint();
    requireSame(folder, "model", kept.model(), set.spec);
    requireSame(folder, "optimizer", kept.optimizer(), set.optimizer);
    requireSame(folder, "clipping", kept.clipping(), set.clipping);
    requireSame(folder, "seed", kept.snapshot().progress().seed(), set.seed);
  }

  private static void requireSame(String folder, String name, Object known, Object wanted) {
    if (!known.equals(wanted)) {
      throw new IllegalArgumentException(
          "the training in '"
              + folder
              + "' has another "
              + name
              + ": "
              + known
              + "; needed "
              + wanted);
    }
  }

  /** Rounds completed, those before it was gone on with included. */
  long rounds() {
    return round;
  }

  long steps() {
    return averaging.steps();
  }

  /** A round goes to the end of the epoch at most, where all streams begin again. */
  private int stepsOfNext() {
    long left = Math.min(data.windowsPerEpoch() - position, set.steps - averaging.steps());
    return (int) Math.min(set.localSteps, left);
  }

  private float[] rates(int count) {
    float[] rates = new float[count];
    for (int i = 0; i < count; i++) {
      rates[i] = set.schedule.rate(set.optimizer.learningRate(), averaging.steps() + i, set.steps);
    }
    return rates;
  }

  /**
   * One round.
   *
   * @throws IllegalArgumentException if an executor refuses its data or the model; names both
   * @throws dev.sequor.backend.BackendUnavailableException if an executor has no device that works
   * @throws dev.sequor.model.DivergedException if the training diverged
   */
  RoundReport next() {
    long begun = System.nanoTime();
    float[] rates = rates(stepsOfNext());
    Round sent =
        new Round(
            round,
            averaging.gradients(),
            epoch,
            position,
            rates,
            averaging.steps(),
            averaging.updates(),
            averaging.consecutiveSkippedSteps(),
            averaging.parameters(),
            averaging.moments());
    Broadcast<Round> weights = context.broadcast(sent);
    PartialSum sum;
    try {
      sum =
          PartialSum.of(
              data.shares(carried).mapPartitionsWithIndex(new ShareTask(run, weights), true),
              set.workers);
    } finally {
      weights.destroy();
    }
    double norm = averaging.take(sum, rates);
    round++;
    position += rates.length;
    List<NamedTensor> before = carried;
    carried = List.of();
    if (position == data.windowsPerEpoch()) {
      position = 0;
      epoch++;
    } else if (data.continues()) {
      carried = WorkerTensor.together(sum.carried());
      if (averaging.gradients() && !Double.isFinite(norm)) {
        // The state of a step that was skipped is that of a pass that overflowed.
        carried = before.isEmpty() ? carried.stream().map(SparkTraining::zero).toList() : before;
      }
    }
    return new RoundReport(
        round,
        averaging.steps(),
        epoch,
        sum.loss(),
        norm,
        sent.bytes(),
        sum.returnedBytes(),
        sum.computeSeconds(),
        (System.nanoTime() - begun) / 1e9);
  }

  private static NamedTensor zero(NamedTensor like) {
    return new NamedTensor(like.name(), like.shape(), new float[like.values().length]);
  }

  /** All of it, as one trainer would have it. */
  TrainerSnapshot snapshot() {
    return averaging.snapshot(
        set.seed, epoch, position, carried.isEmpty() ? 0 : set.batchSize, carried);
  }

  /** How far it is. */
  TrainerProgress progress() {
    return averaging.progress(epoch, position, carried.isEmpty() ? 0 : set.batchSize);
  }

  /** What is trained. */
  ModelSpec spec() {
    return set.spec;
  }

  /** The weights as they are now. */
  List<NamedTensor> tensors() {
    return set.spec.network().layout().split(averaging.parameters(), "");
  }

  /** What it takes to go on from here. */
  Saved saved() {
    return saved(
        new Checkpoint(
            set.spec, start.checkpoint().data(), set.optimizer, set.clipping, snapshot(), null));
  }

  /** The same with a checkpoint of now that somebody else has made. */
  Saved saved(Checkpoint now) {
    return new Saved(now, start.run().after(round), averaging.outerMomentum());
  }

  /** The model as it is now. */
  TrainedModel model() {
    return new TrainedModel(set.spec, start.checkpoint().data(), snapshot().parameters());
  }

  @Override
  public void close() {
    averaging.close();
    run.destroy();
    data.close();
  }
}
