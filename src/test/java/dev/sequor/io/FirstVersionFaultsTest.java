package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A damaged configuration of version 1 is named as clearly as one of the present version. */
class FirstVersionFaultsTest {
  @TempDir Path folder;

  @BeforeEach
  void copy() throws IOException {
    for (String name : List.of("config.json", "model-37.safetensors", "training-37.safetensors")) {
      try (InputStream stored = Checkpoint.class.getResourceAsStream("version-1/" + name)) {
        Files.copy(Objects.requireNonNull(stored, name), folder.resolve(name));
      }
    }
  }

  @ParameterizedTest(name = "{0} as {1}")
  @CsvSource(
      delimiter = '|',
      value = {
        "\"layers\" : \\d+ | \"layers\" : 20000 | model: layers is 20000; needed at most 1000",
        "\"layers\" : \\d+ | \"layers\" : null | model.layers: is null; needed a value",
        "\"layers\" : \\d+ | \"layers\" : 2.5 | model.layers: needed a whole number",
        "\"layers\" : \\d+, | | model.layers: is missing",
        "\"layers\" : | \"depth\" : 1, \"layers\" : | model.depth: unknown field",
        "\"loss\" : \"[A-Z_]+\" | \"loss\" : \"LABEL_SMOOTHED_CROSS_ENTROPY\" | model.loss: needed one of SOFTMAX_CROSS_ENTROPY, BINARY_CROSS_ENTROPY, MEAN_SQUARED_ERROR",
        "\"rule\" : \"[A-Z]+\" | \"rule\" : \"RMSPROP\" | optimizer.rule: needed one of SGD, ADAM, ADAMW",
        "\"learningRate\" : [0-9.E-]+ | \"learningRate\" : -1 | optimizer: learningRate is -1.0; needed a finite number greater than 0",
        "\"batchSize\" : \\d+ | \"batchSize\" : {} | run.batchSize: needed a whole number",
      })
  void itIsRefusedWithItsPlace(String from, @Nullable String to, String part) throws IOException {
    Path config = folder.resolve("config.json");
    String json = Files.readString(config);
    String changed = json.replaceFirst(from, Objects.requireNonNullElse(to, ""));
    assertTrue(!changed.equals(json), json);
    Files.writeString(config, changed);
    String told =
        assertThrows(MalformedFileException.class, () -> Checkpoint.load(folder)).getMessage();
    assertEquals(config + ": " + part, told);
  }
}
