package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.DataSpec;
import dev.sequor.data.Table;
import dev.sequor.data.TableSpec;
import dev.sequor.model.Forecaster;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A model alone in one file; any checkpoint's model is tried by {@link CheckpointPropertyTest}. */
class ModelFileTest {
  @TempDir Path folder;

  private static TrainedModel model(ModelSpec spec, @Nullable DataSpec data, long seed) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, seed)) {
      return TrainedModel.of(model, data);
    }
  }

  private static TrainedModel characters(long seed) {
    CharacterVocabulary vocabulary = CharacterVocabulary.of("hello, \"world\"\n\uD83D\uDE00");
    return model(
        SequenceModelSpec.languageModel(vocabulary.size(), 3).hiddenSize(5).build(),
        vocabulary,
        seed);
  }

  private static void assertSame(TrainedModel expected, TrainedModel actual) {
    assertEquals(expected.model(), actual.model());
    assertEquals(expected.data(), actual.data());
    List<NamedTensor> tensors = expected.parameters();
    assertEquals(tensors.size(), actual.parameters().size());
    for (int i = 0; i < tensors.size(); i++) {
      assertEquals(tensors.get(i).name(), actual.parameters().get(i).name());
      assertArrayEquals(tensors.get(i).values(), actual.parameters().get(i).values());
    }
  }

  private static String message(Exception refused) {
    return String.valueOf(refused.getMessage());
  }

  @Test
  void aForecasterIsReadWithItsTable() throws IOException {
    TableSpec table = TableSpec.forecast("sunspots", 3).fit(Table.sunspots());
    TrainedModel forecaster = model(Forecaster.model(table).hiddenSize(4).build(), table, 1);
    Path file = folder.resolve("forecaster");
    forecaster.save(file);
    assertSame(forecaster, TrainedModel.load(file));
    try (Stream<Path> files = Files.list(folder)) {
      assertEquals(List.of(file), files.toList());
    }
  }

  @Test
  void aModelTakesAnothersPlaceAndNothingElses() throws IOException {
    Path file = folder.resolve("model");
    characters(1).save(file);
    characters(2).save(file);
    assertSame(characters(2), TrainedModel.load(file));

    Path letter = Files.writeString(folder.resolve("letter"), "dear reader");
    Exception refused =
        assertThrows(IllegalArgumentException.class, () -> characters(1).save(letter));
    assertTrue(
        message(refused)
            .endsWith(
                "' is there already and holds no model of this kind; needed a name of its own"));
    assertEquals("dear reader", Files.readString(letter));
    assertThrows(IllegalArgumentException.class, () -> characters(1).save(folder));
  }

  @Test
  void anyChangedByteIsNoticed() throws IOException {
    TrainedModel trained = characters(1);
    Path file = folder.resolve("model");
    trained.save(file);
    byte[] whole = Files.readAllBytes(file);
    for (int at = 0; at < whole.length; at++) {
      byte[] changed = whole.clone();
      changed[at] ^= 0x10;
      Files.write(file, changed);
      try {
        // Space in the header may be any, and so may names of metadata that nobody reads.
        assertSame(trained, TrainedModel.load(file));
      } catch (MalformedFileException e) {
        assertTrue(message(e).contains("model"), message(e));
      }
    }
    for (int length = 0; length < whole.length; length += 7) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThrows(MalformedFileException.class, () -> TrainedModel.load(file));
    }
  }

  @Test
  void whatSaysNothingOfAModelIsRefused() throws IOException {
    Path file = folder.resolve("model-1.safetensors");
    TensorFile.write(file, characters(1).parameters());
    Exception refused = assertThrows(MalformedFileException.class, () -> TrainedModel.load(file));
    assertTrue(message(refused).contains("says nothing of a model"), message(refused));

    Path later = folder.resolve("later");
    characters(1).save(later);
    String text = Files.readString(later, StandardCharsets.ISO_8859_1);
    Files.writeString(
        later, text.replaceFirst("(version[^0-9]*)1", "$19"), StandardCharsets.ISO_8859_1);
    refused = assertThrows(MalformedFileException.class, () -> TrainedModel.load(later));
    assertTrue(
        message(refused).contains("has a model of version 9; this program reads version 1"),
        message(refused));
  }
}
