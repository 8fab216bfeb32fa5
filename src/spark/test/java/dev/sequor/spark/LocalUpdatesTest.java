package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.Text;
import dev.sequor.data.TokenStreams;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.Evaluator;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Eight updates between two averages learn as much of a text as one machine does. */
class LocalUpdatesTest {
  private static final int CHARACTERS = 150_000;
  private static final int BATCH = 16;
  private static final int TIME_STEPS = 32;
  private static final int STEPS = 800;

  @TempDir Path folder;

  @Test
  void asManySamplesGiveTheSameBitsPerCharacter() throws Exception {
    String shared = System.getenv("SEQUOR_SHARED");
    Path novel = Path.of(shared == null ? "../shared" : shared, "data", "moby-dick.txt");
    assumeTrue(Files.isReadable(novel), novel + " is not there (SEQUOR_SHARED names its folder)");
    Path file = folder.resolve("part.txt");
    String text = Files.readString(novel, StandardCharsets.UTF_8);
    Files.writeString(file, text.substring(50_000, 50_000 + CHARACTERS), StandardCharsets.UTF_8);

    Corpus corpus = Corpus.of(Text.ofFile(file), 0.1);
    CharacterVocabulary vocabulary = CharacterVocabulary.of(Text.ofFile(file));
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 16).hiddenSize(48).build();
    Optimizer optimizer = Optimizer.adam(4e-3f);
    Clipping clipping = Clipping.byGlobalNorm(5);

    double alone;
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, optimizer, clipping, 1)) {
      trainer.steps(
          new TokenStreams(vocabulary.encode(corpus.training()), BATCH, TIME_STEPS), STEPS);
      alone = bits(model, vocabulary, corpus);
    }

    TrainedModel trained;
    long[] samples = {0};
    try (SparkSession spark = Sessions.local(2)) {
      trained =
          SparkTrainer.builder(spark, spec, optimizer)
              .clipping(clipping)
              .workers(2)
              .batchSize(BATCH)
              .steps(STEPS)
              .localSteps(8)
              .outer(0.7f, 0.6f)
              .listener(report -> samples[0] += report.loss().predictions())
              .build()
              .train(TrainingData.text(file.toString(), vocabulary, 0.1, TIME_STEPS));
    }
    double together;
    try (Backend backend = Devices.auto();
        SequenceModel model = trained.open(backend)) {
      together = bits(model, vocabulary, corpus);
    }
    String measured = together + " bits of two workers, " + alone + " of one machine";
    assertTrue(samples[0] == (long) BATCH * TIME_STEPS * STEPS, samples[0] + " samples");
    assertTrue(alone < 3.2, measured);
    assertTrue(together < 1.02 * alone, measured);
  }

  private static double bits(SequenceModel model, CharacterVocabulary vocabulary, Corpus corpus) {
    return Evaluator.evaluateText(model, vocabulary.encode(corpus.heldOut()), 16, 32).meanBits();
  }
}
