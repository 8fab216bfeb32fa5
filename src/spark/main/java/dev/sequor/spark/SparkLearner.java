package dev.sequor.spark;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Closing;
import dev.sequor.backend.Devices;
import dev.sequor.backend.WeightStorage;
import dev.sequor.cli.Cluster;
import dev.sequor.cli.Learner;
import dev.sequor.cli.StoppedException;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.DurableFile;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.spark.ClusterCheckpoints.Saved;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/**
 * A training on Spark as the command line runs it. What it takes to go on is in the model's
 * directory: the checkpoint that any training has, and beside it a file of this one, which is there
 * before the checkpoint that it belongs to.
 */
final class SparkLearner implements Learner {
  private final SparkSession spark;
  private final SparkTraining training;
  private final int workers;
  private final boolean gradients;

  /** Of the driver, to judge with; made when it is first asked for. */
  private @Nullable SequenceModel model;

  private long modelSteps = -1;

  /**
   * A training that is open.
   *
   * @param set how it is made; its session is closed with this
   */
  SparkLearner(SparkTrainer.Builder set, SparkTraining training) {
    this.spark = set.spark;
    this.training = training;
    this.workers = set.workers;
    this.gradients = set.localSteps == 1;
  }

  @Override
  public String place() {
    return "Spark, " + workers + (workers == 1 ? " worker" : " workers");
  }

  @Override
  public TrainerProgress progress() {
    return training.progress();
  }

  /** A round, whose rates are the schedule's. */
  @Override
  public TrainStep step(int most, float rate) throws IOException {
    RoundReport report;
    try {
      report = training.next();
    } catch (Exception e) {
      if (spark.sparkContext().isStopped()) {
        throw new StoppedException("Spark has ended the application");
      }
      throw SparkFailure.unwrapped(e);
    }
    boolean skipped =
        !Double.isFinite(report.loss().mean())
            || (gradients && !Double.isFinite(report.gradientNorm()));
    return new TrainStep(report.steps(), report.loss(), (float) report.gradientNorm(), skipped);
  }

  @Override
  public SequenceModel model() {
    SequenceModel known = model;
    if (known == null) {
      Backend backend = Devices.open(TaskPlace.host());
      try {
        known =
            SequenceModel.of(backend, training.spec(), training.tensors(), WeightStorage.FLOAT32);
      } catch (RuntimeException | Error e) {
        backend.close();
        throw e;
      }
      model = known;
    } else if (modelSteps != training.steps()) {
      known.load(training.tensors());
    }
    modelSteps = training.steps();
    return known;
  }

  @Override
  public TrainerSnapshot snapshot() {
    return training.snapshot();
  }

  @Override
  public void save(Checkpoint checkpoint, Path directory) throws IOException {
    Path file = Cluster.file(directory, checkpoint.snapshot().progress().steps());
    Saved saved = training.saved(checkpoint);
    DurableFile.write(file, channel -> ClusterCheckpoints.writeRun(channel, saved));
    checkpoint.save(directory);
    try (DirectoryStream<Path> older =
        Files.newDirectoryStream(directory, "cluster-*.safetensors")) {
      for (Path each : older) {
        if (!each.equals(file)) {
          Files.deleteIfExists(each);
        }
      }
    }
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    if (model != null) {
      closing.then(model.backend()::close); // and with it the model
    }
    closing.then(training::close).then(spark::stop).end();
  }
}
