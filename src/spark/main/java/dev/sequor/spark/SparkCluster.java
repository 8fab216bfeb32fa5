package dev.sequor.spark;

import dev.sequor.cli.Cluster;
import dev.sequor.cli.Learner;
import dev.sequor.io.TrainingRun;
import dev.sequor.spark.ClusterCheckpoints.Saved;
import java.io.IOException;
import java.util.Objects;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.SparkConf;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.jspecify.annotations.Nullable;

/** Apache Spark, as the command line uses it. */
public final class SparkCluster implements Cluster {
  /** For {@code ServiceLoader}. */
  public SparkCluster() {}

  /** A session, which says what a user of the command line wants to hear unless told otherwise. */
  private static SparkSession session(String master, String name) {
    SparkConf known = new SparkConf();
    SparkSession.Builder builder = SparkSession.builder().appName(name);
    if (!known.contains("spark.master")) {
      builder.master(master);
    } else if (!known.get("spark.master").equals(master)) {
      throw new IllegalArgumentException(
          "--spark is " + master + "; Spark was started with master " + known.get("spark.master"));
    }
    if (!known.contains("spark.log.level")) {
      builder.config("spark.log.level", "ERROR");
    }
    if (!known.contains("spark.ui.showConsoleProgress")) {
      builder.config("spark.ui.showConsoleProgress", "false"); // It would run into ours.
    }
    return builder.getOrCreate();
  }

  @Override
  public Learner learner(Rounds rounds, Task task, @Nullable Kept kept) throws IOException {
    @Nullable Saved saved = kept == null ? null : saved(kept, task.run());
    SparkSession spark = session(rounds.master(), "sequor train");
    try {
      SparkTrainer.Builder set =
          trainer(spark, task, saved == null ? rounds : rounds(rounds.master(), saved.run()))
              .settings();
      TrainingRun run = task.run();
      TextData text =
          new TextData(
              address(task, spark),
              task.vocabulary(),
              task.heldOut(),
              run.sequenceLength(),
              run.newSteps(),
              run.seed());
      String folder = kept == null ? "" : kept.directory().toString();
      return new SparkLearner(set, SparkTraining.open(set, text, saved, folder));
    } catch (Exception e) {
      spark.stop();
      throw SparkFailure.unwrapped(e);
    } catch (Error e) {
      spark.stop();
      throw e;
    }
  }

  /** What was kept, whose run may have been extended since. */
  private static Saved saved(Kept kept, TrainingRun run) throws IOException {
    java.nio.file.Path file =
        Cluster.file(kept.directory(), kept.checkpoint().snapshot().progress().steps());
    Saved found = ClusterCheckpoints.readRun(file, kept.checkpoint());
    ClusterRun known = found.run();
    return new Saved(
        kept.checkpoint(),
        known.scheduledSteps() == 0 ? known : known.scheduledOver(run.totalSteps()),
        found.velocity());
  }

  /** As a run that is gone on with has them. */
  private static Rounds rounds(String master, ClusterRun run) {
    return new Rounds(
        master, run.workers(), run.localSteps(), run.outerLearningRate(), run.outerMomentum());
  }

  private static SparkTrainer trainer(SparkSession spark, Task task, Rounds rounds) {
    TrainingRun run = task.run();
    SparkTrainer.Builder builder =
        SparkTrainer.builder(spark, task.model(), task.optimizer())
            .clipping(task.clipping())
            .schedule(run.schedule())
            .seed(run.seed())
            .batchSize(run.batchSize())
            .steps(run.totalSteps())
            .localSteps(rounds.localSteps())
            .outer(rounds.outerLearningRate(), rounds.outerMomentum())
            .device(run.device());
    return (rounds.workers() > 0 ? builder.workers(rounds.workers()) : builder).build();
  }

  /** A path that executors on this machine have too; for others Spark brings the file. */
  private static String address(Task task, SparkSession spark) {
    if (task.text() == null) {
      return "";
    }
    java.nio.file.Path file = Objects.requireNonNull(task.text()).toAbsolutePath();
    return spark.sparkContext().master().startsWith("local")
        ? file.toString()
        : file.toUri().toString();
  }

  @Override
  public long score(Scoring scoring) throws IOException {
    SparkScorer scorer = new SparkScorer(scoring.model());
    scorer.setHandleInvalid(scoring.handleInvalid());
    scorer.setMaxBatch(scoring.maxBatch());
    scorer.setDevice(scoring.device());
    if (scoring.inputColumn() != null) {
      scorer.setInputCol(scoring.inputColumn());
    }
    if (scoring.outputColumn() != null) {
      scorer.setOutputCol(scoring.outputColumn());
    }
    if (scoring.predictionColumn() != null) {
      scorer.setPredictionCol(scoring.predictionColumn());
    }
    if (scoring.idColumn() != null) {
      scorer.setIdCol(scoring.idColumn());
    }
    try (SparkSession spark = session(scoring.master(), "sequor score")) {
      Path output = new Path(scoring.output());
      FileSystem files = output.getFileSystem(spark.sparkContext().hadoopConfiguration());
      if (files.exists(output)) {
        throw new IllegalArgumentException(
            "--output is " + output + ", which is there already; needed a new name");
      }
      Path input = new Path(scoring.input());
      if (!input.getFileSystem(spark.sparkContext().hadoopConfiguration()).exists(input)) {
        throw new IllegalArgumentException(
            "--input is " + input + ", which is not there; needed a table in Parquet");
      }
      try {
        Dataset<Row> rows = spark.read().parquet(scoring.input());
        scorer.transform(rows).write().parquet(scoring.output());
        return spark.read().parquet(scoring.output()).count();
      } catch (Exception e) {
        throw SparkFailure.unwrapped(e);
      }
    }
  }
}
