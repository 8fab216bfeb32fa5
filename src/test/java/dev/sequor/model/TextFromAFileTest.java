package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.Corpus;
import dev.sequor.data.PrefetchedWindows;
import dev.sequor.data.Text;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WindowSource;
import dev.sequor.data.WordVocabulary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Training on a text that stays in its file, read ahead of the device by another thread. */
class TextFromAFileTest {
  private static final int STEPS = 30;

  @TempDir Path folder;

  private static String text() {
    return "What ails the whale? \u2014 It isn't\r\nthe sea. ".repeat(700);
  }

  private Corpus ofFile(String units) throws IOException {
    Path file = Files.writeString(folder.resolve("text"), text());
    return Corpus.of(units.equals("byte") ? Text.ofBytes(file) : Text.ofFile(file), 0.1);
  }

  private static Vocabulary vocabulary(Corpus corpus, String units) {
    return switch (units) {
      case "byte" -> ByteVocabulary.BYTES;
      case "word" -> WordVocabulary.of(corpus.training(), 1, 12);
      default -> corpus.vocabulary();
    };
  }

  private static SequenceModelSpec spec(int tokens) {
    return SequenceModelSpec.languageModel(tokens, 4).hiddenSize(6).build();
  }

  /** The weights after training with a stop half-way, or without. */
  private static float[] trained(Backend backend, int tokens, WindowSource source, boolean stop) {
    Optimizer rule = Optimizer.adam(0.01f);
    try (SequenceModel model = new SequenceModel(backend, spec(tokens), 1);
        Trainer trainer = new Trainer(model, rule, Clipping.none(), 1)) {
      trainer.steps(source, stop ? STEPS / 2 : STEPS);
      if (!stop) {
        return model.parameters().readFloats();
      }
      try (SequenceModel other = new SequenceModel(backend, spec(tokens), 2);
          Trainer resumed = new Trainer(other, rule, Clipping.none(), 2)) {
        resumed.restore(trainer.snapshot());
        resumed.steps(source, STEPS - STEPS / 2);
        return other.parameters().readFloats();
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"character", "word", "byte"})
  void trainsTheSameWeightsAsATextInMemoryEvenIfItIsStoppedAndResumed(String units)
      throws IOException {
    Corpus corpus = ofFile(units);
    Vocabulary vocabulary = vocabulary(corpus, units);
    assertEquals(units, vocabulary.unit());
    int[] memory = vocabulary.encode("text", corpus.training().string());
    TokenStreams inMemory = new TokenStreams(memory, 40, 8);
    TokenStreams inFile = new TokenStreams(vocabulary.encode(corpus.training()), 40, 8);
    assertTrue(inFile.windowsPerEpoch() < STEPS * 3);
    try (Backend backend = Devices.open("java")) {
      float[] expected = trained(backend, vocabulary.size(), inMemory, false);
      for (boolean stop : new boolean[] {false, true}) {
        assertArrayEquals(expected, trained(backend, vocabulary.size(), inFile, stop));
        try (PrefetchedWindows windows = new PrefetchedWindows(inFile)) {
          assertArrayEquals(expected, trained(backend, vocabulary.size(), windows, stop));
        }
      }
      try (SequenceModel model = new SequenceModel(backend, spec(vocabulary.size()), 1)) {
        int[] heldOut = vocabulary.encode("text", corpus.heldOut().string());
        assertEquals(
            Evaluator.evaluateText(model, heldOut, 16, 3),
            Evaluator.evaluateText(model, vocabulary.encode(corpus.heldOut()), 16, 3));
      }
    }
  }

  @Test
  void aFileThatIsChangedEndsTheTrainingWithItsName() throws IOException {
    Corpus corpus = ofFile("byte");
    TokenStreams inFile = new TokenStreams(ByteVocabulary.BYTES.encode(corpus.training()), 1, 64);
    try (Backend backend = Devices.open("java");
        PrefetchedWindows windows = new PrefetchedWindows(inFile);
        SequenceModel model = new SequenceModel(backend, spec(256), 1);
        Trainer trainer = new Trainer(model, Optimizer.sgd(0.1f), Clipping.none(), 1)) {
      trainer.step(windows);
      Files.writeString(folder.resolve("text"), text().replace("sea", "sky"));
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> trainer.steps(windows, 300));
      assertTrue(
          String.valueOf(e.getMessage())
              .startsWith(folder.resolve("text") + ": was changed while it is in use"),
          e.getMessage());
      assertTrue(trainer.progress().steps() > 60); // What was read before is learned from.
    }
  }
}
