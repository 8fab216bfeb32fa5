package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.functions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** On executors that are processes of their own, of which some are killed. */
class ClusterTest {
  private static final int TIME_STEPS = 16;

  @TempDir Path folder;

  private static SequenceModelSpec spec(CharacterVocabulary vocabulary) {
    return SequenceModelSpec.languageModel(vocabulary.size(), 12)
        .hiddenSize(24)
        .dropout(0.2f)
        .build();
  }

  private static SparkTrainer.Builder trainer(
      SparkSession spark, CharacterVocabulary vocabulary, int localSteps) {
    SparkTrainer.Builder builder =
        SparkTrainer.builder(spark, spec(vocabulary), Optimizer.adam(5e-3f))
            .clipping(Clipping.byGlobalNorm(1))
            .seed(7)
            .workers(4)
            .batchSize(12)
            .steps(24)
            .localSteps(localSteps);
    return localSteps > 1 ? builder.outer(0.7f, 0.6f) : builder;
  }

  /** Kills an executor in the middle of a round. */
  private static final class Killer extends SparkListener {
    private final AtomicInteger started = new AtomicInteger();
    private final int after;
    private volatile boolean killed;

    Killer(int after) {
      this.after = after;
    }

    @Override
    public void onTaskStart(SparkListenerTaskStart start) {
      if (started.incrementAndGet() == after) {
        List<ProcessHandle> executors = Sessions.executors();
        if (!executors.isEmpty()) {
          killed = executors.get(0).destroyForcibly();
        }
      }
    }
  }

  @Test
  void executorsAndDriversThatAreLostChangeNoBit() throws Exception {
    Path file = Texts.invented(folder, 4000, 2);
    Corpus corpus = Corpus.of(Text.ofFile(file), 0.1);
    CharacterVocabulary vocabulary = corpus.vocabulary();
    TrainingData data = TrainingData.text(file.toUri().toString(), vocabulary, 0.1, TIME_STEPS);
    int[] modes = {1, 5};
    List<float[]> expected = new ArrayList<>();
    try (SparkSession spark = Sessions.local(1)) {
      for (int localSteps : modes) {
        expected.add(
            GradientAveragingTest.flat(
                trainer(spark, vocabulary, localSteps).build().train(data).parameters()));
      }
    }
    assertFalse(java.util.Arrays.equals(expected.get(0), expected.get(1)));

    try (SparkSession spark = Sessions.cluster(2)) {
      for (int mode = 0; mode < modes.length; mode++) {
        int localSteps = modes[mode];
        Killer killer = new Killer(9); // the first of the third round
        spark.sparkContext().addSparkListener(killer);
        String kept = folder.resolve("kept" + mode).toUri().toString();
        // The driver ends between two rounds, after an executor has been lost.
        int stop = mode == 0 ? 14 : 3;
        IllegalStateException stopped =
            assertThrows(
                IllegalStateException.class,
                () ->
                    trainer(spark, vocabulary, localSteps)
                        .keepOrResume(kept, 2)
                        .listener(
                            report -> {
                              if (report.round() == stop) {
                                throw new IllegalStateException("stopped");
                              }
                            })
                        .build()
                        .train(data));
        assertEquals("stopped", stopped.getMessage());
        assertTrue(killer.killed, "no executor was killed");
        spark.sparkContext().removeSparkListener(killer);
        long[] first = {-1};
        TrainedModel model =
            trainer(spark, vocabulary, localSteps)
                .keepOrResume(kept, 2)
                .listener(report -> first[0] = first[0] < 0 ? report.round() : first[0])
                .build()
                .train(data);
        assertEquals(stop / 2 * 2 + 1, first[0], "it did not go on from the last checkpoint");
        assertArrayEquals(
            expected.get(mode), GradientAveragingTest.flat(model.parameters()), "mode " + mode);
      }
      scoresEveryRowOnce(spark);
    }
  }

  /** {@code -Dsequor.spark.rows=1000000} for as many as one likes. */
  private void scoresEveryRowOnce(SparkSession spark) {
    int count = Integer.getInteger("sequor.spark.rows", 20_000);
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(1), 3)
            .hiddenSize(16)
            .readout(Readout.LAST_STEP)
            .build();
    TrainedModel model = new TrainedModel(spec, null, FirstWeights.of(spec, 5));
    Dataset<Row> rows = Rows.waves(spark, count, 50);
    Dataset<Row> scored = new SparkScorer(model).transform(rows);
    Killer killer = new Killer(3);
    spark.sparkContext().addSparkListener(killer);
    Row sums =
        scored
            .agg(
                functions.count("id"),
                functions.countDistinct("id"),
                functions.min("id"),
                functions.max("id"),
                functions.sum(functions.size(functions.col("outputs"))))
            .head();
    assertTrue(killer.killed, "no executor was killed");
    assertEquals(count, sums.getLong(0), "rows");
    assertEquals(count, sums.getLong(1), "different rows");
    assertEquals(0, sums.getLong(2));
    assertEquals(count - 1L, sums.getLong(3));
    assertEquals(3L * count, sums.getLong(4), "outputs");
  }

  @Test
  void anExecutorWithoutTheNativeLibraryIsNamed() throws Exception {
    Path file = Texts.invented(folder, 3000, 2);
    CharacterVocabulary vocabulary = Corpus.of(Text.ofFile(file), 0.1).vocabulary();
    try (SparkSession spark = Sessions.clusterWithoutNatives(1, folder)) {
      SparkTrainer.Builder builder = trainer(spark, vocabulary, 1).device("cpu");
      BackendUnavailableException refused =
          assertThrows(
              BackendUnavailableException.class,
              () ->
                  builder
                      .build()
                      .train(TrainingData.text(file.toString(), vocabulary, 0.1, TIME_STEPS)));
      String message = String.valueOf(refused.getMessage());
      assertTrue(message.matches("executor \\d+ on \\S+, worker \\d: device 'cpu' .*"), message);
      assertFalse(message.contains("\n"), message);
      SparkScorer scorer = new SparkScorer(SparkScorerTest.classifier(1)).setDevice("cpu");
      Dataset<Row> rows = Rows.frame(spark, Rows.drawn(3, 4, 1));
      Throwable cause = RootCause.ofCollecting(scorer.transform(rows));
      assertInstanceOf(BackendUnavailableException.class, cause);
      String scoring = String.valueOf(cause.getMessage());
      assertTrue(scoring.matches("executor \\d+ on \\S+: device 'cpu' .*"), scoring);
      Set<String> left = new HashSet<>();
      Sessions.executors().forEach(each -> left.add(each.toString()));
      assertEquals(1, left.size(), "its executor did not outlive that");
    }
  }
}
