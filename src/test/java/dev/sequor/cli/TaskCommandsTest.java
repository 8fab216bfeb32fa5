package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.io.Checkpoint;
import dev.sequor.task.Tasks;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Generated examples are learned, judged and gone on with by the same commands as texts. */
class TaskCommandsTest {
  @TempDir Path folder;

  private static Stream<String> names() {
    return Tasks.names().stream();
  }

  private CommandLineRun train(String task, Path out, Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("train", "--task", task, "--out", out));
    arguments.addAll(List.of("--hidden", 8, "--batch", 4, "--device", "java"));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  @ParameterizedTest
  @MethodSource("names")
  void everyTaskIsTrainedJudgedAndGoneOnWithBitForBit(String task) throws IOException {
    Path whole = folder.resolve("whole");
    Path halves = folder.resolve("halves");
    CommandLineRun run = train(task, whole, "--steps", 6, "--json").succeeds();
    JsonNode trained = run.json();
    assertTrue(run.err().contains("held-out examples:"), run.err());
    assertEquals(6, trained.get("steps").asLong());
    assertTrue(trained.get("figures").size() > 0);
    assertTrue(trained.get("heldOutLoss").isNumber());
    train(task, halves, "--steps", 3, "--schedule", "constant").succeeds();
    Path straight = folder.resolve("straight");
    train(task, straight, "--steps", 6, "--schedule", "constant").succeeds();
    CommandLineRun.of("train", "--resume", halves, "--steps", 6).succeeds();
    assertArrayEquals(
        Files.readAllBytes(Checkpoint.weightsFile(straight)),
        Files.readAllBytes(Checkpoint.weightsFile(halves)));
    JsonNode judged =
        CommandLineRun.of("eval", whole, "--examples", 1000, "--device", "java", "--json")
            .succeeds()
            .json();
    assertEquals(trained.get("figures"), judged.get("figures"));
  }

  /** The quality that the task states, by one command. */
  @Test
  void spiralsAreLearnt() throws IOException {
    JsonNode trained =
        CommandLineRun.of(
                "train", "--task", "spirals", "--out", folder.resolve("m"), "--quiet", "--json")
            .succeeds()
            .json();
    assertTrue(trained.get("reached").asBoolean(), trained.toString());
  }

  @ParameterizedTest
  @CsvSource({
    "--text=x, --text does not go with --task",
    "--embedding=3, --embedding does not go with --task",
    "--seq-length=3, --seq-length does not go with --task",
    "--epochs=3, --epochs does not go with --task",
    "--dropout=0.5 --layers=2, --dropout is given with --task",
    "--length=1000000, the length of copy is 1000000; needed",
    "--tie, --tie does not go with --task"
  })
  void whatDoesNotGoWithATaskIsRefused(String options, String reason) {
    train("copy", folder.resolve("m"), (Object[]) options.split(" ")).isRefusedWith(2, reason);
  }

  @Test
  void whatGoesWithTasksOnlyIsRefusedOtherwise() throws IOException {
    CommandLineRun.of("train", "--length=3").isRefusedWith(2, "--length does not go with --text");
    CommandLineRun.of("train", "--task", "tigers").isRefusedWith(2, "'tigers' is unknown; known: ");
    Path model = folder.resolve("model");
    train("copy", model, "--steps", 1).succeeds();
    CommandLineRun.of("eval", model, "--text", "x").isRefusedWith(2, "needed without --text");
    CommandLineRun.of("sample", model).isRefusedWith(2, "needed a model of text");
    CommandLineRun.of("train", "--resume", model, "--epochs", 2)
        .isRefusedWith(2, "which has no epochs; needed --steps");
    CommandLineRun.of("train", "--resume", model, "--text", "x")
        .isRefusedWith(2, "needed without --text");
    Path text = Files.writeString(folder.resolve("t.txt"), "to be or not to be\n".repeat(99));
    Path ofText = folder.resolve("text-model");
    List<Object> arguments = new ArrayList<>(List.of("train", "--text", text, "--out", ofText));
    arguments.addAll(EveryCommand.smallest());
    CommandLineRun.of(arguments.toArray()).succeeds();
    CommandLineRun.of("eval", ofText).isRefusedWith(2, "a model of text; needed --text FILE");
    CommandLineRun.of("eval", ofText, "--text", text, "--examples", 3)
        .isRefusedWith(2, "needed without --examples");
  }
}
