package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A run that diverges ends in words, with a code of its own, and keeps what was last good. */
class DivergedTrainingTest {
  @TempDir Path folder;

  private CommandLineRun train(Path model, Object... more) throws IOException {
    Path text =
        Files.writeString(
            folder.resolve("text.txt"), "the cat sat on the mat.\nthe dog lay.\n".repeat(60));
    List<Object> arguments =
        new ArrayList<>(
            List.of(
                "train",
                "--text",
                text,
                "--out",
                model,
                "--device",
                "java",
                "--hidden",
                12,
                "--embedding",
                4,
                "--seq-length",
                16,
                "--batch",
                4,
                "--quiet"));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  @ParameterizedTest(name = "{0} {1} checkpoint every {3}")
  @CsvSource({
    "sgd, 1e38, 5, 1, 60, 'the loss is NaN bits per character on held-out text'",
    "sgd, 1e20, 5, 9, 60, ' bits per character in training'",
    "adam, 1000, 5, 1, 60, ' bits per character'",
    "adam, 3e4, 0, 9, 60, ' bits per character'",
    "adam, 3e38, 0, 500, 2000, 'the norm of the gradient is NaN at step 11, not finite in 10'"
  })
  void theEndNamesTheStepTheReasonTheCheckpointAndTheCure(
      String optimizer, String rate, String clip, int interval, int steps, String reason)
      throws IOException {
    Path model = folder.resolve("model");
    CommandLineRun run =
        train(
            model,
            "--optimizer",
            optimizer,
            "--lr",
            rate,
            "--clip",
            clip,
            "--checkpoint-every",
            interval,
            "--steps",
            steps);
    run.isRefusedWith(4, "the training diverged at step ");
    long saved = Checkpoint.load(model).snapshot().progress().steps();
    for (String part :
        List.of(
            reason,
            model + " keeps the checkpoint of step " + saved + "; try anew with a lower --lr than ",
            clip.equals("0") ? " or with --clip" : " or a lower --clip than 5.0")) {
      assertTrue(run.err().contains(part), () -> "needed '" + part + "' in: " + run.err());
    }
    // What is kept is a model that is no worse than one that knows nothing, by much.
    double bits =
        CommandLineRun.of(
                "eval", model, "--text", folder.resolve("text.txt"), "--device", "java", "--json")
            .succeeds()
            .json()
            .get("bitsPerCharacter")
            .asDouble();
    assertTrue(bits < 1000, bits + " bits");
    assertFalse(Files.exists(model.resolve("loss.png")));
  }

  @Test
  void weightsThatAreSpoiltAreNotGoneOnFrom() throws IOException {
    Path model = folder.resolve("model");
    train(model, "--steps", 60).succeeds();
    Checkpoint good = Checkpoint.load(model);
    good.snapshot().parameters().stream()
        .filter(tensor -> tensor.name().equals("output.bias"))
        .forEach(
            tensor -> {
              Arrays.fill(tensor.values(), 0f);
              tensor.values()[0] = 1e30f;
            });
    good.save(model);
    String config = Files.readString(model.resolve("config.json"));
    CommandLineRun.of("train", "--resume", model, "--steps", 61, "--quiet")
        .isRefusedWith(2, "its weights are spoilt");
    assertEquals(config, Files.readString(model.resolve("config.json")));
  }
}
