package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.DivergedException;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.Stream;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a training depends on, what it keeps, and what it refuses. */
class SparkTrainerTest {
  private static final SequenceModelSpec CLASSIFIER =
      SequenceModelSpec.builder(InputSpec.dense(1), 2)
          .hiddenSize(12)
          .readout(Readout.LAST_STEP)
          .dropout(0.1f)
          .build();

  private static SparkSession spark;

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    spark = Sessions.local(2);
  }

  @AfterAll
  static void close() throws IOException {
    assertTrue(ExecutorCache.count(Replica.class) > 0, "no replica was kept");
    spark.close();
    assertEquals(0, ExecutorCache.count(AutoCloseable.class));
  }

  private static SparkTrainer.Builder trainer(int workers) {
    return SparkTrainer.builder(spark, CLASSIFIER, Optimizer.adam(1e-2f))
        .clipping(Clipping.byGlobalNorm(1))
        .workers(workers)
        .batchSize(24)
        .localSteps(3)
        .outer(0.8f, 0.5f)
        .steps(20);
  }

  private static TrainingData data(List<Row> rows) {
    return TrainingData.rows(Rows.frame(spark, rows), "values", "class");
  }

  @Test
  void itLearnsAndManyWorkersGiveTheSameBitsAgain() throws Exception {
    List<Row> rows = Rows.drawn(300, 20, 8);
    List<Double> losses = new ArrayList<>();
    TrainedModel first =
        trainer(12).steps(60).listener(r -> losses.add(r.loss().mean())).build().train(data(rows));
    assertTrue(losses.get(losses.size() - 1) < 0.8 * losses.get(0), losses::toString);
    TrainedModel again = trainer(12).steps(60).build().train(data(rows));
    assertArrayEquals(
        GradientAveragingTest.flat(first.parameters()),
        GradientAveragingTest.flat(again.parameters()));
  }

  @Test
  void itGoesOnFromTheNewestCheckpointThatIsWhole() throws Exception {
    List<Row> rows = Rows.drawn(100, 20, 8);
    float[] expected =
        GradientAveragingTest.flat(trainer(2).build().train(data(rows)).parameters());
    String kept = folder.resolve("kept").toUri().toString();
    assertThrows(
        IllegalStateException.class,
        () ->
            trainer(2)
                .keepOrResume(kept, 1)
                .listener(
                    report -> {
                      if (report.round() == 4) {
                        throw new IllegalStateException("stopped");
                      }
                    })
                .build()
                .train(data(rows)));
    List<Path> rounds = rounds();
    assertEquals(2, rounds.size(), rounds::toString);
    // Half of a file, as a file system leaves it that renames piece by piece.
    Path newest = rounds.get(1).resolve("cluster.safetensors");
    byte[] bytes = Files.readAllBytes(newest);
    Files.write(newest, java.util.Arrays.copyOf(bytes, bytes.length / 2));
    Files.deleteIfExists(newest.resolveSibling(".cluster.safetensors.crc"));
    long[] first = {0};
    TrainedModel model =
        trainer(2)
            .keepOrResume(kept, 1)
            .listener(report -> first[0] = first[0] == 0 ? report.round() : first[0])
            .build()
            .train(data(rows));
    assertEquals(4, first[0]);
    assertArrayEquals(expected, GradientAveragingTest.flat(model.parameters()));
    // What is kept is a model like any other.
    assertArrayEquals(
        expected, GradientAveragingTest.flat(TrainedModel.load(rounds().get(1)).parameters()));

    assertRefused(
        trainer(3).keepOrResume(kept, 1),
        rows,
        "workers is 3; the training in '" + kept + "' has 2, and goes on with that only");
    assertRefused(
        trainer(2).keepOrResume(kept, 1),
        Rows.drawn(100, 20, 9),
        "the training in '" + kept + "' learned from other data; needed the same to go on");
    for (Path each : rounds()) {
      Files.delete(each.resolve("config.json"));
      Files.deleteIfExists(each.resolve(".config.json.crc"));
    }
    String message =
        String.valueOf(
            assertThrows(
                    MalformedFileException.class,
                    () -> trainer(2).keepOrResume(kept, 1).build().train(data(rows)))
                .getMessage());
    assertTrue(message.contains("kept/round-"), message);
    assertFalse(message.contains("\n"), message);
  }

  private List<Path> rounds() throws IOException {
    try (Stream<Path> all = Files.list(folder.resolve("kept"))) {
      return all.filter(Files::isDirectory).sorted().toList();
    }
  }

  private static void assertRefused(SparkTrainer.Builder trainer, List<Row> rows, String message) {
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> trainer.build().train(data(rows)))
            .getMessage());
  }

  @Test
  void badRowsAreNamed() {
    List<Row> rows = Rows.drawn(40, 20, 8);
    rows.set(17, RowFactory.create(17L, null, 1));
    assertRefused(trainer(2), rows, "row 17, column 'values': is null; needed an array");
    rows.set(17, RowFactory.create(17L, new Double[0], 1));
    assertRefused(trainer(2), rows, "row 17, column 'values': has no steps; needed at least 1");
    rows.set(17, RowFactory.create(17L, new Double[] {1.0, null}, 1));
    assertRefused(trainer(2), rows, "row 17, column 'values': element 1 is null; needed a number");
    rows.set(17, RowFactory.create(17L, new Double[] {1.0}, 2));
    assertRefused(
        trainer(2),
        rows,
        "row 17, column 'class': has class 2; needed 0 to 1, or a negative number for none");
    rows.set(17, RowFactory.create(17L, new Double[] {1.0}, null));
    assertRefused(trainer(2), rows, "row 17, column 'class': is null; needed a number");
    assertRefused(
        trainer(4), Rows.drawn(3, 4, 1), "the data has 3 rows; 4 workers need at least one each");
  }

  @Test
  void vectorsOfAnotherWidthAreNamed() {
    SequenceModelSpec wide =
        SequenceModelSpec.builder(InputSpec.dense(3), 2).readout(Readout.LAST_STEP).build();
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () ->
                    SparkTrainer.builder(spark, wide, Optimizer.sgd(1))
                        .workers(1)
                        .build()
                        .train(
                            data(
                                List.of(
                                    RowFactory.create(0L, new Double[] {1., 2., 3.}, 0),
                                    RowFactory.create(1L, new Double[] {1., 2., 3., 4.}, 0)))))
            .getMessage();
    assertEquals(
        "row 1, column 'values': has 4 numbers; vectors of 3 need a multiple of that", message);
  }

  @Test
  void settingsThatDoNotFitAreRefused() {
    assertEquals(
        "batchSize is 4; 5 workers need at least as many",
        assertThrows(IllegalArgumentException.class, () -> trainer(5).batchSize(4).build())
            .getMessage());
    assertEquals(
        "localSteps is 1, which averages gradients; outer momentum needs at least 2",
        assertThrows(IllegalArgumentException.class, () -> trainer(5).localSteps(1).build())
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> trainer(0));
    assertThrows(IllegalArgumentException.class, () -> trainer(1).outer(0, 0));
    assertThrows(IllegalArgumentException.class, () -> trainer(1).outer(1, 1));
    assertThrows(
        IllegalArgumentException.class,
        () -> trainer(1).keepOrResume("nosuch://x/y", 1).build().train(data(Rows.drawn(9, 3, 1))));
  }

  /** A skipped step leaves the streams where they were, and ten in a row are the end. */
  @Test
  void aTrainingThatDivergesSaysSo() throws Exception {
    Path file = Texts.invented(folder, 3000, 1);
    CharacterVocabulary vocabulary = Corpus.of(Text.ofFile(file), 0.1).vocabulary();
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 8)
            .cell(CellType.RNN_LINEAR)
            .hiddenSize(8)
            .build();
    for (int localSteps : new int[] {1, 4}) {
      List<Long> rounds = new ArrayList<>();
      DivergedException diverged =
          assertThrows(
              DivergedException.class,
              () ->
                  SparkTrainer.builder(spark, spec, Optimizer.sgd(1e30f))
                      .workers(2)
                      .batchSize(6)
                      .steps(60)
                      .localSteps(localSteps)
                      .listener(report -> rounds.add(report.round()))
                      .build()
                      .train(TrainingData.text(file.toString(), vocabulary, 0.1, 8)));
      String message = String.valueOf(diverged.getMessage());
      assertTrue(message.contains("steps in a row"), message);
      assertTrue(rounds.size() >= 2, "it ended in round " + rounds);
    }
  }

  @Test
  void anExecutorWithAnotherVersionNamesBoth() throws Exception {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    TrainedModel model = new TrainedModel(CLASSIFIER, null, FirstWeights.of(CLASSIFIER, 1));
    RunDescription later =
        new RunDescription(
            "run",
            "99.1",
            ModelBytes.of(model),
            new RunDescription.Update(1, Optimizer.sgd(1), Clipping.none()).json(),
            "auto",
            1,
            1,
            4,
            new long[] {5});
    Share share =
        new Share() {
          private static final long serialVersionUID = 1L;

          @Override
          public dev.sequor.data.WindowSource windows(ShareContext of) {
            throw new IllegalStateException("never asked for");
          }

          @Override
          public long hash() {
            return 5;
          }
        };
    Round round = new Round(0, true, 0, 0, new float[] {1}, 0, 0, 0, new float[0], new float[0][]);
    Iterator<ShareResult> results =
        new ShareTask(context.broadcast(later), context.broadcast(round))
            .call(0, List.of(share).iterator());
    ShareResult.Failure failure = results.next().failure();
    assertTrue(
        failure != null
            && failure
                .message()
                .matches(
                    "executor driver on \\S+, worker 0: it has sequor \\S+; the driver has 99.1, and"
                        + " all need the same"),
        String.valueOf(failure));
  }

  @Test
  void rowsThatAreOthersWhenTheyAreReadAgainAreRefused() throws Exception {
    RowShare one = RowShare.of(List.of(sequence(1)));
    RowShare same = RowShare.of(List.of(sequence(1)));
    RowShare other = RowShare.of(List.of(sequence(2)));
    assertEquals(one.hash(), same.hash());
    assertFalse(one.hash() == other.hash());
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    RunDescription run =
        new RunDescription("r", "v", new byte[0], "", "auto", 1, 1, 1, new long[] {one.hash()});
    Round round = new Round(0, true, 0, 0, new float[] {1}, 0, 0, 0, new float[0], new float[0][]);
    ShareResult.Failure failure =
        new ShareTask(context.broadcast(run), context.broadcast(round))
            .call(0, List.<Share>of(other).iterator())
            .next()
            .failure();
    assertTrue(
        failure != null && failure.message().contains("the rows of its share are others"),
        String.valueOf(failure));
  }

  private static RowSequence sequence(float value) {
    return new RowSequence(
        0, null, new float[] {value}, 1, SequenceColumns.TargetKind.CLASS, new int[] {1}, null);
  }

  @Test
  void aTextThatAnExecutorHasInAnotherFormIsRefused() throws Exception {
    Path file = Texts.invented(folder, 3000, 1);
    CharacterVocabulary vocabulary = Corpus.of(Text.ofFile(file), 0.1).vocabulary();
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 8).hiddenSize(8).build();
    TextShare share =
        new TextShare(
            new TextPlace(file.toString(), false, false, 0.1, 0),
            8,
            8,
            "0".repeat(64),
            0,
            List.of());
    TrainedModel model = new TrainedModel(spec, vocabulary, FirstWeights.of(spec, 1));
    String message =
        assertThrows(
                IllegalArgumentException.class,
                () -> share.windows(new Share.ShareContext("x", model, 1, 0, 1, 2)))
            .getMessage();
    assertTrue(
        String.valueOf(message).endsWith(" here; the driver's has " + "0".repeat(64)), message);
    Files.writeString(file, "", StandardCharsets.UTF_8);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            SparkTrainer.builder(spark, spec, Optimizer.sgd(1))
                .build()
                .train(TrainingData.text(file.toString(), vocabulary, 0.1, 8)));
  }
}
