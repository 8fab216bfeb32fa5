package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.exchange.TorchModel;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InspectTest {
  @TempDir Path folder;

  @Test
  void aModelAndItsStateDictHaveTheSameParameters() throws Exception {
    Path own = folder.resolve("own.safetensors");
    Path torch = folder.resolve("torch.safetensors");
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(7, 3)
            .cell(CellType.GRU_RESET_AFTER)
            .hiddenSize(5)
            .layers(2)
            .build();
    long parameters;
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      TrainedModel trained = TrainedModel.of(model);
      trained.save(own);
      TorchModel.write(trained, Map.of("recurrent", "gru."), torch);
      parameters = model.layout().regions().stream().mapToLong(region -> region.elements()).sum();
    }
    for (Path file : new Path[] {own, torch}) {
      CommandLineRun run = CommandLineRun.of("inspect", file, "--json");
      run.succeeds();
      JsonNode result = new ObjectMapper().readTree(run.out());
      assertEquals(parameters, result.get("parameters").asLong(), result.toString());
      assertEquals(64, result.get("sha256").asText().length());
    }
    CommandLineRun words = CommandLineRun.of("inspect", torch);
    words.succeeds();
    assertTrue(
        words.out().contains("gru.  gru-reset-after, 3 inputs, 5 units, 2 layers, forward"),
        words.out());
    assertTrue(words.out().contains("gru.weight_ih_l0  F32  [15, 3]"), words.out());
  }

  @Test
  void whatHoldsNeitherIsRefused() throws Exception {
    Path text = Files.writeString(folder.resolve("text.txt"), "no weights at all");
    CommandLineRun.of("inspect", text).isRefusedWith(2, text + ": is no ONNX model");
    CommandLineRun.of("inspect", folder.resolve("nothing"))
        .isRefusedWith(2, "nothing does not exist");
  }
}
