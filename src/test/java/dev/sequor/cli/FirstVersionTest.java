package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.Checkpoint;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A checkpoint of version 1, stored by the first program that wrote it, is loaded bit for bit and
 * goes on as that program went on with it. The arithmetic has become more accurate since, so the
 * weights agree to rounding errors only.
 */
class FirstVersionTest {
  /** What 13 steps of rounding errors may add up to in a weight. */
  private static final float ROUNDING = 2e-6f;

  @TempDir Path model;

  private static void copy(String name, Path folder) throws IOException {
    try (InputStream stored = Checkpoint.class.getResourceAsStream("version-1/" + name)) {
      Files.copy(Objects.requireNonNull(stored, name), folder.resolve(name));
    }
  }

  @BeforeEach
  void copy() throws IOException {
    for (String name :
        List.of("config.json", "model-37.safetensors", "training-37.safetensors", "text.txt")) {
      copy(name, model);
    }
  }

  private static Map<String, float[]> tensors(Path file) throws IOException {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      for (String name : stored.entries().keySet()) {
        tensors.put(name, stored.readFloats(name));
      }
    }
    return tensors;
  }

  @Test
  void itIsLoadedBitForBit() throws IOException {
    Map<String, float[]> stored = tensors(model.resolve("model-37.safetensors"));
    List<NamedTensor> loaded = Checkpoint.load(model).snapshot().parameters();
    assertEquals(stored.size(), loaded.size());
    for (NamedTensor tensor : loaded) {
      assertArrayEquals(stored.get(tensor.name()), tensor.values(), tensor.name());
    }
  }

  @Test
  void itIsSampledJudgedAndResumed(@TempDir Path folder) throws IOException {
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
    copy("model-50.safetensors", folder);
    Map<String, float[]> then = tensors(folder.resolve("model-50.safetensors"));
    Map<String, float[]> now = tensors(Checkpoint.weightsFile(model));
    assertEquals(then.keySet(), now.keySet());
    then.forEach((name, values) -> assertArrayEquals(values, now.get(name), ROUNDING, name));
  }
}
