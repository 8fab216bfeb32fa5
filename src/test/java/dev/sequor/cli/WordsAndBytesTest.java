package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.Text;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WordVocabulary;
import dev.sequor.io.Checkpoint;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Models of words and of bytes on the command line. */
class WordsAndBytesTest {
  @TempDir Path folder;

  /** A model of {@code text}, trained a little. */
  private Path model(Text text, Vocabulary vocabulary) throws IOException {
    Path directory = folder.resolve(vocabulary.unit());
    Optimizer rule = Optimizer.adam(0.01f);
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 8).hiddenSize(16).build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 1);
        Trainer trainer = new Trainer(model, rule, Clipping.none(), 1)) {
      trainer.steps(new TokenStreams(vocabulary.encode(text), 4, 16), 60);
      new Checkpoint(spec, vocabulary, rule, Clipping.none(), trainer.snapshot(), null)
          .save(directory);
    }
    return directory;
  }

  private static JsonNode run(Object... arguments) throws IOException {
    return CommandLineRun.of(arguments).succeeds().json();
  }

  /** Half of all words are unknown to this model, so that it would draw them all the time. */
  @Test
  void aModelOfWordsWritesKnownWordsAndIsJudgedByWords() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 400; i++) {
      lines.append("it isn't w").append(i).append(" said x").append(i).append('\n');
    }
    Path text = Files.writeString(folder.resolve("text"), lines);
    WordVocabulary words = WordVocabulary.of(Text.ofFile(text), 2, 100);
    assertEquals(5, words.size());
    Path model = model(Text.ofFile(text), words);

    JsonNode judged = run("eval", model, "--text", text, "--device", "java", "--json");
    assertEquals(6 * 400 - 1, judged.get("words").asLong());
    assertEquals(2 * 400, judged.get("unknown").asLong());
    double bits = judged.get("bitsPerWord").asDouble();
    assertEquals(Math.pow(2, bits), judged.get("perplexity").asDouble(), 1e-9);
    assertTrue(bits < Math.log(5) / Math.log(2), judged.toString());

    for (Object[] way :
        new Object[][] {
          {"--temperature", 1.5}, {"--beam", 3}, {"--repetition-penalty", 3}, {"--random-start"}
        }) {
      Object[] arguments = {"sample", model, "--length", 300, "--device", "java", "--json"};
      Object[] all = Arrays.copyOf(arguments, arguments.length + way.length);
      System.arraycopy(way, 0, all, arguments.length, way.length);
      String written = run(all).get("text").asText();
      assertFalse(written.contains("\uFFFD"), written);
      assertTrue(written.contains(" said") && written.contains("it"), written);
    }
  }

  @Test
  void aModelOfBytesReadsAndWritesAnyCharacters() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "\u00e9t\u00e9 \u6625\n".repeat(300));
    Path model = model(Text.ofBytes(text), ByteVocabulary.BYTES);
    Path binary = Files.write(folder.resolve("binary"), new byte[] {0, -1, 7, -128, 0});
    JsonNode judged = run("eval", model, "--text", binary, "--device", "java", "--json");
    assertEquals(4, judged.get("bytes").asLong());
    assertTrue(judged.get("bitsPerByte").asDouble() > 8, judged.toString());

    String prime = "\u00e9t\u00e9 ";
    JsonNode sampled =
        run("sample", model, "--prime", prime, "--length", 40, "--device", "java", "--json");
    String written = sampled.get("text").asText();
    assertTrue(written.startsWith(prime), written);
    String streamed =
        CommandLineRun.of(
                "sample", model, "--prime", prime, "--length", 40, "--device", "java", "--stream")
            .succeeds()
            .out();
    assertEquals(written, streamed.substring(0, written.length()));
    assertEquals("", streamed.substring(written.length()).strip());
  }

  private static CommandLineRun train(Object... more) {
    List<Object> arguments =
        new ArrayList<>(List.of("train", "--device", "java", "--hidden", 12, "--batch", 4));
    arguments.addAll(List.of("--seq-length", 8, "--lr", 0.02, "--json"));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  /** From a random word, in which a rare one begins as often as the others. */
  @Test
  void wordsByAnAdaptiveSoftmaxAreLearnedAndWritten() throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 1500; i++) {
      lines.append("w").append(i % 40).append(" x").append(i).append(" y\n");
    }
    Path text = Files.writeString(folder.resolve("text"), lines);
    Path out = folder.resolve("model");
    JsonNode trained =
        train("--text", text, "--units", "words", "--steps", 30, "--cutoffs", "4, 20", "--out", out)
            .succeeds()
            .json();
    double bits = trained.get("heldOutBitsPerWord").asDouble();
    assertTrue(bits < Math.log(43) / Math.log(2), trained.toString());
    JsonNode sampled =
        run("sample", out, "--random-start", "--count", 20, "--device", "java", "--json");
    for (JsonNode written : sampled.get("texts")) {
      assertFalse(written.asText().contains("\uFFFD"), written.asText());
    }
    train("--text", text, "--units", "words", "--cutoffs", "4,x")
        .isRefusedWith(2, "'4,x' was given; needed rising whole numbers from 1");
    train("--text", text, "--units", "words", "--cutoffs", "4,4000")
        .isRefusedWith(2, "cutoffs is [4, 4000]; needed rising numbers, 1 to ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"words", "bytes"})
  void trainingByWordsAndBytesStopsAndGoesOnAsIfItHadNot(String units) throws IOException {
    Path text =
        Files.writeString(
            folder.resolve("text"), "the cat isn't on the mat \u2014 the dog is.\r\n".repeat(90));
    String unit = units.substring(0, 1).toUpperCase(Locale.ROOT) + units.substring(1, 4);
    Path whole = folder.resolve("whole");
    JsonNode trained =
        train("--text", text, "--units", units, "--steps", 60, "--out", whole).succeeds().json();
    String key = "heldOutBitsPer" + unit;
    assertTrue(trained.get(key).asDouble() < 3, trained.toString());
    assertTrue(trained.get(units + "PerSecond").asDouble() > 0, trained.toString());
    Path stopped = folder.resolve("stopped");
    train("--text", text, "--units", units, "--steps", 25, "--out", stopped).succeeds();
    JsonNode resumed =
        CommandLineRun.of("train", "--resume", stopped, "--steps", 60, "--json").succeeds().json();
    assertEquals(trained.get(key), resumed.get(key));
    assertArrayEquals(
        Files.readAllBytes(Checkpoint.weightsFile(whole)),
        Files.readAllBytes(Checkpoint.weightsFile(stopped)));
    JsonNode judged = run("eval", stopped, "--text", text, "--device", "java", "--json");
    assertTrue(judged.get("bitsPer" + unit).asDouble() < 3, judged.toString());
  }

  @Test
  void optionsOfWordsAreRefusedWithoutThem() throws IOException {
    Path text = Files.writeString(folder.resolve("text"), "a b c d e f ".repeat(90));
    assertTrue(
        train("--text", text, "--vocabulary", 9)
            .err()
            .contains("--vocabulary is 9; it is of words"));
    assertTrue(
        train("--text", text, "--units", "bytes", "--min-count", 9)
            .err()
            .contains("--min-count is 9; it is of words, so it needs --units words"));
    assertTrue(
        train("--text", text, "--units", "words", "--min-count", 900)
            .err()
            .contains("no word occurs 900 times"));
  }
}
