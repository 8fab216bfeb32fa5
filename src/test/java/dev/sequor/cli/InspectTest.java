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
import dev.sequor.picture.ArchitecturePicture;
import dev.sequor.picture.CellPicture;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import javax.imageio.ImageIO;
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

  private Path trained() throws Exception {
    Path model = folder.resolve("net <1>.safetensors");
    try (Backend backend = Devices.open("java");
        SequenceModel sequence =
            new SequenceModel(
                backend, SequenceModelSpec.languageModel(7, 3).hiddenSize(5).build(), 1)) {
      TrainedModel.of(sequence).save(model);
    }
    return model;
  }

  @Test
  void drawsTheNetworkInEitherFormat() throws Exception {
    Path model = trained();
    Path svg = folder.resolve("net.svg");
    Path png = folder.resolve("net.PNG");
    JsonNode said =
        CommandLineRun.of("inspect", model, "--picture", svg, "--json").succeeds().json();
    assertEquals(svg.toString(), said.get("picture").asText());
    String drawn = Files.readString(svg);
    assertTrue(drawn.contains("net &lt;1&gt;.safetensors"), drawn);
    for (JsonNode layer : said.get("layers")) {
      assertTrue(drawn.contains(">" + layer.get("name").asText() + "<"), layer.toString());
    }
    assertTrue(
        CommandLineRun.of("inspect", model, "--picture", png)
            .succeeds()
            .out()
            .contains("drawn in "));
    assertTrue(ImageIO.read(png.toFile()).getWidth() > 300);
    // What is a picture may be drawn anew.
    CommandLineRun.of("inspect", model, "--picture", png).succeeds();
    CommandLineRun.of("inspect", model, "--picture", svg).succeeds();
    assertEquals(drawn, Files.readString(svg));
  }

  @Test
  void whatIsNoPictureIsKept() throws Exception {
    Path model = trained();
    Path notes = Files.writeString(folder.resolve("notes.svg"), "my notes");
    Path folderOfThatName = Files.createDirectory(folder.resolve("folder.png"));
    for (Path kept : new Path[] {notes, folderOfThatName}) {
      CommandLineRun.of("inspect", model, "--picture", kept)
          .isRefusedWith(2, "which is there and is no picture; needed another file");
    }
    assertEquals("my notes", Files.readString(notes));
    CommandLineRun.of("inspect", model, "--picture", folder.resolve("net.jpg"))
        .isRefusedWith(2, "needed a name that ends in .svg or .png");
    CommandLineRun.of("inspect", model, "--picture", model)
        .isRefusedWith(2, "needed a name that ends in .svg or .png");
    CommandLineRun.of("inspect", model, "--picture", folder.resolve("no/such/folder.svg"))
        .isRefusedWith(1, "folder.svg");
  }

  @Test
  void aStateDictHasNoGraphToDraw() throws Exception {
    Path torch = folder.resolve("torch.safetensors");
    TorchModel.write(TrainedModel.load(trained()), Map.of("recurrent", "gru."), torch);
    Path svg = folder.resolve("net.svg");
    CommandLineRun.of("inspect", torch, "--picture", svg)
        .isRefusedWith(2, "is a state dict, which has no graph to draw");
    assertTrue(Files.notExists(svg));
  }

  @Test
  void cellsAndArchitecturesAreDrawn() throws Exception {
    Path svg = folder.resolve("lstm.svg");
    JsonNode said =
        CommandLineRun.of("inspect", "--cell=LSTM", "--picture", svg, "--json").succeeds().json();
    assertEquals("ifgo", said.get("gates").asText());
    assertEquals(CellPicture.of(CellType.LSTM).file(), Files.readString(svg));
    CommandLineRun.of("inspect", "--architecture=encoder-decoder", "--picture", svg).succeeds();
    assertEquals(
        ArchitecturePicture.of(ArchitecturePicture.Kind.ENCODER_DECODER).file(),
        Files.readString(svg));
    CommandLineRun.of("inspect", "--cell=lstm").isRefusedWith(2, "needed --picture FILE");
    CommandLineRun.of("inspect").isRefusedWith(2, "0 of MODEL, --cell and --architecture");
    CommandLineRun.of("inspect", svg, "--cell=lstm", "--picture", svg)
        .isRefusedWith(2, "2 of MODEL, --cell and --architecture are given; needed one");
    CommandLineRun.of("inspect", "--cell=lstm", "--picture", folder.resolve("a.txt"))
        .isRefusedWith(2, "needed a name that ends in .svg or .png");
  }
}
