package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.Checkpoint;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A checkpoint of version 1, stored by the first program that wrote it, goes on bit for bit. */
class FirstVersionTest {
  /** What that program made of it in 13 more steps. */
  private static final String WEIGHTS_OF_STEP_50 =
      "a4ad022482f9dc9bbf61567773f2fdb4a09993378eb75f579029964381fcb973";

  @TempDir Path model;

  @BeforeEach
  void copy() throws IOException {
    for (String name :
        List.of("config.json", "model-37.safetensors", "training-37.safetensors", "text.txt")) {
      try (InputStream stored = Checkpoint.class.getResourceAsStream("version-1/" + name)) {
        Files.copy(Objects.requireNonNull(stored, name), model.resolve(name));
      }
    }
  }

  @Test
  void itIsSampledJudgedAndResumed() throws IOException, NoSuchAlgorithmException {
    Path text = model.resolve("text.txt");
    CommandLineRun.of("sample", model, "--length", 9, "--device", "java").succeeds();
    double bits =
        CommandLineRun.of("eval", model, "--text", text, "--device", "java", "--json")
            .succeeds()
            .json()
            .get("bitsPerCharacter")
            .asDouble();
    assertTrue(bits > 3.5 && bits < 4, bits + " bits");
    CommandLineRun.of("train", "--resume", model, "--text", text, "--steps", 50, "--quiet")
        .succeeds();
    byte[] weights = Files.readAllBytes(Checkpoint.weightsFile(model));
    assertEquals(
        WEIGHTS_OF_STEP_50,
        HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(weights)));
  }
}
