package dev.sequor.spark;

import dev.sequor.backend.Required;
import dev.sequor.io.InaccessibleFileException;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.spark.ClusterCheckpoints.Saved;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/**
 * Trains one model by many workers of a Spark cluster, in rounds: the driver sends out the weights,
 * each worker learns from its share of the data, and the driver makes the next weights of what they
 * return.
 *
 * <p>With one local step, which is what it does unless told otherwise, workers return gradients,
 * and a round is an update as a single machine makes it with the whole batch. With K local steps
 * each worker makes K updates of its own, and weights are averaged: 1/K of the communication, and
 * another training.
 *
 * <p>The weights depend on what is set here and on the data, and not on executors: how many there
 * are, which one did what, and whether one was lost in the middle. Training again gives the same
 * bits on the same kind of device, and so does going on from a checkpoint.
 *
 * <pre>{@code
 * TrainedModel model =
 *     SparkTrainer.builder(spark, spec, Optimizer.adam(2e-3f))
 *         .workers(16).batchSize(1024).steps(10_000)
 *         .keepOrResume("hdfs://host/training", 100)
 *         .build()
 *         .train(TrainingData.rows(frame, "values", "class"));
 * }</pre>
 */
public final class SparkTrainer {
  private static final int MOST_WORKERS = 1 << 16;

  private final Builder set;

  /**
   * What a trainer is made of; each setting is checked at once. A trainer has a copy of its own,
   * which stays as it is.
   */
  public static final class Builder {
    final SparkSession spark;
    final ModelSpec spec;
    final Optimizer optimizer;
    Clipping clipping = Clipping.none();
    RateSchedule schedule = RateSchedule.CONSTANT;
    long seed = 1;
    int workers;
    int batchSize = 32;
    long steps = 1000;
    int localSteps = 1;
    float outerLearningRate = 1;
    float outerMomentum;
    String device = TaskPlace.AUTO;
    private @Nullable String folder;
    private int everyRounds;
    private final List<RoundListener> listeners = new ArrayList<>();

    private Builder(SparkSession spark, ModelSpec spec, Optimizer optimizer) {
      this.spark = Required.present("spark", spark);
      this.spec = Required.present("spec", spec);
      this.optimizer = Required.present("optimizer", optimizer);
    }

    private Builder(Builder other) {
      this(other.spark, other.spec, other.optimizer);
      this.clipping = other.clipping;
      this.schedule = other.schedule;
      this.seed = other.seed;
      this.workers = other.workers;
      this.batchSize = other.batchSize;
      this.steps = other.steps;
      this.localSteps = other.localSteps;
      this.outerLearningRate = other.outerLearningRate;
      this.outerMomentum = other.outerMomentum;
      this.device = other.device;
      this.folder = other.folder;
      this.everyRounds = other.everyRounds;
      this.listeners.addAll(other.listeners);
    }

    private static void requireRange(String name, long value, long least, long most) {
      if (value < least || value > most) {
        throw new IllegalArgumentException(
            name + " is " + value + "; needed a whole number from " + least + " to " + most);
      }
    }

    /**
     * Bounds on the gradient, of all workers together with one local step, otherwise of each;
     * unless set, none.
     */
    public Builder clipping(Clipping clipping) {
      this.clipping = Required.present("clipping", clipping);
      return this;
    }

    /** How the learning rate goes over all steps; unless set, it stays. */
    public Builder schedule(RateSchedule schedule) {
      this.schedule = Required.present("schedule", schedule);
      return this;
    }

    /** What first weights, dropout and the order of rows are drawn from; unless set, 1. */
    public Builder seed(long seed) {
      this.seed = seed;
      return this;
    }

    /**
     * Workers, each of which is a task of a round; unless set, as many as the cluster has slots for
     * tasks now. The weights depend on it.
     *
     * @throws IllegalArgumentException if it is not 1 to 65,536
     */
    public Builder workers(int workers) {
      requireRange("workers", workers, 1, MOST_WORKERS);
      this.workers = workers;
      return this;
    }

    /**
     * Sequences of a batch, of all workers together, at least one each; unless set, 32.
     *
     * @throws IllegalArgumentException if it is less than 1
     */
    public Builder batchSize(int batchSize) {
      requireRange("batchSize", batchSize, 1, Integer.MAX_VALUE);
      this.batchSize = batchSize;
      return this;
    }

    /**
     * Steps in all, of each worker; a training that goes on ends after as many as one that was
     * never stopped. Unless set, 1000.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder steps(long steps) {
      requireRange("steps", steps, 1, RateSchedule.MOST_STEPS);
      this.steps = steps;
      return this;
    }

    /**
     * Updates that each worker makes in a round; unless set, 1, which averages gradients instead.
     *
     * @throws IllegalArgumentException if it is not 1 to 1,000,000
     */
    public Builder localSteps(int localSteps) {
      requireRange("localSteps", localSteps, 1, 1_000_000);
      this.localSteps = localSteps;
      return this;
    }

    /**
     * What is made of the mean change of the weights in a round of several local steps: Nesterov's
     * momentum, and a learning rate of its own. Unless set, 1 and 0: the mean of the workers'
     * weights. For many local steps 0.7 and 0.9 are usual (arXiv:2311.08105).
     *
     * @throws IllegalArgumentException if the rate is not more than 0 and at most 10, or the
     *     momentum not at least 0 and less than 1
     */
    public Builder outer(float learningRate, float momentum) {
      if (!(learningRate > 0 && learningRate <= 10)) {
        throw new IllegalArgumentException(
            "the outer learning rate is " + learningRate + "; needed more than 0, at most 10");
      }
      if (!(momentum >= 0 && momentum < 1)) {
        throw new IllegalArgumentException(
            "the outer momentum is " + momentum + "; needed at least 0, less than 1");
      }
      this.outerLearningRate = learningRate;
      this.outerMomentum = momentum;
      return this;
    }

    /**
     * Where workers compute: {@code auto}, {@code cpu}, {@code java}, {@code cuda} or {@code
     * cuda:N}. Unless set {@code auto}, which is the GPU that Spark has given a task ({@code
     * spark.task.resource.gpu.amount}), and the host for a task without one.
     */
    public Builder device(String device) {
      this.device = Required.present("device", device);
      return this;
    }

    /**
     * Keeps checkpoints in a folder of any file system that Hadoop knows, and goes on from the
     * newest if there is one already.
     *
     * @param everyRounds after how many rounds; there is one at the end in any case
     * @throws IllegalArgumentException if {@code everyRounds} is less than 1
     */
    public Builder keepOrResume(String folder, int everyRounds) {
      requireRange("everyRounds", everyRounds, 1, Integer.MAX_VALUE);
      this.folder = Required.present("folder", folder);
      this.everyRounds = everyRounds;
      return this;
    }

    /** Who is told of rounds, besides others. */
    public Builder listener(RoundListener listener) {
      listeners.add(Required.present("listener", listener));
      return this;
    }

    /**
     * A trainer.
     *
     * @throws IllegalArgumentException if settings do not fit each other
     */
    public SparkTrainer build() {
      Builder copy = new Builder(this);
      if (workers == 0) {
        copy.workers = Math.min(batchSize, Math.max(1, spark.sparkContext().defaultParallelism()));
      }
      if (batchSize < copy.workers) {
        throw new IllegalArgumentException(
            "batchSize is " + batchSize + "; " + copy.workers + " workers need at least as many");
      }
      if (localSteps == 1 && (outerMomentum > 0 || outerLearningRate != 1)) {
        throw new IllegalArgumentException(
            "localSteps is 1, which averages gradients; outer momentum needs at least 2");
      }
      return new SparkTrainer(copy);
    }
  }

  /** A trainer of a model, yet to be set up. */
  public static Builder builder(SparkSession spark, ModelSpec spec, Optimizer optimizer) {
    return new Builder(spark, spec, optimizer);
  }

  private SparkTrainer(Builder builder) {
    this.set = builder;
  }

  /**
   * Trains.
   *
   * @return the model as it is in the end
   * @throws IllegalArgumentException if data, model and settings do not fit each other, or the
   *     folder has another training; names what, and the row, the executor or the file
   * @throws dev.sequor.backend.BackendUnavailableException if an executor has no device that works;
   *     names both
   * @throws dev.sequor.model.DivergedException if the training diverged
   * @throws IOException if a checkpoint cannot be read or written
   */
  public TrainedModel train(TrainingData data) throws IOException {
    Required.present("data", data);
    @Nullable ClusterCheckpoints checkpoints =
        set.folder == null
            ? null
            : new ClusterCheckpoints(set.folder, set.spark.sparkContext().hadoopConfiguration());
    @Nullable Saved known = checkpoints == null ? null : checkpoints.newest();
    try (SparkTraining training = SparkTraining.open(set, data, known, set.folder)) {
      long kept = training.rounds();
      while (training.steps() < set.steps) {
        RoundReport report = training.next();
        if (checkpoints != null && training.rounds() % set.everyRounds == 0) {
          save(training, checkpoints);
          kept = training.rounds();
        }
        for (RoundListener listener : set.listeners) {
          listener.completed(report);
        }
      }
      if (checkpoints != null && kept < training.rounds()) {
        save(training, checkpoints);
      }
      return training.model();
    }
  }

  private static void save(SparkTraining training, ClusterCheckpoints into) throws IOException {
    Saved now = training.saved();
    try {
      into.save(now);
    } catch (InaccessibleFileException e) {
      throw new IOException(
          "the checkpoint of round " + now.run().rounds() + ": " + e.getMessage(), e);
    }
  }

  /** What it is made of. */
  Builder settings() {
    return set;
  }
}
