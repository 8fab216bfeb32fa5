package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** A line of JSON for each report, kept when a run goes on, and never put over anything else. */
class TrainingLogTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;
  private Path text = Path.of("");
  private Path model = Path.of("");

  @BeforeEach
  void writeText() throws IOException {
    text = Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
    model = folder.resolve("model");
  }

  private CommandLineRun train(Object log, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("train", "--text", text, "--out", model));
    arguments.addAll(EveryCommand.smallest());
    arguments.removeIf(argument -> argument.equals("--steps=2"));
    arguments.addAll(List.of("--log", log));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static List<JsonNode> lines(Path log) throws IOException {
    assertTrue(Files.readString(log).endsWith("\n"));
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(log)) {
      lines.add(JSON.readTree(line));
    }
    return lines;
  }

  private static List<Long> steps(Path log) throws IOException {
    return lines(log).stream().map(line -> line.get("step").asLong()).toList();
  }

  private static List<Long> oneTo(int last) {
    return LongStream.rangeClosed(1, last).boxed().toList();
  }

  @Test
  void everyReportIsALineThatSaysAllThatIsKnown() throws IOException {
    Path log = folder.resolve("log.jsonl");
    JsonNode result = train(log, "--steps=130", "--schedule=linear", "--json").succeeds().json();
    assertEquals(oneTo(130), steps(log));
    double before = 0;
    for (JsonNode line : lines(log)) {
      double loss = line.get("loss").asDouble();
      assertTrue(loss > 0, line::toString);
      assertEquals(loss / Math.log(2), line.get("trainBitsPerCharacter").asDouble(), 1e-9 * loss);
      assertTrue(line.get("gradientNorm").asDouble() > 0, line::toString);
      assertTrue(line.get("charactersPerSecond").asDouble() > 0, line::toString);
      assertFalse(line.get("skipped").asBoolean());
      assertTrue(line.get("seconds").asDouble() > before, line::toString);
      before = line.get("seconds").asDouble();
      assertEquals(line.get("step").asLong() % 13 == 0, line.has("heldOutLoss"), line::toString);
    }
    JsonNode last = lines(log).get(129);
    assertEquals(1, last.get("epoch").asInt()); // 1,692 characters, 105 windows of 2·8.
    assertEquals(0, lines(log).get(0).get("epoch").asInt());
    assertEquals(0.002, lines(log).get(0).get("learningRate").asDouble(), 1e-7);
    assertTrue(last.get("learningRate").asDouble() < 1e-4, last::toString);
    assertEquals(
        result.get("heldOutBitsPerCharacter").asDouble(),
        last.get("heldOutBitsPerCharacter").asDouble(),
        1e-3);
  }

  @Test
  void aRunThatGoesOnAppends() throws IOException {
    Path log = folder.resolve("log.jsonl");
    train(log, "--steps=3").succeeds();
    CommandLineRun.of("train", "--resume", model, "--steps", 5, "--log", log).succeeds();
    assertEquals(oneTo(5), steps(log));
    // Killed while it wrote.
    Files.writeString(log, "{\"step\":6,\"ep", StandardOpenOption.APPEND);
    CommandLineRun.of("train", "--resume", model, "--steps", 6, "--log", log).succeeds();
    List<String> lines = Files.readAllLines(log);
    assertEquals("{\"step\":6,\"ep", lines.get(5));
    assertEquals(6, JSON.readTree(lines.get(6)).get("step").asInt());
    CommandLineRun.of("train", "--resume", model, "--steps", 7, "--log", folder.resolve("new"))
        .succeeds();
    assertEquals(List.of(7L), steps(folder.resolve("new")));
  }

  @Test
  void theLogMayLieInTheModelsNewDirectory() throws IOException {
    train(model.resolve("log.jsonl"), "--steps=2").succeeds();
    assertEquals(oneTo(2), steps(model.resolve("log.jsonl")));
  }

  @Test
  void whatIsThereIsNotWrittenToAndBadNamesAreRefusedFirst() throws IOException {
    Path log = Files.writeString(folder.resolve("log.jsonl"), "{\"step\":1}\n");
    isRefused(log, "is there already; needed a new file, or --resume");
    isRefused(text, "is there already");
    isRefused(folder, "is a folder");
    isRefused(folder.resolve("none/log"), "is in no folder that there is");
    isRefused(text.resolve("log"), "is in no folder that there is");
    isRefused("-", "is no file; needed a name");
    assertEquals("{\"step\":1}\n", Files.readString(log));

    train(folder.resolve("first"), "--steps=1").succeeds();
    for (Path other : List.of(text, model.resolve("config.json"))) {
      byte[] bytes = Files.readAllBytes(other);
      CommandLineRun.of("train", "--resume", model, "--steps", 2, "--log", other)
          .isRefusedWith(2, "is something else than the log of a training");
      assertEquals(
          new String(bytes, java.nio.charset.StandardCharsets.UTF_8), Files.readString(other));
    }
  }

  private void isRefused(Object log, String part) {
    train(log, "--steps=1").isRefusedWith(2, part);
    assertFalse(Files.exists(model));
  }

  /** The model is there, its result is said, and the exit code tells that something is missing. */
  @Test
  @EnabledOnOs(OS.LINUX)
  void aLogThatIsLostIsAnErrorButTheModelIsSaved() throws IOException {
    CommandLineRun run = train("/dev/full", "--steps=3", "--json", "--quiet");
    assertEquals(1, run.code());
    assertEquals(
        "sequor train: --log /dev/full: no space left on device; the log is not whole, the model is",
        run.err().strip());
    assertEquals(3, run.json().get("steps").asInt());
    assertTrue(run.json().get("error").asText().contains("/dev/full"));
    CommandLineRun.of("eval", model, "--text", text, "--device=java").succeeds();
  }
}
