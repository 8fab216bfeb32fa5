package dev.sequor.cli;

import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainedModel;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.Clipping;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ServiceLoader;
import org.jspecify.annotations.Nullable;

/**
 * What trains and scores on many machines. It is found by {@code ServiceLoader}: {@code
 * sequor-spark} has one, for Apache Spark.
 */
public interface Cluster {
  /**
   * How a cluster trains.
   *
   * @param master of the cluster, as Spark names it: {@code local[4]}, {@code spark://host:7077},
   *     {@code yarn}
   * @param workers among which a batch is divided; 0 for as many as the cluster has slots
   * @param localSteps from one mean of the workers' weights to the next; 1 where gradients are
   *     averaged
   * @param outerLearningRate of the mean change
   * @param outerMomentum of the mean change
   */
  record Rounds(
      String master, int workers, int localSteps, float outerLearningRate, float outerMomentum) {}

  /**
   * What is learned.
   *
   * @param text the file; null for the names of the Unicode characters
   * @param textName of it, for messages
   * @param vocabulary of the text
   * @param heldOut the fraction of it that is not learned from
   * @param model to be trained
   * @param optimizer the update rule
   * @param clipping bounds on the gradient
   * @param run windows, batches, seed, steps, schedule and device
   */
  record Task(
      @Nullable Path text,
      String textName,
      Vocabulary vocabulary,
      double heldOut,
      ModelSpec model,
      Optimizer optimizer,
      Clipping clipping,
      TrainingRun run) {}

  /**
   * A run that is gone on with.
   *
   * @param directory that {@link Learner#save} has written to
   * @param checkpoint of it
   */
  record Kept(Path directory, Checkpoint checkpoint) {}

  /**
   * How rows are scored. Columns that are null are not wanted, or have their usual name.
   *
   * @param master of the cluster
   * @param model to score with
   * @param input a table in Parquet, by a name that the cluster knows
   * @param output where the scored table is to be, which is new
   * @param inputColumn with the sequences
   * @param outputColumn for what the model says
   * @param predictionColumn for the likeliest class
   * @param idColumn that names rows in messages
   * @param handleInvalid {@code error}, {@code skip} or {@code keep}
   * @param maxBatch sequences computed together, at most
   * @param device where executors compute
   */
  record Scoring(
      String master,
      TrainedModel model,
      String input,
      String output,
      @Nullable String inputColumn,
      @Nullable String outputColumn,
      @Nullable String predictionColumn,
      @Nullable String idColumn,
      String handleInvalid,
      int maxBatch,
      String device) {}

  /**
   * Begins a training, or goes on with one.
   *
   * @param kept null for a new one
   * @throws IllegalArgumentException if the parts do not fit each other or the cluster
   * @throws IOException if what was kept cannot be read
   */
  Learner learner(Rounds rounds, Task task, @Nullable Kept kept) throws IOException;

  /**
   * Adds columns with what a model says.
   *
   * @return the rows that were written
   * @throws IllegalArgumentException if columns do not fit the model, or a row does not; names it
   */
  long score(Scoring scoring) throws IOException;

  /**
   * What a checkpoint after {@code steps} steps has beside it in {@code directory} if a cluster
   * made it.
   */
  static Path file(Path directory, long steps) {
    return directory.resolve("cluster-" + steps + ".safetensors");
  }

  /**
   * The one that is here.
   *
   * @throws BackendUnavailableException if there is none; says what is needed
   */
  static Cluster find() {
    return ServiceLoader.load(Cluster.class)
        .findFirst()
        .orElseThrow(
            () ->
                new BackendUnavailableException(
                    "--spark needs sequor-spark and Apache Spark on the class path, and they are not"
                        + " there; needed to be started by ./sequor, or by spark-submit --class"
                        + " dev.sequor.spark.SparkCommand"));
  }
}
