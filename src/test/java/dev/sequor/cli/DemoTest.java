package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import javax.xml.XMLConstants;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class DemoTest {
  @TempDir Path folder;

  private static Document parsed(Path page) throws Exception {
    DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
    factory.setFeature(XMLConstants.FEATURE_SECURE_PROCESSING, true);
    String html = Files.readString(page).replace("<!DOCTYPE html>", "");
    return factory.newDocumentBuilder().parse(new InputSource(new StringReader(html)));
  }

  private static String agreement(Object... more) {
    Object[] all = new Object[6 + more.length];
    Object[] usual = {"demo", "agreement", "--steps=9", "--hidden=4", "--device=java", "--json"};
    System.arraycopy(usual, 0, all, 0, usual.length);
    System.arraycopy(more, 0, all, usual.length, more.length);
    return CommandLineRun.of(all).succeeds().out();
  }

  @Test
  void agreementIsTheSameForTheSameSeed() {
    String said = agreement("--distances=5,7", "--seed=3");
    assertEquals(said, agreement("--distances=5,7", "--seed=3"));
    assertFalse(said.equals(agreement("--distances=5,7", "--seed=4")));
  }

  @Test
  void agreementSaysAllThatItFound() throws Exception {
    Path page = folder.resolve("page.html");
    CommandLineRun run =
        CommandLineRun.of(
            "demo",
            "agreement",
            "--distances=5,7,9",
            "--steps=9",
            "--hidden=4",
            "--seed=3",
            "--device=java",
            "--report",
            page,
            "--json");
    JsonNode said = run.succeeds().json();
    assertEquals("[5,7,9]", said.get("distances").toString());
    assertEquals(3, said.get("seed").asInt());
    for (String cell : new String[] {"rnn-tanh", "gru-reset-before", "lstm"}) {
      assertEquals(3, said.get("accuracy").get(cell).size());
      assertEquals(11, said.get("gradientNorms").get("untrained").get(cell).size());
      assertTrue(run.err().contains(cell + ", 7 words between: "), run.err());
    }
    // So few updates teach nothing, and it says so.
    assertFalse(said.has("longestSolved"));
    assertTrue(said.get("verdict").asText().contains("at none of the distances"));
    for (String way : new String[] {"withClipping", "withoutClipping"}) {
      JsonNode course = said.get("exploding").get(way);
      int steps = course.get("loss").size();
      assertEquals(steps, course.get("gradientNorm").size());
      assertEquals(course.get("diverged").asBoolean(), steps < 9);
    }
    assertEquals(page.toString(), said.get("report").asText());
    Document document = parsed(page);
    assertEquals(5, document.getElementsByTagName("svg").getLength());
    assertEquals(1, document.getElementsByTagName("table").getLength());
  }

  @Test
  void agreementNamesTheLongestDistanceThatIsLearned() throws IOException {
    Object[] arguments = {
      "demo", "agreement", "--distances=5", "--steps=250", "--hidden=16", "--device=java"
    };
    CommandLineRun words = CommandLineRun.of(arguments).succeeds();
    assertTrue(
        words.out().contains("both learn (at least 95 % right) is 5 words; the plain RNN"),
        words.out());
    assertTrue(words.out().contains("clipped at norm 1.0  largest norm"), words.out());
  }

  @Test
  void cellsAreComparedOnAText() throws Exception {
    Path text =
        Files.writeString(folder.resolve("text.txt"), "to be or not to be, \u00e9\n".repeat(99));
    Path page = folder.resolve("page.html");
    Object[] arguments = {
      "demo", "cells", "--text", text, "--steps=3", "--hidden=4", "--device=java", "--report", page
    };
    CommandLineRun words = CommandLineRun.of(arguments).succeeds();
    assertTrue(words.out().contains("As many units each: 4"), words.out());
    assertTrue(words.out().contains("lstm-peephole "), words.out());
    assertEquals(4, parsed(page).getElementsByTagName("svg").getLength());
    JsonNode said =
        CommandLineRun.of(
                "demo",
                "cells",
                "--text",
                text,
                "--steps=3",
                "--hidden=4",
                "--device=java",
                "--json")
            .succeeds()
            .json();
    for (String way : new String[] {"equalUnits", "equalParameters"}) {
      assertEquals(6, said.get(way).size());
      for (JsonNode cell : said.get(way)) {
        assertTrue(cell.get("heldOutBitsPerCharacter").asDouble() > 0);
        assertTrue(cell.get("medianStepSeconds").asDouble() > 0);
        assertEquals(3, cell.get("trainBitsPerCharacter").size());
      }
    }
    assertEquals(4, said.get("equalUnits").get("lstm").get("hidden").asInt());
    assertTrue(said.get("equalParameters").get("rnn-tanh").get("hidden").asInt() > 4);
  }

  @Test
  void clippingAloneIsThatOfAgreement() throws Exception {
    Object[] arguments = {
      "demo", "clipping", "--steps=9", "--hidden=4", "--seed=3", "--device=java", "--json"
    };
    JsonNode alone = CommandLineRun.of(arguments).succeeds().json();
    JsonNode beside = new ObjectMapper().readTree(agreement("--distances=5", "--seed=3"));
    assertEquals(beside.get("exploding"), alone);
  }

  @Test
  void aPictureIsDrawnAlone() throws IOException {
    Path picture = folder.resolve("picture.svg");
    agreement("--distances=5,7", "--picture", picture);
    assertTrue(Files.readString(picture).contains("Right, by distance"));
  }

  /** The defaults would take minutes. */
  @Test
  void whatCannotBeIsRefusedBeforeAnythingIsTrained() throws IOException {
    Path mine = Files.writeString(folder.resolve("mine.html"), "<html>mine</html>");
    for (String demo : new String[] {"agreement", "clipping", "cells"}) {
      CommandLineRun.of("demo", demo, "--report", mine)
          .isRefusedWith(2, "is no page of this program");
      assertEquals("<html>mine</html>", Files.readString(mine));
      CommandLineRun.of("demo", demo, "--report", folder.resolve("page.txt"))
          .isRefusedWith(2, "needed a name that ends in .html");
      CommandLineRun.of("demo", demo, "--report", folder.resolve("no/page.html"))
          .isRefusedWith(2, "needed a folder that is there");
      CommandLineRun.of("demo", demo, "--steps=0").isRefusedWith(2, "--steps is 0; needed");
      CommandLineRun.of("demo", demo, "--json", "--device=cuda:99").isRefusedWith(3, "cuda:99");
    }
    CommandLineRun.of("demo", "agreement", "--distances=9,5")
        .isRefusedWith(2, "'9,5' was given; needed rising whole numbers, 5 to 500");
    Path few = Files.writeString(folder.resolve("few.txt"), "too few");
    CommandLineRun.of("demo", "cells", "--text", few, "--device=java").isRefusedWith(2, "few.txt");
    CommandLineRun.of("demo", "trees").isRefusedWith(2, "unknown command 'trees'");
    CommandLineRun.of("demo", "cels").isRefusedWith(2, "cells");
  }
}
