package dev.sequor.exchange.keras;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.Sequence;
import dev.sequor.data.SequenceBatches;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.exchange.MutatedFiles;
import dev.sequor.exchange.TorchFiles;
import dev.sequor.exchange.Zips;
import dev.sequor.io.MalformedFileException;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Trainer;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Models that Keras has written say what they said there, or are refused by the layer's name. */
@Tag("gpu")
class KerasModelTest {
  @TempDir Path folder;

  @TestFactory
  Stream<DynamicTest> exportedModelsSayTheSame() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (String ending : List.of(".keras", ".h5")) {
      tests.addAll(ExportedCases.tests(ending, KerasModel::read, KerasModelTest::refuses));
    }
    return tests.stream();
  }

  /** Files of Keras 2, which said some things in other ways. */
  @TestFactory
  Stream<DynamicTest> olderModelsSayTheSame() throws Exception {
    return ExportedCases.committed(
        KerasModelTest.class,
        KerasModel::read,
        "older/keras_2_1_6/model.h5",
        "older/keras_2_2_4/model.h5",
        "older/keras_2_6_0/model.h5",
        "older/keras_2_21_0/model.keras",
        "older/cudnn/model.h5")
        .stream();
  }

  private static void refuses(Exported exported) {
    String message =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> KerasModel.read(exported.path()))
                .getMessage());
    assertTrue(message.contains("layer '"), message);
  }

  private static Map<String, byte[]> nested() throws IOException {
    try (InputStream in = KerasModelTest.class.getResourceAsStream("nested.keras")) {
      return Zips.members(Objects.requireNonNull(in).readAllBytes());
    }
  }

  private Path file(Map<String, byte[]> members) throws IOException {
    return TorchFiles.write(folder.resolve("model.keras"), Zips.of(members));
  }

  /** A model in the model, cells on cells, an operation: both forms are one model. */
  @Test
  void nestedModelsOfBothFormsAreTheSame() throws Exception {
    ExchangedModel zipped = KerasModel.read(file(nested()));
    Path path = folder.resolve("nested.h5");
    try (InputStream in = KerasModelTest.class.getResourceAsStream("nested.h5")) {
      TorchFiles.write(path, Objects.requireNonNull(in).readAllBytes());
    }
    ExchangedModel hdf5 = KerasModel.read(path);
    assertEquals(zipped.network(), hdf5.network());
    for (int i = 0; i < zipped.parameters().size(); i++) {
      assertArrayEquals(zipped.parameters().get(i).values(), hdf5.parameters().get(i).values());
    }
  }

  /** A layer that is called twice gives two outputs of one name. */
  @Test
  void outputsOfOneNameAreToldApart() throws Exception {
    Map<String, byte[]> members = nested();
    String config =
        new String(Objects.requireNonNull(members.get("config.json")), StandardCharsets.UTF_8);
    String one = "[\"dense_1\", 0, 0]";
    members.put(
        "config.json",
        config
            .replace("\"output_layers\": " + one, "\"output_layers\": [" + one + ", " + one + "]")
            .getBytes(StandardCharsets.UTF_8));
    ExchangedModel model = KerasModel.read(file(members));
    assertEquals(
        List.of("dense_1", "dense_1_1"),
        model.outputs().stream().map(ExchangedModel.Output::name).toList());
  }

  private void refused(String message, String from, String to) throws IOException {
    Map<String, byte[]> members = nested();
    String config =
        new String(Objects.requireNonNull(members.get("config.json")), StandardCharsets.UTF_8);
    String changed = config.replace(from, to);
    assertNotEquals(config, changed, from);
    members.put("config.json", changed.getBytes(StandardCharsets.UTF_8));
    Path file = file(members);
    String got =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> KerasModel.read(file)).getMessage());
    assertTrue(got.startsWith(file + ": ") && got.contains(message) && !got.contains("\n"), got);
  }

  @Test
  void whatIsNotSupportedIsRefusedByItsLayer() throws Exception {
    String last = "\"name\": \"danach\", \"trainable\": true";
    refused(
        "layer 'danach' (LSTM) has the option 'attention', which is not supported",
        last,
        last + ", \"attention\": 3");
    refused("layer 'dense_1' (Dense) has tensors of the sizes", "\"units\": 1,", "\"units\": 7,");
    refused(
        "which nothing gives",
        "\"keras_history\": [\"danach\", 0, 0]",
        "\"keras_history\": [\"nirgends\", 0, 0]");
    refused(
        "which nothing gives",
        "\"keras_history\": [\"danach\", 0, 0]",
        "\"keras_history\": [\"danach\", 0, 3]");
    refused(
        "layer 'zuerst' (LSTM) waits for what waits for it",
        "\"keras_history\": [\"bidirectional\", 0, 0]",
        "\"keras_history\": [\"danach\", 0, 0]");
    refused("input_layers", "\"input_layers\": [\"x\"", "\"input_layers\": [3");
    refused(
        "layer 'add_1' (Dot) is of a class that is not supported",
        "\"class_name\": \"Add\", \"config\": {\"name\": \"add_1\"",
        "\"class_name\": \"Dot\", \"config\": {\"name\": \"add_1\"");
  }

  /** Whatever has happened to a configuration: it is read, or refused. */
  @Test
  void mutatedConfigurationsAreReadOrRefused() throws Exception {
    Map<String, byte[]> members = nested();
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.keras"),
            Objects.requireNonNull(members.get("config.json")),
            mutated -> {
              Map<String, byte[]> bad = new LinkedHashMap<>(members);
              bad.put("config.json", mutated);
              return Zips.of(bad);
            },
            MutatedFiles.count(300),
            1 << 23,
            KerasModel::read);
    assertTrue(refused > 30, "only " + refused + " were refused");
  }

  /** The same of a file whose form is an older one. */
  @Test
  void mutatedOlderConfigurationsAreReadOrRefused() throws Exception {
    Map<String, byte[]> members;
    try (InputStream in =
        KerasModelTest.class.getResourceAsStream("older/keras_2_21_0/model.keras")) {
      members = Zips.members(Objects.requireNonNull(in).readAllBytes());
    }
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.keras"),
            Objects.requireNonNull(members.get("config.json")),
            mutated -> Zips.of(members, "config.json", mutated),
            MutatedFiles.count(300),
            1 << 23,
            KerasModel::read);
    assertTrue(refused > 30, "only " + refused + " were refused");
  }

  /** A model that has been read learns on. */
  @Test
  void trainingGoesOn() throws Exception {
    ExchangedModel model = KerasModel.read(file(nested()));
    List<Sequence> sequences = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      float[][] rows = {{i, 1}, {0.5f, i}, {1, -i}};
      sequences.add(Sequence.ofRows(rows, new Sequence.ValuesOfWhole(new float[] {i % 2})));
    }
    SequenceBatches batches = SequenceBatches.sorted(sequences, 8);
    try (Backend backend = Devices.open("java");
        SequenceModel trained = model.withLoss(Loss.meanSquaredError()).open(backend);
        Trainer trainer =
            new Trainer(trained, Optimizer.adam(0.05f), Clipping.byGlobalNorm(1), 2)) {
      double before = trained.loss(batches.window(0, 0), null).mean();
      trainer.steps(batches, 20);
      double after = trained.loss(batches.window(0, 0), null).mean();
      assertTrue(after < 0.9 * before, after + " after " + before);
    }
  }
}
