package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Sequence;
import dev.sequor.data.SequenceBatches;
import dev.sequor.data.Text;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.io.Checkpoint;
import dev.sequor.model.Clipping;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import dev.sequor.module.NamedTensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With one local step a cluster makes the updates that one machine makes with the same batch. */
class GradientAveragingTest {
  private static final int STEPS = 20;

  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"sgd", "adam"})
  void twoWorkersOfATextEqualOneMachine(String rule) throws Exception {
    Optimizer optimizer = rule.equals("sgd") ? Optimizer.sgd(0.5f, 0.9f) : Optimizer.adam(2e-3f);
    Path file = Texts.invented(folder, 6000, 1);
    Corpus corpus = Corpus.of(Text.ofFile(file), 0.1);
    CharacterVocabulary vocabulary = corpus.vocabulary();
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 12).hiddenSize(24).build();
    // Clipping bounds the whole gradient in every step; the text has fewer windows than 20, so
    // that streams are carried on and begin again.
    Clipping clipping = Clipping.byGlobalNorm(0.2f);
    TokenStreams streams = new TokenStreams(vocabulary.encode(corpus.training()), 11, 32);
    assertTrue(streams.windowsPerEpoch() < STEPS, "an epoch is too long for this test");

    List<float[]> alone = new ArrayList<>();
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 3);
        Trainer trainer = new Trainer(model, optimizer, clipping, 3)) {
      for (int step = 0; step < STEPS; step++) {
        trainer.learningRate(RateSchedule.COSINE.rate(optimizer.learningRate(), step, STEPS));
        trainer.step(streams);
        alone.add(flat(model.tensors()));
      }
    }

    Path kept = folder.resolve("kept");
    int[] compared = {0};
    double[] moved = {0};
    try (SparkSession spark = Sessions.local(2)) {
      SparkTrainer.builder(spark, spec, optimizer)
          .clipping(clipping)
          .schedule(RateSchedule.COSINE)
          .seed(3)
          .workers(2)
          .batchSize(11) // 5 and 6
          .steps(STEPS)
          .keepOrResume(kept.toUri().toString(), 1)
          .listener(
              report -> {
                int step = (int) report.steps();
                float[] own = weights(kept, step);
                float[] expected = alone.get(step - 1);
                for (int i = 0; i < own.length; i++) {
                  assertEquals(
                      expected[i], own[i], 1e-6 * step, "weight " + i + " after step " + step);
                  moved[0] = Math.max(moved[0], Math.abs(own[i] - alone.get(0)[i]));
                }
                compared[0]++;
              })
          .build()
          .train(TrainingData.text(file.toString(), vocabulary, 0.1, 32));
    }
    assertEquals(STEPS, compared[0]);
    assertTrue(moved[0] > 1e-3, "nothing was learned: " + moved[0]);
  }

  @Test
  void twoWorkersOfRowsEqualOneMachineThatAccumulates() throws Exception {
    List<Row> rows = Rows.drawn(64, 30, 4);
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(1), 2)
            .hiddenSize(16)
            .readout(Readout.LAST_STEP)
            .build();
    Optimizer optimizer = Optimizer.sgd(0.3f, 0.9f);
    SequenceBatches[] shares = new SequenceBatches[2];
    for (int worker = 0; worker < 2; worker++) {
      List<Sequence> own = new ArrayList<>();
      for (int i = worker; i < rows.size(); i += 2) {
        float[] values = Rows.values(rows.get(i));
        own.add(
            new Sequence(
                new Values.Reals(values),
                values.length,
                new Sequence.OfWhole(rows.get(i).getInt(2))));
      }
      shares[worker] = SequenceBatches.shuffled(own, 8, WorkerSeeds.ofData(9, worker));
    }
    WindowSource both =
        new WindowSource() {
          @Override
          public long windowsPerEpoch() {
            return 2 * shares[0].windowsPerEpoch();
          }

          @Override
          public Window window(long epoch, long index) {
            return shares[(int) (index % 2)].window(epoch, index / 2);
          }
        };
    float[] expected;
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 9);
        Trainer trainer = new Trainer(model, optimizer, Clipping.byGlobalNorm(1), 9)) {
      for (int step = 0; step < STEPS; step++) {
        trainer.accumulated(both, 2);
      }
      expected = flat(model.tensors());
    }
    float[] own;
    try (SparkSession spark = Sessions.local(2)) {
      own =
          flat(
              SparkTrainer.builder(spark, spec, optimizer)
                  .clipping(Clipping.byGlobalNorm(1))
                  .seed(9)
                  .workers(2)
                  .batchSize(16)
                  .steps(STEPS)
                  .build()
                  .train(TrainingData.rows(Rows.frame(spark, rows), "values", "class"))
                  .parameters());
    }
    for (int i = 0; i < own.length; i++) {
      assertEquals(expected[i], own[i], 1e-6 * STEPS, "weight " + i);
    }
  }

  static float[] weights(Path kept, int round) {
    try {
      Path directory = kept.resolve(String.format(java.util.Locale.ROOT, "round-%010d", round));
      return flat(Checkpoint.load(directory).snapshot().parameters());
    } catch (java.io.IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }

  static float[] flat(List<NamedTensor> tensors) {
    int elements = tensors.stream().mapToInt(each -> each.values().length).sum();
    float[] flat = new float[elements];
    int at = 0;
    for (NamedTensor tensor : tensors) {
      System.arraycopy(tensor.values(), 0, flat, at, tensor.values().length);
      at += tensor.values().length;
    }
    return flat;
  }
}
