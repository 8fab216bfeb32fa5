package dev.sequor.exchange;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.Outputs;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.UsableBackends;
import dev.sequor.module.Embedding;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Models with PyTorch's weights say what they said in PyTorch. */
@Tag("gpu")
class TorchModelTest {
  @TempDir Path folder;

  /** The graph around a state dict's layers, as the file with the outputs was made. */
  private record Known(String folder, boolean batchFirst, Map<String, String> prefixes) {
    ModelSpec model(StateDict dict) throws IOException {
      Network.Builder network = Network.builder();
      String value;
      String recurrent = prefix("recurrent");
      RnnSpec stack = TorchLayers.stack(dict, recurrent);
      if (prefixes.containsKey("embedding")) {
        List<Long> sizes = dict.shape(prefix("embedding") + "weight");
        int vocabulary = Math.toIntExact(sizes.get(0));
        network.tokens("input", vocabulary);
        network.add("embedding", new Embedding(vocabulary, Math.toIntExact(sizes.get(1))), "input");
        value = "embedding";
      } else {
        network.vectors("input", stack.inputSize());
        value = "input";
      }
      network.add("recurrent", new Recurrent(stack), value);
      value = "recurrent";
      int width = stack.outputSize();
      if (prefixes.containsKey("norm")) {
        network.add("norm", new LayerNorm(width), value);
        value = "norm";
      }
      if (prefixes.containsKey("output")) {
        width = Math.toIntExact(dict.shape(prefix("output") + "weight").get(0));
        network.add("output", new Linear(stack.outputSize(), width), value);
        value = "output";
      }
      return new NetworkModelSpec(network.output(value).build(), Loss.meanSquaredError());
    }

    private String prefix(String node) {
      return Objects.requireNonNull(prefixes.get(node), node);
    }
  }

  private static final List<Known> MODELS =
      List.of(
          new Known(
              "tagger",
              true,
              Map.of(
                  "embedding", "embed.", "recurrent", "lstm.", "norm", "norm.", "output", "out.")),
          new Known(
              "char_lm_lstm",
              true,
              Map.of("embedding", "embedding.", "recurrent", "rnn.", "output", "head.")),
          new Known("bare_lstm_nobias", false, Map.of("recurrent", "m.")),
          new Known("bare_lstm_three_layers", true, Map.of("recurrent", "m.")),
          new Known("projected", false, Map.of("recurrent", "lstm.", "output", "o.")));

  static Stream<String> devices() {
    return UsableBackends.names();
  }

  /** The numbers of a file's only tensor, and its sizes. */
  @SuppressWarnings("ArrayRecordComponent")
  private record Numbers(List<Long> shape, float[] values, boolean integers) {
    static Numbers read(Path file) throws IOException {
      try (SafetensorsFile all = SafetensorsFile.open(file)) {
        SafetensorsFile.Entry entry = all.entries().values().iterator().next();
        ByteBuffer bytes = all.readBytes(entry.name());
        boolean integers = entry.type().bytes() == Long.BYTES;
        float[] values = new float[Math.toIntExact(entry.elements())];
        for (int i = 0; i < values.length; i++) {
          values[i] = integers ? bytes.getLong(i * Long.BYTES) : bytes.getFloat(i * Float.BYTES);
        }
        return new Numbers(entry.shape(), values, integers);
      }
    }

    /** Time-major. */
    float[] timeMajor(boolean batchFirst) {
      if (!batchFirst) {
        return values;
      }
      int batch = Math.toIntExact(shape.get(0));
      int time = Math.toIntExact(shape.get(1));
      int width = values.length / (batch * time);
      float[] turned = new float[values.length];
      for (int b = 0; b < batch; b++) {
        for (int t = 0; t < time; t++) {
          System.arraycopy(values, (b * time + t) * width, turned, (t * batch + b) * width, width);
        }
      }
      return turned;
    }
  }

  private static Window window(Numbers input, boolean batchFirst) {
    int first = Math.toIntExact(input.shape.get(0));
    int second = Math.toIntExact(input.shape.get(1));
    float[] values = input.timeMajor(batchFirst);
    Values inputs;
    if (input.integers) {
      int[] tokens = new int[values.length];
      for (int i = 0; i < tokens.length; i++) {
        tokens[i] = (int) values[i];
      }
      inputs = new Values.Tokens(tokens);
    } else {
      inputs = new Values.Reals(values);
    }
    return new SeriesWindow(
        batchFirst ? second : first, batchFirst ? first : second, inputs, inputs, null, true);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void outputsAreThoseOfPyTorch(String device) throws Exception {
    ExportedCases.assumePresent();
    Path exported = ExportedCases.folder();
    try (Backend backend = Devices.open(device)) {
      for (Known known : MODELS) {
        for (String file : List.of("state.pt", "state.safetensors")) {
          Path directory = exported.resolve(known.folder);
          try (StateDict dict = StateDict.open(directory.resolve(file))) {
            TrainedModel trained = TorchModel.read(known.model(dict), dict, known.prefixes);
            try (SequenceModel model = trained.open(backend)) {
              for (int run = 0; run < 2; run++) {
                Numbers input = Numbers.read(directory.resolve("input" + run + ".safetensors"));
                float[] expected =
                    Numbers.read(directory.resolve("output" + run + ".safetensors"))
                        .timeMajor(known.batchFirst);
                float[] actual = model.forward(window(input, known.batchFirst), null).readFloats();
                assertEquals(expected.length, actual.length, known.folder);
                if (known.folder.equals("tagger")) { // its graph goes on with a log_softmax
                  actual = Outputs.probabilities(actual, 4);
                  for (int i = 0; i < actual.length; i++) {
                    actual[i] = (float) Math.log(actual[i]);
                  }
                }
                for (int i = 0; i < expected.length; i++) {
                  assertEquals(
                      expected[i],
                      actual[i],
                      1e-5 + 1e-5 * Math.abs(expected[i]),
                      known.folder + " " + file + " run " + run + " element " + i);
                }
              }
            }
          }
        }
      }
    }
  }

  private static ModelSpec stack(RnnSpec stack) {
    return new NetworkModelSpec(
        Network.builder()
            .tokens("input", 7)
            .add("embedding", new Embedding(7, stack.inputSize()), "input")
            .add("recurrent", new Recurrent(stack), "embedding")
            .add("norm", new LayerNorm(stack.outputSize()), "recurrent")
            .add("output", new Linear(stack.outputSize(), 3), "norm")
            .output("output")
            .build(),
        Loss.meanSquaredError());
  }

  @Test
  void whatIsWrittenIsReadBackBitForBit() throws Exception {
    List<RnnSpec> stacks = new ArrayList<>();
    for (CellType cell :
        List.of(CellType.RNN_TANH, CellType.RNN_RELU, CellType.GRU_RESET_AFTER, CellType.LSTM)) {
      stacks.add(RnnSpec.of(cell, 4, 5));
      stacks.add(RnnSpec.of(cell, 4, 5).withLayers(3).withDirection(Direction.BIDIRECTIONAL));
    }
    stacks.add(
        RnnSpec.of(CellType.LSTM, 4, 5)
            .withLayers(2)
            .withOptions(CellOptions.builder().projectionSize(3).build()));
    try (Backend backend = Devices.open("java")) {
      for (RnnSpec stack : stacks) {
        Path file = folder.resolve("state.safetensors");
        Files.deleteIfExists(file);
        ModelSpec spec = stack(stack);
        Map<String, String> prefixes = Map.of("recurrent", "net.lstm.", "output", "fc.");
        TrainedModel written;
        try (SequenceModel model = new SequenceModel(backend, spec, 3)) {
          written = TrainedModel.of(model);
        }
        TorchModel.write(written, prefixes, file);
        try (StateDict dict = StateDict.open(file)) {
          assertTrue(dict.names().contains("net.lstm.weight_ih_l0"), dict.names().toString());
          assertTrue(
              dict.names().containsAll(List.of("norm.weight", "embedding.weight", "fc.bias")));
          TrainedModel read = TorchModel.read(spec, dict, prefixes);
          for (int i = 0; i < written.parameters().size(); i++) {
            assertEquals(written.parameters().get(i).name(), read.parameters().get(i).name());
            assertArrayEquals(
                written.parameters().get(i).values(), read.parameters().get(i).values());
          }
          RnnSpec found = TorchLayers.stack(dict, "net.lstm.");
          assertEquals(
              stack.cell() == CellType.RNN_RELU ? CellType.RNN_TANH : stack.cell(), found.cell());
          assertEquals(stack.layers(), found.layers());
          assertEquals(stack.direction(), found.direction());
          assertEquals(stack.options(), found.options());
        }
      }
    }
  }

  private void refused(String message, RnnSpec stack) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, stack(stack), 3)) {
      TrainedModel trained = TrainedModel.of(model);
      String got =
          String.valueOf(
              assertThrows(
                      IllegalArgumentException.class,
                      () -> TorchModel.write(trained, Map.of(), folder.resolve("no.safetensors")))
                  .getMessage());
      assertTrue(got.contains(message), got);
    }
  }

  @Test
  void whatPyTorchHasNoNameForIsRefused() throws Exception {
    refused(
        "node 'recurrent' resets before the product; PyTorch's GRU does so after it",
        RnnSpec.of(CellType.GRU_RESET_BEFORE, 4, 5));
    refused("of a cell that PyTorch does not have", RnnSpec.of(CellType.LSTM_PEEPHOLE, 4, 5));
    refused(
        "reads backwards only", RnnSpec.of(CellType.LSTM, 4, 5).withDirection(Direction.REVERSE));
    refused(
        "has options that PyTorch does not have",
        RnnSpec.of(CellType.LSTM, 4, 5).withOptions(CellOptions.builder().gateClip(1f).build()));
    try (Backend backend = Devices.open("java");
        SequenceModel model =
            new SequenceModel(backend, stack(RnnSpec.of(CellType.LSTM, 4, 5)), 3)) {
      Path file = folder.resolve("state.safetensors");
      TorchModel.write(TrainedModel.of(model), Map.of(), file);
      assertThrows(
          IllegalArgumentException.class,
          () -> TorchModel.write(TrainedModel.of(model), Map.of("nothing", "x."), file));
      try (StateDict dict = StateDict.open(file)) {
        ModelSpec wider = stack(RnnSpec.of(CellType.LSTM, 4, 6));
        String message =
            String.valueOf(
                assertThrows(
                        MalformedFileException.class, () -> TorchModel.read(wider, dict, Map.of()))
                    .getMessage());
        assertTrue(message.contains("'recurrent.weight_ih_l0' has the sizes [20, 4]"), message);
        ModelSpec deeper = stack(RnnSpec.of(CellType.LSTM, 4, 5).withLayers(2));
        assertThrows(MalformedFileException.class, () -> TorchModel.read(deeper, dict, Map.of()));
        ModelSpec less =
            new NetworkModelSpec(
                Network.builder()
                    .tokens("input", 7)
                    .add("embedding", new Embedding(7, 4), "input")
                    .output("embedding")
                    .build(),
                Loss.meanSquaredError());
        String rest =
            String.valueOf(
                assertThrows(
                        MalformedFileException.class, () -> TorchModel.read(less, dict, Map.of()))
                    .getMessage());
        assertTrue(rest.contains("has tensors that no node of the model takes: [norm.bias"), rest);
      }
    }
  }
}
