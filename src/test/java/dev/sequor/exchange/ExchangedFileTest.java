package dev.sequor.exchange;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Embedding;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.RandomNetwork;
import dev.sequor.module.Recurrent;
import dev.sequor.rnn.TensorRegion;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Exchanged models in files of this library; those of other libraries in ConvertTest. */
class ExchangedFileTest {
  @TempDir Path folder;

  private static List<NamedTensor> parameters(Network network, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<NamedTensor> parameters = new ArrayList<>();
    for (TensorRegion region : network.layout().regions()) {
      float[] values = new float[Math.toIntExact(region.elements())];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble(-1, 1);
      }
      parameters.add(new NamedTensor(region.name(), region.shape(), values));
    }
    return parameters;
  }

  private static ExchangedModel masked() {
    Network network =
        Network.builder()
            .tokens("words", 7)
            .vectors("more", 2)
            .add("table", new Embedding(7, 3), "words")
            .add("rnn", new Recurrent(RnnSpec.of(CellType.LSTM, 3, 4)), "table")
            .add("other", new Linear(2, 5), "more")
            .output("rnn")
            .output("other")
            .build();
    return new ExchangedModel(
        network,
        parameters(network, 3),
        List.of(
            new ExchangedModel.Input(
                "eingabe:0", TensorType.I32, TensorLayout.tokens(), "words", false, 0f),
            ExchangedModel.Input.optionalLengths("längen", "words"),
            ExchangedModel.Input.of("more", TensorType.F16, TensorLayout.batchFirst(2), "more")),
        List.of(
            new ExchangedModel.Output(
                "Identity",
                TensorLayout.batchFirst(4),
                "rnn",
                false,
                ExchangedModel.Absent.AT_REST),
            new ExchangedModel.Output("b", TensorLayout.timeFirst(5), "other", false)));
  }

  private static void assertSame(ExchangedModel expected, ExchangedModel actual) {
    assertEquals(expected.network(), actual.network());
    assertEquals(expected.inputs(), actual.inputs());
    assertEquals(expected.outputs(), actual.outputs());
    assertEquals(expected.parameters().size(), actual.parameters().size());
    for (int i = 0; i < expected.parameters().size(); i++) {
      assertEquals(expected.parameters().get(i).name(), actual.parameters().get(i).name());
      assertArrayEquals(expected.parameters().get(i).values(), actual.parameters().get(i).values());
    }
  }

  @Test
  void whatIsSavedIsLoaded() throws IOException {
    Path file = folder.resolve("new").resolve("model.safetensors");
    masked().save(file);
    assertTrue(ExchangedModel.isIn(file));
    assertFalse(TrainedModel.isIn(file));
    assertSame(masked(), ExchangedModel.load(file));
    for (long seed = 0; seed < 100; seed++) {
      Network network = RandomNetwork.draw(seed).network();
      ExchangedModel model = ExchangedModel.of(network, parameters(network, seed));
      model.save(file);
      assertSame(model, ExchangedModel.load(file));
    }
  }

  @Test
  void aModelTakesAnothersPlaceAndNothingElses() throws IOException {
    Path trained = folder.resolve("trained");
    Network network = Network.builder().vectors("x", 2).add("y", new Linear(2, 3), "x").build();
    ExchangedModel model = ExchangedModel.of(network, parameters(network, 1));
    TrainedModel other = model.withLoss(new Loss.MeanSquaredError());
    other.save(trained);
    byte[] before = Files.readAllBytes(trained);
    String said =
        String.valueOf(
            assertThrows(IllegalArgumentException.class, () -> model.save(trained)).getMessage());
    assertTrue(said.contains("is there already and holds no model of this kind"), said);
    assertArrayEquals(before, Files.readAllBytes(trained));
    Path own = folder.resolve("own");
    model.save(own);
    assertThrows(IllegalArgumentException.class, () -> other.save(own));
    String kind =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> TrainedModel.load(own)).getMessage());
    assertTrue(kind.contains("needed a file that TrainedModel.save has written"), kind);
    assertThrows(MalformedFileException.class, () -> ExchangedModel.load(trained));
  }

  @Test
  void anyChangedByteIsNoticed() throws IOException {
    Path file = folder.resolve("model");
    ExchangedModel model = masked();
    model.save(file);
    byte[] whole = Files.readAllBytes(file);
    for (int at = 0; at < whole.length; at += 3) {
      byte[] changed = whole.clone();
      changed[at] ^= 0x10;
      Files.write(file, changed);
      try {
        // Space in the header may be any, and so may names of metadata that nobody reads.
        assertSame(model, ExchangedModel.load(file));
      } catch (MalformedFileException e) {
        assertTrue(String.valueOf(e.getMessage()).contains("model"), e::getMessage);
      }
    }
    for (int length = 0; length < whole.length; length += 97) {
      Files.write(file, Arrays.copyOf(whole, length));
      assertThrows(MalformedFileException.class, () -> ExchangedModel.load(file));
    }
  }

  @Test
  void whatIsNoModelOfThisKindIsRefused() throws IOException {
    Path file = folder.resolve("model");
    masked().save(file);
    String text = Files.readString(file, StandardCharsets.ISO_8859_1);
    Files.writeString(
        file, text.replaceFirst("(version[^0-9]*)1", "$19"), StandardCharsets.ISO_8859_1);
    String said =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> ExchangedModel.load(file))
                .getMessage());
    assertTrue(said.contains("of version 9; this program reads version 1"), said);
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new ExchangedModel.Input(
                "x", TensorType.F32, TensorLayout.batchFirst(2), "x", false, Float.NaN));
  }

  @Test
  void aModuleOfWhateverKindIsKept() throws IOException {
    Network network =
        Network.builder()
            .vectors("x", 4)
            .add("y", new AdaptiveSoftmax(4, 9, List.of(2), 2), "x")
            .build();
    ExchangedModel model = ExchangedModel.of(network, parameters(network, 1));
    Path file = folder.resolve("model");
    model.save(file);
    assertSame(model, ExchangedModel.load(file));
  }
}
