package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Devices;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainedModel;
import java.awt.image.BufferedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainSampleEvalTest {
  @TempDir Path folder;

  private Path text() throws IOException {
    return Files.writeString(
        folder.resolve("text.txt"),
        "the cat sat on the mat.\nthe dog lay on the log.\n".repeat(60));
  }

  private CommandLineRun train(Object... more) {
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--device",
                "java",
                "--hidden",
                16,
                "--embedding",
                List.of(more).contains("--tie") ? 16 : 8,
                "--seq-length",
                16,
                "--batch",
                4,
                "--lr",
                0.02));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static List<String> keys(JsonNode object) {
    List<String> keys = new ArrayList<>();
    object.fieldNames().forEachRemaining(keys::add);
    return keys;
  }

  @Test
  void aSmallTextIsLearntSampledAndJudged() throws IOException {
    Path text = text();
    Path model = folder.resolve("model");
    JsonNode trained =
        train("--text", text, "--out", model, "--epochs", 3, "--json").succeeds().json();
    assertEquals(
        List.of(
            "model",
            "device",
            "steps",
            "seconds",
            "charactersPerSecond",
            "trainBitsPerCharacter",
            "heldOutBitsPerCharacter",
            "lossCurve"),
        keys(trained));
    assertEquals(model.toString(), trained.get("model").asText());
    assertTrue(trained.get("device").asText().startsWith("java"));
    // 2,592 of 2,880 characters in 4 streams of 647 steps: 40 windows an epoch, 3 epochs.
    assertEquals(120, trained.get("steps").asLong());
    // The text has 19 characters, and repeats itself: guessing would cost 4.2 bits.
    assertTrue(trained.get("heldOutBitsPerCharacter").asDouble() < 2.0, trained.toString());
    assertTrue(trained.get("trainBitsPerCharacter").asDouble() < 2.0, trained.toString());
    assertTrue(trained.get("charactersPerSecond").asDouble() > 0);

    assertEquals(model.resolve("loss.png").toString(), trained.get("lossCurve").asText());
    BufferedImage plot = ImageIO.read(model.resolve("loss.png").toFile());
    assertNotNull(plot);
    assertTrue(plot.getWidth() >= 600 && plot.getHeight() >= 400);

    JsonNode judged =
        CommandLineRun.of("eval", model, "--text", text, "--device", "java", "--json")
            .succeeds()
            .json();
    assertEquals(List.of("bitsPerCharacter", "perplexity", "characters"), keys(judged));
    assertEquals(2879, judged.get("characters").asLong());
    double bits = judged.get("bitsPerCharacter").asDouble();
    assertTrue(bits < 2.0, judged.toString());
    assertEquals(Math.pow(2, bits), judged.get("perplexity").asDouble(), 1e-9);

    JsonNode sampled =
        CommandLineRun.of(
                "sample", model, "--prime", "the ", "--length", 20, "--device", "java", "--json")
            .succeeds()
            .json();
    assertEquals(List.of("text"), keys(sampled));
    assertEquals(24, sampled.get("text").asText().length());
    assertTrue(sampled.get("text").asText().startsWith("the "));
    Path alone = folder.resolve("alone.safetensors");
    TrainedModel.load(model).save(alone);
    assertEquals(
        sampled,
        CommandLineRun.of(
                "sample", alone, "--prime", "the ", "--length", 20, "--device", "java", "--json")
            .succeeds()
            .json());
    assertEquals(
        judged,
        CommandLineRun.of("eval", alone, "--text", text, "--device", "java", "--json")
            .succeeds()
            .json());
    samplesInEveryWay(model);
  }

  private static JsonNode sample(Path model, Object... options) throws IOException {
    List<Object> arguments = new ArrayList<>(List.of("sample", model, "--device=java", "--json"));
    arguments.addAll(List.of(options));
    return CommandLineRun.of(arguments.toArray()).succeeds().json();
  }

  private static void samplesInEveryWay(Path model) throws IOException {
    String whole = sample(model, "--prime", "the ", "--length", 60).get("text").asText();
    JsonNode texts = sample(model, "--prime", "the ", "--length", 60, "--count", 3).get("texts");
    assertEquals(3, texts.size());
    assertEquals(whole, texts.get(0).asText());
    assertNotEquals(whole, texts.get(1).asText());
    // A stop, streamed or not.
    String stop = whole.substring(14, 17);
    int at = whole.indexOf(stop, 4);
    String expected = whole.substring(0, at);
    assertEquals(
        expected,
        sample(model, "--prime", "the ", "--length", 60, "--stop", stop).get("text").asText());
    CommandLineRun streamed =
        CommandLineRun.of(
                "sample",
                model,
                "--device=java",
                "--stream",
                "--prime",
                "the ",
                "--length",
                60,
                "--stop",
                stop)
            .succeeds();
    assertEquals(expected + System.lineSeparator(), streamed.out());
    assertEquals(
        expected,
        sample(model, "--stream", "--prime", "the ", "--length", 60, "--stop", stop)
            .get("text")
            .asText());
    // Searching: a beam of one is greedy; the best of a wider one are different texts.
    String greedy =
        sample(model, "--prime", "the ", "--length", 9, "--temperature", 0).get("text").asText();
    assertEquals(
        greedy, sample(model, "--prime", "the ", "--length", 9, "--beam", 1).get("text").asText());
    JsonNode found =
        sample(model, "--prime", "the ", "--length", 9, "--beam", 4, "--count", 2).get("texts");
    assertNotEquals(found.get(0), found.get(1));
    assertEquals(
        5,
        sample(model, "--random-start", "--length", 4, "--min-p", 0.1)
            .get("text")
            .asText()
            .length());
    assertEquals(
        5,
        sample(model, "--random-start", "--length", 4, "--repetition-penalty", 1.5)
            .get("text")
            .asText()
            .length());
    CommandLineRun.of("sample", model, "--stream", "--count", 2)
        .isRefusedWith(2, "--stream prints one text as it is drawn; needed neither");
    CommandLineRun.of("sample", model, "--beam", 2, "--count", 3)
        .isRefusedWith(2, "--count is 3; a --beam of 2 finds at most as many");
    CommandLineRun.of("sample", model, "--random-start", "--prime", "the")
        .isRefusedWith(2, "--random-start and --prime were given; needed one");
    CommandLineRun.of("sample", model, "--stop", "").isRefusedWith(2, "--stop is empty");
    CommandLineRun.of("sample", model, "--beam", 2, "--stop", "the")
        .isRefusedWith(2, "--stop has 3 characters; with --beam needed 1");
  }

  @Test
  void smallerWeightsCostATrainedModelLittle() throws IOException {
    assumeTrue(
        Devices.survey().stream()
            .anyMatch(s -> s.name().equals("cpu") && s.availability().usable()),
        "the native engine is not usable here");
    Path text = text();
    Path model = folder.resolve("model");
    train("--text", text, "--out", model, "--epochs", 3).succeeds();
    double exact = bits(model, text, "float32");
    // Losses of this size are far above float32's rounding, and far below what a wrong weight
    // costs.
    assertEquals(exact, bits(model, text, "bfloat16"), 0.01);
    assertEquals(exact, bits(model, text, "int8"), 0.02);
    assertNotEquals(exact, bits(model, text, "int8"));
    assertNotEquals(exact, bits(model, text, "bfloat16"));
    CommandLineRun.of("eval", model, "--text", text, "--device", "java", "--weights", "int8")
        .isRefusedWith(2, "cannot keep weights as int8; needed float32 here");
    CommandLineRun.of("sample", model, "--device", "cpu", "--weights", "int4")
        .isRefusedWith(2, "'--weights': 'int4' is unknown; known: float32, bfloat16, int8");
    String sampled =
        CommandLineRun.of("sample", model, "--device", "cpu", "--weights", "int8", "--length", 9)
            .succeeds()
            .out();
    assertTrue(!sampled.isBlank(), sampled);
  }

  private static double bits(Path model, Path text, String weights) throws IOException {
    return CommandLineRun.of(
            "eval", model, "--text", text, "--device", "cpu", "--weights", weights, "--json")
        .succeeds()
        .json()
        .get("bitsPerCharacter")
        .asDouble();
  }

  @Test
  void theSameSeedGivesTheSameWeightsAndAnotherGivesOthers() throws IOException {
    byte[][] weights = new byte[3][];
    for (int i = 0; i < 3; i++) {
      Path model = folder.resolve("model" + i);
      train("--text", text(), "--out", model, "--steps", 5, "--seed", i == 2 ? 8 : 7).succeeds();
      weights[i] = Files.readAllBytes(Checkpoint.weightsFile(model));
    }
    assertArrayEquals(weights[0], weights[1]);
    assertNotEquals(List.of(weights[0]), List.of(weights[2]));
  }

  /** What is used needs the weights only, as it says. */
  @Test
  void aModelWhoseTrainingStateIsDamagedIsStillJudgedAndSampled() throws IOException {
    Path text = text();
    Path model = folder.resolve("model");
    train("--text", text, "--out", model, "--steps", 3).succeeds();
    Path config = model.resolve("config.json");
    String json = Files.readString(config);
    String damaged = json.replace("\"updates\" : 3", "\"updates\" : 2");
    assertNotEquals(json, damaged);
    Files.writeString(config, damaged);
    CommandLineRun.of("train", "--resume", model, "--steps", 4).isRefusedWith(2, "steps is 3");
    CommandLineRun.of("eval", model, "--text", text, "--device", "java").succeeds();
    CommandLineRun.of("sample", model, "--length", 3, "--device", "java").succeeds();
  }

  @Test
  void aRunMayBeExtended() throws IOException {
    Path whole = folder.resolve("whole");
    Path halves = folder.resolve("halves");
    train("--text", text(), "--out", whole, "--steps", 90, "--checkpoint-every", 7).succeeds();
    train("--text", text(), "--out", halves, "--steps", 50).succeeds();
    CommandLineRun run =
        CommandLineRun.of("train", "--resume", halves, "--steps", 90, "--json").succeeds();
    assertEquals(90, run.json().get("steps").asLong());
    assertArrayEquals(
        Files.readAllBytes(Checkpoint.weightsFile(whole)),
        Files.readAllBytes(Checkpoint.weightsFile(halves)));
  }

  /** Options that are part of the checkpoint, all at once. */
  @Test
  void aRunWithTiedWeightsAndWindowsThatOverlapGoesOnBitForBit() throws IOException {
    Path whole = folder.resolve("whole");
    Path halves = folder.resolve("halves");
    for (Path out : List.of(whole, halves)) {
      train(
              "--text",
              text(),
              "--out",
              out,
              "--steps",
              out.equals(whole) ? 40 : 17,
              "--tie",
              "--learned-start",
              "--new-steps",
              5,
              "--optimizer",
              "lion")
          .succeeds();
    }
    CommandLineRun.of("train", "--resume", halves, "--steps", 40).succeeds();
    CommandLineRun.of("sample", halves, "--length", 5, "--device", "java").succeeds();
    assertArrayEquals(
        Files.readAllBytes(Checkpoint.weightsFile(whole)),
        Files.readAllBytes(Checkpoint.weightsFile(halves)));
  }

  @Test
  void namesAreLearntWhereNoTextIsGivenAndFiveAreShown() throws IOException {
    Path model = folder.resolve("model");
    CommandLineRun run = train("--out", model, "--steps", 30).succeeds();
    assertTrue(run.out().contains("bits per character on held-out text"), run.out());
    assertTrue(run.out().contains("5 sampled names:"), run.out());
    assertTrue(run.out().contains("written to " + model), run.out());
    assertTrue(run.out().contains("loss.png"), run.out());
    assertTrue(run.err().contains("step 30/30"), run.err());
    assertTrue(run.err().contains("bits/char"), run.err());
    assertTrue(run.err().contains("chars/s"), run.err());
    assertTrue(run.err().contains("s left"), run.err());
  }

  @Test
  void quietRunsSayNothingOnStderr() throws IOException {
    Path model = folder.resolve("model");
    assertEquals(
        "", train("--text", text(), "--out", model, "--steps", 2, "--quiet").succeeds().err());
  }

  @Test
  void theDirectoryHoldsOneCheckpointAndThePlot() throws IOException {
    Path model = folder.resolve("model");
    train("--text", text(), "--out", model, "--steps", 6, "--checkpoint-every", 2).succeeds();
    try (var files = Files.list(model)) {
      assertEquals(
          List.of(
              ".sequor-lock",
              "config.json",
              "loss.png",
              "model-6.safetensors",
              "training-6.safetensors"),
          files.map(file -> String.valueOf(file.getFileName())).sorted().toList());
    }
  }

  @Test
  void infoListsEveryBackendWithItsCure() throws IOException {
    JsonNode info = CommandLineRun.of("info", "--json").succeeds().json();
    assertEquals(List.of("backends", "chosen"), keys(info));
    List<String> names = new ArrayList<>();
    for (JsonNode backend : info.get("backends")) {
      assertEquals(List.of("name", "usable", "reason", "cure"), keys(backend));
      names.add(backend.get("name").asText());
      if (!backend.get("usable").asBoolean()) {
        assertNotEquals("", backend.get("cure").asText());
      }
    }
    assertTrue(names.contains("java") && names.contains("cpu"), names.toString());
    assertTrue(names.contains(info.get("chosen").asText()));
    assertEquals(names.size(), CommandLineRun.of("info").succeeds().out().lines().count());
  }
}
