package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.exchange.StateDict;
import dev.sequor.exchange.onnx.OnnxModel;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

class ConvertTest {
  @TempDir Path folder;

  // ---- files of others --------------------------------------------------------------------------

  @TestFactory
  Stream<DynamicTest> exportedModelsSayTheSameWhenConverted() throws IOException {
    List<Exported> all = new ArrayList<>();
    for (String ending : List.of("dynamo.onnx", "opset17.onnx", ".keras", ".zip")) {
      all.addAll(ExportedCases.endingIn(ending));
    }
    all.removeIf(exported -> !exported.why().isEmpty());
    assumeTrue(!all.isEmpty(), "no ../shared/conformance/exported");
    return all.stream()
        .map(exported -> DynamicTest.dynamicTest(exported.toString(), () -> same(exported)));
  }

  private void same(Exported exported) throws IOException {
    Path own = folder.resolve("own.safetensors");
    CommandLineRun.of("convert", exported.path(), own).succeeds();
    predicts(exported, own);
    Path onnx = folder.resolve("other.onnx");
    CommandLineRun written = CommandLineRun.of("convert", own, onnx);
    boolean masks = ExchangedModel.load(own).inputs().stream().anyMatch(i -> i.mask() != null);
    if (masks) {
      written.isRefusedWith(2, "has steps that are not there wherever it is");
    } else {
      written.succeeds();
      CommandLineRun.of("convert", own, onnx, "--opset", "14").succeeds(); // in its place
    }
  }

  private void predicts(Exported exported, Path model) throws IOException {
    for (int i = 0; i < exported.runs(); i++) {
      Path output = folder.resolve("output.safetensors");
      CommandLineRun.of(
              "predict",
              "--model",
              model,
              "--input",
              exported.folder().resolve("input" + i + ".safetensors"),
              "--output",
              output,
              "--device=java")
          .succeeds();
      ExportedCases.requireClose(exported.outputs(i), SafetensorsFile.readAll(output));
    }
    JsonNode inspected = CommandLineRun.of("inspect", model, "--json").succeeds().json();
    assertEquals(exported.inputs(0).size(), inspected.get("inputs").size());
    assertEquals(exported.outputs(0).size(), inspected.get("outputs").size());
  }

  // ---- models of this library -------------------------------------------------------------------

  private static final CharacterVocabulary ABC = CharacterVocabulary.of("abc d");

  private static TrainedModel characters(int layers) {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(ABC.size(), 3)
            .cell(CellType.GRU_RESET_AFTER)
            .hiddenSize(5)
            .layers(layers)
            .build();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      return TrainedModel.of(model, ABC);
    }
  }

  private Path saved(int layers) throws IOException {
    Path file = folder.resolve("saved-" + layers);
    characters(layers).save(file);
    return file;
  }

  @Test
  void aModelKeepsItsVocabularyInAFileOfTheSameKind() throws IOException {
    Path file = folder.resolve("copy.safetensors");
    JsonNode said = CommandLineRun.of("convert", saved(1), file, "--json").succeeds().json();
    assertEquals("sequor", said.get("from").asText());
    assertEquals("sequor", said.get("to").asText());
    assertEquals(ABC, TrainedModel.load(file).data());
    CommandLineRun.of("sample", file, "--device=java", "--length=5").succeeds();
  }

  @Test
  void lengthsAndLayoutOfAnOnnxFileAreAskedFor() throws IOException {
    Path onnx = folder.resolve("model.onnx");
    CommandLineRun.of("convert", saved(2), onnx).succeeds();
    ExchangedModel plain = OnnxModel.read(onnx);
    assertEquals(1, plain.inputs().size());
    assertEquals("[steps, batch]", plain.inputs().get(0).layout().toString());
    CommandLineRun.of("convert", saved(2), onnx, "--lengths", "--batch-first").succeeds();
    ExchangedModel other = OnnxModel.read(onnx);
    assertEquals(
        Map.of("input", "[batch, steps]", "input_lengths", "[batch]"),
        other.inputs().stream()
            .collect(
                Collectors.toMap(ExchangedModel.Input::name, input -> input.layout().toString())));
    assertEquals(
        List.of("input", "input_lengths"),
        other.inputs().stream().map(ExchangedModel.Input::name).toList());
    CommandLineRun.of("convert", onnx, folder.resolve("again"), "--to=sequor").succeeds();
    assertEquals(other.inputs(), ExchangedModel.load(folder.resolve("again")).inputs());
  }

  @Test
  void weightsBecomeAStateDictAndALayerOfThemAModel() throws IOException {
    Path dict = folder.resolve("state.safetensors");
    CommandLineRun.of("convert", saved(2), dict, "--to=pytorch").succeeds();
    try (StateDict tensors = StateDict.open(dict)) {
      assertTrue(tensors.names().contains("recurrent.weight_ih_l1"), () -> tensors.names() + "");
      assertTrue(tensors.names().contains("output.weight"), () -> tensors.names() + "");
    }
    CommandLineRun.of("convert", dict, folder.resolve("model.onnx"))
        .isRefusedWith(2, "has tensors that no node of the model takes");

    Path layer = folder.resolve("layer.safetensors");
    List<NamedTensor> recurrent = new ArrayList<>();
    try (StateDict tensors = StateDict.open(dict)) {
      for (String name : tensors.names()) {
        if (name.startsWith("recurrent.")) {
          recurrent.add(tensors.tensor(name));
        }
      }
    }
    StateDict.write(layer, recurrent);
    Path onnx = folder.resolve("layer.onnx");
    CommandLineRun.of("convert", layer, onnx).succeeds();
    ExchangedModel model = OnnxModel.read(onnx);
    assertEquals(List.of("x"), model.inputs().stream().map(ExchangedModel.Input::name).toList());
    assertEquals(
        List.of("y", "y_final_state_h"),
        model.outputs().stream().map(ExchangedModel.Output::name).toList());
    StateDict.write(layer, List.of());
    CommandLineRun.of("convert", layer, onnx).isRefusedWith(2, "0 recurrent layers");
  }

  @Test
  void aFileWithAPickleBecomesOneWithout() throws IOException {
    Path pt = ExportedCases.folder().resolve("pt_files").resolve("bfloat16.pt");
    assumeTrue(Files.exists(pt), "no ../shared/conformance/exported/pt_files");
    Path file = folder.resolve("plain.safetensors");
    CommandLineRun.of("convert", pt, file).succeeds();
    try (StateDict before = StateDict.open(pt);
        StateDict after = StateDict.open(file)) {
      assertEquals(List.copyOf(before.names()).size(), after.names().size());
      for (String name : before.names()) {
        assertEquals(before.type(name), after.type(name), name);
        assertEquals(before.shape(name), after.shape(name), name);
        if (before.type(name).isReal()) {
          assertArrayEquals(before.floats(name), after.floats(name), name);
        }
      }
    }
    CommandLineRun.of("convert", file, folder.resolve("again.safetensors")).succeeds();
    assertEquals(-1, Files.mismatch(file, folder.resolve("again.safetensors")));
  }

  // ---- what is refused --------------------------------------------------------------------------

  @Test
  void nothingIsLost() throws IOException {
    Path model = saved(1);
    Path letter = Files.writeString(folder.resolve("letter.onnx"), "dear reader");
    CommandLineRun.of("convert", model, letter)
        .isRefusedWith(2, "which is there and no ONNX model; needed another name");
    Path notes = Files.writeString(folder.resolve("notes.safetensors"), "of value");
    CommandLineRun.of("convert", model, notes).isRefusedWith(2, "holds no model");
    CommandLineRun.of("convert", model, notes, "--to=pytorch")
        .isRefusedWith(2, "which is there and no state dict");
    CommandLineRun.of("convert", model, model, "--to=sequor")
        .isRefusedWith(2, ", and IN as well; needed another file");
    CommandLineRun.of("convert", model, folder, "--to=onnx").isRefusedWith(2, "which is there");
    assertEquals("dear reader", Files.readString(letter));
    assertEquals("of value", Files.readString(notes));
    // A model is none of a state dict's files, though both are safetensors.
    Path other = folder.resolve("other.safetensors");
    characters(1).save(other);
    CommandLineRun.of("convert", model, other, "--to=pytorch")
        .isRefusedWith(2, "which is there and no state dict");
  }

  @Test
  void whatIsNotKnownIsNamed() throws IOException {
    Path model = saved(1);
    CommandLineRun.of("convert", model, folder.resolve("model.h5"))
        .isRefusedWith(2, "needed a name that ends in .onnx or .safetensors, or --to");
    CommandLineRun.of("convert", model, folder.resolve("model"), "--to=keras")
        .isRefusedWith(2, "'keras' is unknown; known: sequor, onnx, pytorch");
    CommandLineRun.of("convert", model, folder.resolve("m.onnx"), "--opset=13")
        .isRefusedWith(2, "--opset is 13; needed a whole number, 14 to 22");
    CommandLineRun.of("convert", model, folder.resolve("m.onnx"), "--from=keras")
        .isRefusedWith(2, model.toString());
    CommandLineRun.of("convert", folder.resolve("nowhere"), folder.resolve("m.onnx"))
        .isRefusedWith(2, "does not exist");
  }
}
