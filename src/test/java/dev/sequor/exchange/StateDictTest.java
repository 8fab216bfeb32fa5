package dev.sequor.exchange;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import dev.sequor.module.NamedTensor;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What PyTorch has written is read as it was, and what is anything else is refused by name. */
class StateDictTest {
  @TempDir Path folder;

  private static Stream<Path> folders() throws IOException {
    return ExportedCases.with("state.pt");
  }

  @Test
  void filesAsPeopleKeepThem() throws Exception {
    ExportedCases.assumePresent();
    Path files = ExportedCases.folder().resolve("pt_files");
    JsonNode cases = new ObjectMapper().readTree(files.resolve("case.json").toFile()).get("files");
    int loaded = 0;
    for (Map.Entry<String, JsonNode> each : cases.properties()) {
      String kind = each.getValue().get("kind").asText();
      Path file = files.resolve(each.getKey());
      Path expected =
          files.resolve(
              each.getKey().equals("views.pt")
                  ? "views.expected.safetensors"
                  : "expected.safetensors");
      if (kind.equals("load")) {
        assertHolds(expected, file);
        loaded++;
      } else {
        String message =
            String.valueOf(
                assertThrows(
                        MalformedFileException.class, () -> StateDict.open(file), file.toString())
                    .getMessage());
        assertTrue(message.startsWith(file + ": "), message);
        assertTrue(
            !each.getKey().equals("code.pt") || message.contains("opcode GLOBAL of '"), message);
        assertTrue(
            !each.getKey().equals("whole_module.pt") || message.contains("opcode GLOBAL of '"),
            message);
      }
    }
    assertTrue(loaded >= 8, "only " + loaded + " were loaded");
  }

  /** Up to a prefix, and within the rounding of the element type. */
  private static void assertHolds(Path expectedFile, Path file) throws IOException {
    try (StateDict expected = StateDict.open(expectedFile);
        StateDict actual = StateDict.open(file)) {
      for (String name : expected.names()) {
        String found =
            actual.names().stream()
                .filter(each -> each.equals(name) || each.endsWith("." + name))
                .findFirst()
                .orElseThrow(() -> new AssertionError(file + " has no " + name));
        assertEquals(expected.shape(name), actual.shape(found), file + " " + name);
        double ulp = actual.type(found) == TensorType.BF16 ? 0x1p-8 : 0;
        float[] values = expected.floats(name);
        float[] got = actual.floats(found);
        for (int i = 0; i < values.length; i++) {
          assertEquals(values[i], got[i], ulp * Math.abs(values[i]), file + " " + name + " " + i);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void bothFormsHoldTheSameAndTheirLayersAreFound(Path model) throws Exception {
    ExportedCases.assumePresent();
    try (StateDict pickled = StateDict.open(model.resolve("state.pt"));
        StateDict safe = StateDict.open(model.resolve("state.safetensors"))) {
      assertEquals(
          safe.names().stream().sorted().toList(), pickled.names().stream().sorted().toList());
      for (String name : safe.names()) {
        assertEquals(safe.shape(name), pickled.shape(name));
        assertArrayEquals(safe.floats(name), pickled.floats(name), name);
      }
      List<TorchLayers.Found> found = TorchLayers.find(safe);
      assertFalse(found.isEmpty(), "no layer was found in " + safe.names());
      assertEquals(
          found.stream().map(TorchLayers.Found::stack).sorted(byText()).toList(),
          TorchLayers.find(pickled).stream()
              .map(TorchLayers.Found::stack)
              .sorted(byText())
              .toList());
    }
  }

  private static Comparator<Object> byText() {
    return Comparator.comparing(Object::toString);
  }

  @ParameterizedTest
  @CsvSource({
    "bare_lstm_nobias, m., LSTM, 5, 6, 1, FORWARD, 0",
    "bare_lstm_three_layers, m., LSTM, 5, 6, 3, FORWARD, 0",
    "char_lm_rnn, rnn., RNN_TANH, 7, 10, 1, FORWARD, 0",
    "classifier_bi_gru, gru., GRU_RESET_AFTER, 4, 6, 2, BIDIRECTIONAL, 0",
    "lstm_cell_loop, c., LSTM, 3, 4, 1, FORWARD, 0",
    "projected, lstm., LSTM, 4, 9, 2, BIDIRECTIONAL, 3",
  })
  void kindAndSizesAreThoseOfTheTensors(
      String model,
      String prefix,
      CellType cell,
      int input,
      int hidden,
      int layers,
      Direction direction,
      int projection)
      throws Exception {
    ExportedCases.assumePresent();
    try (StateDict dict =
        StateDict.open(ExportedCases.folder().resolve(model).resolve("state.safetensors"))) {
      var stack = TorchLayers.stack(dict, prefix);
      assertEquals(cell, stack.cell());
      assertEquals(input, stack.inputSize());
      assertEquals(hidden, stack.hiddenSize());
      assertEquals(layers, stack.layers());
      assertEquals(direction, stack.direction());
      assertEquals(projection, stack.options().projectionSize());
    }
  }

  private static byte[] sample() throws IOException {
    Map<String, float[]> tensors = new LinkedHashMap<>();
    Map<String, long[]> shapes = new LinkedHashMap<>();
    SplittableRandom random = new SplittableRandom(1);
    int[][] sizes = {{12, 2}, {12, 3}, {12}, {12}};
    String[] names = {"weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"};
    for (int i = 0; i < names.length; i++) {
      int elements = 1;
      long[] shape = new long[sizes[i].length];
      for (int axis = 0; axis < shape.length; axis++) {
        shape[axis] = sizes[i][axis];
        elements *= sizes[i][axis];
      }
      float[] values = new float[elements];
      for (int j = 0; j < elements; j++) {
        values[j] = (float) random.nextGaussian();
      }
      tensors.put("lstm." + names[i], values);
      shapes.put("lstm." + names[i], shape);
    }
    return TorchFiles.archive(tensors, shapes);
  }

  @Test
  void anArchiveIsReadTensorByTensor() throws Exception {
    Path file = TorchFiles.write(folder.resolve("a.pt"), sample());
    try (StateDict dict = StateDict.open(file)) {
      assertEquals(4, dict.names().size());
      assertEquals(List.of(12L, 2L), dict.shape("lstm.weight_ih_l0"));
      assertEquals(24, dict.floats("lstm.weight_ih_l0").length);
      assertEquals(CellType.LSTM, TorchLayers.find(dict).get(0).stack().cell());
      assertEquals(
          List.of("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"),
          dict.under("lstm.").names());
      assertThrows(MalformedFileException.class, () -> dict.under("gru."));
      assertThrows(MalformedFileException.class, () -> dict.floats("nothing"));
      // And what is written is read.
      List<NamedTensor> tensors = new ArrayList<>();
      for (String name : dict.names()) {
        tensors.add(dict.tensor(name));
      }
      StateDict.write(folder.resolve("a.safetensors"), tensors);
      try (StateDict again = StateDict.open(folder.resolve("a.safetensors"))) {
        for (String name : dict.names()) {
          assertArrayEquals(dict.floats(name), again.floats(name));
        }
      }
    }
  }

  private void refused(String message, byte[] pickle) throws IOException {
    Path file = TorchFiles.write(folder.resolve("bad.pt"), TorchFiles.zip(pickle, Map.of()));
    String got =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> StateDict.open(file)).getMessage());
    assertTrue(got.contains(message), got);
  }

  private static byte[] pickle(Object... parts) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    bytes.write(0x80);
    bytes.write(2);
    for (Object part : parts) {
      if (part instanceof Integer one) {
        bytes.write(one);
      } else {
        bytes.writeBytes(String.valueOf(part).getBytes(StandardCharsets.UTF_8));
      }
    }
    return bytes.toByteArray();
  }

  @Test
  void whatCouldExecuteIsRefusedByTheNameOfItsOpcode() throws Exception {
    refused("has opcode GLOBAL of 'os.system'", pickle("cos\nsystem\n(X\2\0\0\0lstR."));
    refused("has opcode GLOBAL of 'builtins.eval'", pickle("cbuiltins\neval\n."));
    refused("has opcode STACK_GLOBAL of 'os.system'", pickle("X\2\0\0\0osX\6\0\0\0system", 0x93));
    refused("has opcode INST", pickle("(ios\nsystem\n."));
    refused("has opcode OBJ", pickle("(o."));
    refused("has opcode NEWOBJ", pickle("))", 0x81, "."));
    refused("has opcode REDUCE of 'torch.FloatStorage'", pickle("ctorch\nFloatStorage\n)R."));
    refused("has opcode PERSID", pickle("P0\n."));
    refused("is cut", pickle("X\377\0\0\0a"));
    refused("is cut", pickle("]"));
    refused("appends to what is no list", pickle("}Na."));
    refused("up to a mark that is not there", pickle("t."));
    refused("asks for memo 7", pickle("h", 7, "."));
    refused("takes a value from where there is none", pickle("."));
    refused("holds no tensor", pickle("}."));
    refused("is nested deeper", pickle("]q", 0, "h", 0, "a."));
    refused("integer of 9 bytes", pickle(0x8a, 9, "123456789."));
  }

  /** Whatever has happened to a file: a documented exception, soon, and no more memory. */
  @Test
  void mutatedFilesAreReadOrRefused() throws Exception {
    byte[] good = sample();
    int files = MutatedFiles.count(3000);
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.pt"),
            good,
            whole -> whole,
            files,
            1 << 20,
            file -> {
              try (StateDict dict = StateDict.open(file)) {
                for (String name : dict.names()) {
                  dict.floats(name);
                }
                TorchLayers.find(dict);
              }
            });
    assertTrue(refused > files / 3, "only " + refused + " were refused");
  }
}
