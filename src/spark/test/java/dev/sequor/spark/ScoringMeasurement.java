package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.BackendSettings;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.serve.Predictor;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CompletableFuture;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.storage.StorageLevel;
import org.junit.jupiter.api.Test;

/**
 * Rows a second through an executor with one core, beside those of a {@link Predictor} with one
 * thread in this process, by turns: {@code mvn verify --projects src/spark --also-make
 * -Dtest=ScoringMeasurement -Dsurefire.failIfNoSpecifiedTests=false}. {@code SEQUOR_SPARK_ROWS} in
 * the environment says how many rows there are, {@code SEQUOR_SPARK_TURNS} how many turns. No test
 * of the ordinary run, for its times are the machine's.
 */
class ScoringMeasurement {
  private static final int STEPS = 50;
  private static final int AHEAD = 256;

  private static int number(String variable, int usual) {
    String value = System.getenv(variable);
    return value == null ? usual : Integer.parseInt(value);
  }

  @Test
  void rowsASecond() throws Exception {
    PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    int count = number("SEQUOR_SPARK_ROWS", 100_000);
    int turns = number("SEQUOR_SPARK_TURNS", 7);
    try (SparkSession spark = Sessions.cluster(1)) {
      Dataset<Row> rows = Rows.waves(spark, count, STEPS).persist(StorageLevel.MEMORY_AND_DISK());
      assertEquals(count, rows.count());
      out.printf(
          Locale.ROOT,
          "%d sequences of %d steps, one core each, %d turns: rows a second%n",
          count,
          STEPS,
          turns);
      for (int hidden : new int[] {16, 64, 128}) {
        measure(out, rows, count, hidden, turns);
      }
    }
  }

  private static void measure(
      PrintStream out, Dataset<Row> rows, int count, int hidden, int turns) {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(1), 3)
            .hiddenSize(hidden)
            .readout(Readout.LAST_STEP)
            .build();
    TrainedModel model = new TrainedModel(spec, null, FirstWeights.of(spec, 5));
    Dataset<Row> scored = new SparkScorer(model).transform(rows);
    List<Double> ofSpark = new ArrayList<>();
    List<Double> ofPredictor = new ArrayList<>();
    List<Double> ratios = new ArrayList<>();
    try (Predictor predictor =
        Predictor.builder(model)
            .device(TaskPlace.host())
            .settings(BackendSettings.builder().threads(1).build())
            .maxBatch(64)
            .build()) {
      for (int turn = -1; turn < turns; turn++) {
        double alone = count / seconds(() -> predict(predictor, count));
        double cluster =
            count / seconds(() -> scored.write().format("noop").mode("overwrite").save());
        if (turn >= 0) { // The first has what is made once in it.
          ofPredictor.add(alone);
          ofSpark.add(cluster);
          ratios.add(cluster / alone);
        }
      }
    }
    out.printf(
        Locale.ROOT,
        "LSTM of %3d: Predictor %,.0f, Spark %,.0f, ratio %.2f (%.2f to %.2f)%n",
        hidden,
        median(ofPredictor),
        median(ofSpark),
        median(ratios),
        ratios.stream().mapToDouble(x -> x).min().orElse(0),
        ratios.stream().mapToDouble(x -> x).max().orElse(0));
  }

  private static double seconds(Runnable work) {
    long begun = System.nanoTime();
    work.run();
    return (System.nanoTime() - begun) * 1e-9;
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
  }

  /** The same rows, which are there already, asked for ahead by one thread. */
  private static void predict(Predictor predictor, int count) {
    Deque<CompletableFuture<float[]>> asked = new ArrayDeque<>();
    double sum = 0;
    for (int row = 0; row < count; row++) {
      float[] values = new float[STEPS];
      for (int t = 0; t < STEPS; t++) {
        values[t] = ((t + 1) * row % 2000 - 1000) / 1000f;
      }
      asked.addLast(predictor.submit(values));
      if (asked.size() == AHEAD) {
        sum += asked.removeFirst().join()[0];
      }
    }
    while (!asked.isEmpty()) {
      sum += asked.removeFirst().join()[0];
    }
    if (!Double.isFinite(sum)) {
      throw new IllegalStateException("the model says " + sum);
    }
  }
}
