package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

class DiagnoseTest {
  private static final String TEXT = "the cat, which already ate, was full. ".repeat(20);

  @TempDir Path folder;

  private Path model() throws IOException {
    CharacterVocabulary vocabulary = CharacterVocabulary.of(TEXT);
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 4).hiddenSize(6).layers(2).build();
    Path file = folder.resolve("model");
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      TrainedModel.of(model, vocabulary).save(file);
    }
    return file;
  }

  private Path text() throws IOException {
    return Files.writeString(folder.resolve("text.txt"), TEXT);
  }

  @Test
  void aModelOfTextIsLookedAt() throws Exception {
    Path page = folder.resolve("page.html");
    JsonNode said =
        CommandLineRun.of(
                "diagnose",
                model(),
                "--text",
                text(),
                "--steps=30",
                "--sequences=3",
                "--report",
                page,
                "--device=java",
                "--json")
            .succeeds()
            .json();
    JsonNode layers = said.get("models").get(0).get("layers");
    assertEquals(2, layers.size());
    for (JsonNode layer : layers) {
      assertEquals(30, layer.get("gradientNorms").size());
      assertTrue(layer.get("gradientNorms").get(29).asDouble() > 0);
      assertEquals(4, layer.get("gates").size());
    }
    assertEquals("last-step", said.get("of").asText());
    // Once more, in its place, with the figures of the table and a line for each layer.
    CommandLineRun.of(
            "diagnose", model(), "--text", text(), "--steps=30", "--report", page, "--device=java")
        .succeeds();
    Document document = parsed(Files.readString(page));
    assertEquals(1, document.getElementsByTagName("svg").getLength());
    NodeList paths = document.getElementsByTagName("path");
    assertTrue(paths.getLength() + document.getElementsByTagName("polyline").getLength() >= 2);
    assertEquals(3, document.getElementsByTagName("table").getLength());
    assertTrue(Files.readString(page).contains("layer 2"));
  }

  private static Document parsed(String html) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
    return factory
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(html.replace("<!DOCTYPE html>", ""))));
  }

  @Test
  void sequencesThatClippingCutsAreCounted() throws IOException {
    Path directory = folder.resolve("trained");
    List<Object> train =
        new ArrayList<>(List.of("train", "--text", text(), "--out", directory, "--clip=0.25"));
    train.addAll(EveryCommand.smallest());
    CommandLineRun.of(train.toArray()).succeeds();
    List<Object> diagnose =
        new ArrayList<>(
            List.of("diagnose", directory, "--text", text(), "--steps=20", "--device=java"));
    CommandLineRun words = CommandLineRun.of(diagnose.toArray()).succeeds();
    assertTrue(words.out().contains(" of 8 above the bound of 0.25"), words.out());
    diagnose.add("--json");
    JsonNode gradients = gradients(CommandLineRun.of(diagnose.toArray()));
    assertEquals(8, gradients.get("norms").size());
    assertEquals(0.25, gradients.get("clipNorm").asDouble());
    int above = 0;
    double largest = 0;
    for (JsonNode norm : gradients.get("norms")) {
      above += norm.asDouble() > 0.25 ? 1 : 0;
      largest = Math.max(largest, norm.asDouble());
    }
    assertEquals(above, gradients.get("clippedByNorm").asInt());
    diagnose.add("--clip=" + (float) (largest * 0.999));
    gradients = gradients(CommandLineRun.of(diagnose.toArray()));
    assertTrue(gradients.get("clippedByNorm").asInt() >= 1, gradients::toString);
    assertTrue(gradients.get("clippedByNorm").asInt() < 8, gradients::toString);
    // Of new models there is no bound but the one that is given.
    List<Object> cells = List.of("diagnose", "--cell=lstm", "--steps=9", "--device=java", "--json");
    assertFalse(gradients(CommandLineRun.of(cells.toArray())).has("clipNorm"));
  }

  private static JsonNode gradients(CommandLineRun run) throws IOException {
    return run.succeeds().json().get("models").get(0).get("gradients");
  }

  /** What the course says of the three, by their first weights alone. */
  @Test
  void plainCellsForgetWhereGatesAreOpen() throws IOException {
    JsonNode said =
        CommandLineRun.of(
                "diagnose",
                "--cell=rnn-tanh,lstm,gru-reset-before",
                "--steps=60",
                "--hidden=32",
                "--device=java",
                "--json")
            .succeeds()
            .json();
    assertEquals(3, said.get("models").size());
    for (JsonNode model : said.get("models")) {
      JsonNode norms = model.get("layers").get(0).get("gradientNorms");
      assertEquals(60, norms.size());
      assertTrue(norms.get(0).asDouble() < norms.get(59).asDouble(), norms::toString);
    }
    CommandLineRun words =
        CommandLineRun.of("diagnose", "--cell=lstm", "--steps=12", "--hidden=3", "--device=java");
    words.succeeds();
    assertTrue(words.out().contains("lstm  0: "), words.out());
    assertTrue(words.out().contains("gate f  mean 0."), words.out());
    JsonNode forget = said.get("models").get(1).get("layers").get(0).get("gates").get(1);
    assertEquals("f", forget.get("name").asText());
    // Its bias begins at 1, whose logistic function is 0.73.
    assertEquals(0.73, forget.get("mean").asDouble(), 0.05);
  }

  @Test
  void theNormsAreDrawnAlone() throws Exception {
    Path svg = folder.resolve("norms.svg");
    CommandLineRun run =
        CommandLineRun.of(
            "diagnose", "--cell=rnn-tanh,lstm", "--steps=20", "--picture", svg, "--device=java");
    run.succeeds();
    String drawn = Files.readString(svg);
    assertTrue(drawn.contains("data-series=\"rnn-tanh\""), drawn);
    assertTrue(drawn.contains("rnn-tanh: 20 points"), drawn);
    assertTrue(drawn.contains("lstm: 20 points"), drawn);
    CommandLineRun.of("diagnose", "--cell=lstm", "--picture", folder.resolve("norms.pdf"))
        .isRefusedWith(2, "needed a name that ends in .svg or .png");
  }

  @Test
  void whatCannotBeIsRefused() throws IOException {
    CommandLineRun.of("diagnose").isRefusedWith(2, "needed MODEL with --text FILE, or --cell CELL");
    Path model = model();
    CommandLineRun.of("diagnose", model).isRefusedWith(2, "a model of text; needed --text FILE");
    CommandLineRun.of("diagnose", model, "--cell=lstm", "--text", text())
        .isRefusedWith(2, "--cell is given with MODEL; needed one of both");
    CommandLineRun.of("diagnose", "--cell=lstm", "--text", text())
        .isRefusedWith(2, "--text is given without MODEL");
    Path few = Files.writeString(folder.resolve("few.txt"), "the cat");
    CommandLineRun.of("diagnose", model, "--text", few)
        .isRefusedWith(2, "holds 7 characters; --steps 100 needs 101");
    CommandLineRun.of("diagnose", few, "--text", few).isRefusedWith(2, few.toString());
    Path page = Files.writeString(folder.resolve("mine.html"), "<html>mine</html>");
    CommandLineRun.of("diagnose", "--cell=lstm", "--report", page)
        .isRefusedWith(2, "is no page of this program");
    assertEquals("<html>mine</html>", Files.readString(page));
    CommandLineRun.of("diagnose", "--cell=lstm", "--report", folder.resolve("page.txt"))
        .isRefusedWith(2, "needed a name that ends in .html");
    CommandLineRun.of("diagnose", "--cell=lstm", "--report", folder.resolve("no/page.html"))
        .isRefusedWith(2, "needed a folder that is there");
    Network none = Network.builder().vectors("x", 2).add("y", new Linear(2, 3), "x").build();
    Path other = folder.resolve("other");
    try (Backend backend = Devices.open("java");
        SequenceModel bare =
            new SequenceModel(
                backend, new NetworkModelSpec(none, new Loss.MeanSquaredError()), 1)) {
      TrainedModel.of(bare).save(other);
    }
    CommandLineRun.of("diagnose", other, "--text", text()).isRefusedWith(2, other.toString());
  }
}
