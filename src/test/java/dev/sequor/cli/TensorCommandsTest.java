package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.io.DurableFile;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.io.SafetensorsWriter;
import dev.sequor.io.Tensor;
import dev.sequor.model.UsableBackends;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Models of any kind, run on tensors by the command line. */
class TensorCommandsTest {
  @TempDir Path folder;

  @TestFactory
  Stream<DynamicTest> exportedModelsSayTheSame() throws IOException {
    List<Exported> all = new ArrayList<>();
    for (String ending : List.of(".onnx", ".keras", ".h5", ".zip")) {
      all.addAll(ExportedCases.endingIn(ending));
    }
    assumeTrue(!all.isEmpty(), "no ../shared/conformance/exported");
    List<DynamicTest> tests = new ArrayList<>();
    for (Exported exported : all) {
      for (String device : UsableBackends.names().filter(d -> !d.startsWith("cuda")).toList()) {
        tests.add(
            DynamicTest.dynamicTest(exported + " on " + device, () -> says(exported, device)));
      }
    }
    return tests.stream();
  }

  private void says(Exported exported, String device) throws IOException {
    if (!exported.why().isEmpty()) {
      CommandLineRun.of("inspect", exported.path()).isRefusedWith(2, exported.file());
      return;
    }
    for (int i = 0; i < exported.runs(); i++) {
      Path output = folder.resolve("output.safetensors");
      JsonNode said =
          CommandLineRun.of(
                  "predict",
                  "--model",
                  exported.path(),
                  "--input",
                  exported.folder().resolve("input" + i + ".safetensors"),
                  "--output",
                  output,
                  "--device",
                  device,
                  "--json")
              .succeeds()
              .json();
      ExportedCases.requireClose(exported.outputs(i), SafetensorsFile.readAll(output));
      assertTrue(said.get("device").asText().startsWith(device), said::toString);
      assertEquals(exported.outputs(i).size(), said.get("outputs").size());
    }
    Path picture = folder.resolve("picture.svg");
    JsonNode inspected =
        CommandLineRun.of("inspect", exported.path(), "--picture", picture, "--json")
            .succeeds()
            .json();
    assertTrue(Files.size(picture) > 1000);
    assertTrue(inspected.get("kind").asText().endsWith(" model"), inspected::toString);
    assertEquals(exported.inputs(0).size(), inspected.get("inputs").size());
    assertTrue(inspected.get("parameters").asLong() > 0);
  }

  @Test
  void whatCannotBeIsRefusedAndNothingIsLost() throws IOException {
    Path model = Files.writeString(folder.resolve("model.onnx"), "no model at all");
    Path input = folder.resolve("input.safetensors");
    DurableFile.write(
        input,
        channel ->
            SafetensorsWriter.write(
                channel, Map.of(), List.of(Tensor.ofFloats("x", new float[6], 1, 2, 3))));
    Path output = folder.resolve("output.safetensors");
    CommandLineRun.of("predict", "--model", model, "--input", input, "--output", output)
        .isRefusedWith(2, "model.onnx: is no ONNX model");
    CommandLineRun.of("predict", "--model", model, "--input", input, "--output", input)
        .isRefusedWith(2, "--output is " + input + ", and --input as well");
    CommandLineRun.of("predict", "--model", model, "--input", input, "--output", model)
        .isRefusedWith(2, "--output is " + model + ", and --model as well");
    Path text = Files.writeString(folder.resolve("notes.txt"), "of value");
    CommandLineRun.of("predict", "--model", model, "--input", input, "--output", text)
        .isRefusedWith(2, "holds no tensors");
    assertEquals("of value", Files.readString(text));
    CommandLineRun.of("predict", "--model", model, "--output", output)
        .isRefusedWith(2, "needed --input FILE");
    CommandLineRun.of("predict", folder, "--model", model).isRefusedWith(2, "needed one of both");
    CommandLineRun.of("predict").isRefusedWith(2, "needed MODEL, or --model FILE");
    CommandLineRun.of("predict", "--model", input, "--input", input, "--output", output)
        .isRefusedWith(2, "is a state dict, which has no graph");
    CommandLineRun.of("predict", "--model", output, "--input", input, "--output", output)
        .isRefusedWith(2, "does not exist");
  }
}
