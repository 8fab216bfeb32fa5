package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.Text;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WordVocabulary;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class ExplainTest {
  private static final String LINE = "the \u201Ccat\u201D, which (at 7) ate,\nwas Full & <b>.\n";

  @TempDir Path folder;

  private Path model(Vocabulary vocabulary, int layers) throws IOException {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(vocabulary.size(), 4).hiddenSize(6).layers(layers).build();
    Path file = folder.resolve(vocabulary.unit() + layers);
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      TrainedModel.of(model, vocabulary).save(file);
    }
    return file;
  }

  private Path model() throws IOException {
    return model(CharacterVocabulary.of(LINE), 1);
  }

  /** Words of the line in any order: where all is repeated, each place is like others. */
  private Path text(int lines) throws IOException {
    SplittableRandom random = new SplittableRandom(lines);
    List<String> words = List.of(LINE.split("(?<=[ \n])", -1));
    StringBuilder text = new StringBuilder();
    while (text.length() < lines * LINE.length()) {
      text.append(words.get(random.nextInt(words.size() - 1)));
    }
    text.setLength(lines * LINE.length());
    return Files.writeString(folder.resolve("text" + lines), text);
  }

  private static JsonNode json(Object... arguments) throws IOException {
    Object[] all = Arrays.copyOf(arguments, arguments.length + 2);
    all[arguments.length] = "--json";
    all[arguments.length + 1] = "--device=java";
    return CommandLineRun.of(all).succeeds().json();
  }

  @Test
  void aShortTextIsToldCharacterByCharacter() throws IOException {
    Path model = model();
    String text = "the \u201Ccat\u201D,\nate";
    JsonNode said = json("explain", model, "--text", text, "--search-on", text(30));
    assertEquals(text.length(), said.get("tokens").size());
    StringBuilder read = new StringBuilder();
    double bits = 0;
    for (JsonNode token : said.get("tokens")) {
      read.append(token.get("text").asText());
      if (token.has("bits")) {
        bits += token.get("bits").asDouble();
        assertEquals(
            Math.pow(2, -token.get("bits").asDouble()), token.get("probability").asDouble(), 1e-12);
        assertEquals(3, token.get("likeliest").size());
      }
    }
    assertEquals(text, read.toString());
    Path file = Files.writeString(folder.resolve("short"), text);
    double judged = json("eval", model, "--text", file).get("bitsPerCharacter").asDouble();
    assertEquals(judged, said.get("bitsPerCharacter").asDouble(), 1e-5);
    assertEquals(judged, bits / (text.length() - 1), 1e-5);
    assertEquals(30 * LINE.length(), said.get("searched").asInt());
    // Even first weights know what was read just now.
    boolean told = false;
    for (JsonNode feature : said.get("features")) {
      told |= feature.get("tells").asBoolean();
      assertTrue(List.of("h", "tanh(c)").contains(feature.get("unit").get("of").asText()));
    }
    assertTrue(told);
    for (JsonNode activation : said.get("activations")) {
      assertEquals(text.length(), activation.get("values").size());
    }
    CommandLineRun words =
        CommandLineRun.of("explain", model, "--text", text, "--device=java").succeeds();
    assertEquals(
        1 + text.length() - 1,
        words.out().lines().takeWhile(l -> !l.contains("units that tell")).count());
    assertTrue(words.out().contains("\u21B5  "), words.out());
    assertTrue(words.err().contains("which are few; --search-on FILE takes more"), words.err());
    // The same from a file.
    assertEquals(said, json("explain", model, "--file", file, "--search-on", text(30)));
  }

  @Test
  void aPageAndAPictureShowIt() throws Exception {
    Path model = model();
    Path page = folder.resolve("page.html");
    Path picture = folder.resolve("picture.svg");
    for (int i = 0; i < 2; i++) { // the second time in their places
      CommandLineRun.of(
              "explain",
              model,
              "--file",
              text(40),
              "--report",
              page,
              "--picture",
              picture,
              "--device=java")
          .succeeds();
    }
    Document document = parsed(Files.readString(page).replace("<!DOCTYPE html>", ""));
    assertEquals(2, document.getElementsByTagName("table").getLength());
    assertEquals(1, document.getElementsByTagName("svg").getLength());
    String words = Files.readString(page);
    int all = 40 * LINE.length();
    assertTrue(
        words.contains(
            "Of " + String.format(Locale.ROOT, "%,d", all) + " characters the first 1,000"));
    assertTrue(words.contains("position in the line"));
    assertEquals("svg", parsed(Files.readString(picture)).getDocumentElement().getTagName());
  }

  private static Document parsed(String xml) throws Exception {
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(xml)));
  }

  @Test
  void wordsAndBytesAreToldToo() throws IOException {
    Path text = text(30);
    Path words = model(WordVocabulary.of(Text.ofFile(text), 2, 50), 2);
    JsonNode said = json("explain", words, "--text", "the cat ate zebras\n", "--search-on", text);
    assertEquals("the", said.get("tokens").get(0).get("text").asText());
    assertTrue(said.has("bitsPerWord"));
    CommandLineRun printed =
        CommandLineRun.of("explain", words, "--file", text, "--device=java").succeeds();
    assertTrue(printed.out().contains("layer "), printed.out());
    Path bytes = model(ByteVocabulary.BYTES, 1);
    said = json("explain", bytes, "--text", "\u201Ca\u201D");
    assertEquals(7, said.get("tokens").size());
    assertEquals("", said.get("tokens").get(0).get("text").asText());
    assertEquals("\u201C", said.get("tokens").get(2).get("text").asText());
  }

  @Test
  void whatCannotBeIsRefused() throws IOException {
    Path model = model();
    CommandLineRun.of("explain", model).isRefusedWith(2, "needed --text TEXT or --file FILE");
    CommandLineRun.of("explain", model, "--text", "at", "--file", text(1))
        .isRefusedWith(2, "--text and --file are given; needed one of both");
    CommandLineRun.of("explain", model, "--text", "a")
        .isRefusedWith(2, "--text: holds 1 characters; needed at least 2");
    CommandLineRun.of("explain", model, "--text", "").isRefusedWith(2, "--text: holds 0 ");
    CommandLineRun.of("explain", model, "--text", "a zebra")
        .isRefusedWith(2, "--text: character 'z' (U+007A) at line 1, column 3");
    CommandLineRun.of("explain", model, "--file", folder.resolve("none")).isRefusedWith(2, "none");
    CommandLineRun.of("explain", text(1), "--text", "at").isRefusedWith(2, text(1).toString());
    Path mine = Files.writeString(folder.resolve("mine.html"), "mine");
    CommandLineRun.of("explain", model, "--text", "at", "--report", mine)
        .isRefusedWith(2, "is no page of this program");
    Path svg = Files.writeString(folder.resolve("mine.svg"), "mine");
    CommandLineRun.of("explain", model, "--text", "at", "--picture", svg)
        .isRefusedWith(2, "is no picture");
    assertEquals("mine", Files.readString(mine));
    assertEquals("mine", Files.readString(svg));
    assertFalse(Files.exists(folder.resolve("none")));
  }

  /** A text of two characters has no feature at all. */
  @Test
  void theShortestTextIsTold() throws IOException {
    JsonNode said = json("explain", model(), "--text", "tt");
    assertEquals(2, said.get("tokens").size());
    for (JsonNode feature : said.get("features")) {
      assertFalse(feature.get("tells").asBoolean());
    }
  }
}
