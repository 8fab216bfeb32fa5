package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

class AnnotatedTextTest {
  private static List<String> characters(String text) {
    return text.codePoints().mapToObj(Character::toString).toList();
  }

  private static double number(Element element, String name) {
    return Double.parseDouble(element.getAttribute(name));
  }

  private static List<Element> cells(ReadSvg read) {
    // Behind all is the page, and after the text the colours of the legends.
    return read.elements("rect").stream().filter(rect -> number(rect, "height") == 19).toList();
  }

  @Test
  void everyPieceStandsOnItsColour() {
    double[] values = {Double.NaN, 0, 5, 10};
    List<String> titles = List.of("first", "second", "<third>", "fourth");
    ReadSvg read =
        ReadSvg.of(
            AnnotatedText.of("Surprise", List.of("a", " ", "<", "\n"))
                .colours(ColourScale.SEQUENTIAL, 0, 10, "bits", values)
                .titles(titles)
                .row("unit", new double[] {-1, 0, Double.NaN, 1})
                .draw());
    List<Element> cells = cells(read);
    assertEquals(4, cells.size());
    for (int i = 1; i < 4; i++) {
      assertEquals(
          ColourScale.SEQUENTIAL.at(values[i] / 10).hex(), cells.get(i).getAttribute("fill"));
      assertEquals(
          number(cells.get(i - 1), "x") + number(cells.get(i - 1), "width"),
          number(cells.get(i), "x"),
          0.02);
    }
    assertEquals(Ink.PAGE.light().hex(), cells.get(0).getAttribute("fill"));
    List<String> words = read.texts().stream().map(ReadSvg.Text::words).toList();
    assertTrue(words.containsAll(List.of("a", "<", "\u21B5", "unit", "bits")), words::toString);
    assertTrue(read.titles().containsAll(titles), () -> read.titles().toString());
    assertTrue(read.titles().contains("unit, a: −1"), () -> read.titles().toString());
    List<Element> below =
        read.elements("rect").stream().filter(rect -> number(rect, "height") == 13).toList();
    assertEquals(3, below.size());
    assertEquals(ColourScale.DIVERGING.at(0.5).hex(), below.get(1).getAttribute("fill"));
  }

  /** Every piece once, in its order, within the picture; lines end where the text has them. */
  @Test
  void linesAreBrokenWhereThereIsNoMoreRoom() {
    SplittableRandom random = new SplittableRandom(2);
    String letters = "ab W\n\t\u4E2D\u00E9<&\u0007";
    for (int i = 0; i < 60; i++) {
      List<String> pieces = new ArrayList<>();
      for (int n = random.nextInt(1, 300); n > 0; n--) {
        StringBuilder piece = new StringBuilder();
        for (int k = random.nextInt(i % 3 == 0 ? 1 : 0, i % 3 == 0 ? 2 : 6); k > 0; k--) {
          piece.append(letters.charAt(random.nextInt(letters.length())));
        }
        pieces.add(piece.toString());
      }
      double width = random.nextDouble(300, 900);
      AnnotatedText text = AnnotatedText.of("Some text", pieces).width(width);
      for (int row = random.nextInt(3); row > 0; row--) {
        text.row("a row of numbers", new double[pieces.size()]);
      }
      Svg picture = text.draw();
      assertTrue(picture.width() <= width);
      List<Element> cells = cells(ReadSvg.of(picture));
      assertEquals(pieces.size(), cells.size());
      for (int p = 1; p < cells.size(); p++) {
        Element before = cells.get(p - 1);
        Element cell = cells.get(p);
        assertTrue(number(cell, "x") + number(cell, "width") <= picture.width());
        boolean broken = number(cell, "y") > number(before, "y");
        if (pieces.get(p - 1).endsWith("\n") && !pieces.get(p).equals("\n")) {
          assertTrue(broken);
        } else if (!broken) {
          assertEquals(number(before, "x") + number(before, "width"), number(cell, "x"), 0.02);
        }
      }
    }
  }

  @Test
  void aLongTextIsDrawnInPixels() throws IOException {
    List<String> pieces = characters("many letters, ".repeat(160));
    double[] values = new double[pieces.size()];
    Svg picture = AnnotatedText.of("Long", pieces).row("one", values).row("two", values).draw();
    assertTrue(Png.bytes(picture, 1).length > 1000);
  }

  @Test
  void whatIsNoTextIsRefused() {
    refused("there are 0 pieces of text; needed 1 to 5000", () -> AnnotatedText.of("", List.of()));
    refused(
        "there are 5001 pieces of text; needed 1 to 5000",
        () -> AnnotatedText.of("", characters("a".repeat(5001))));
    AnnotatedText text = AnnotatedText.of("", List.of("a", "b"));
    refused("there are 3 numbers; needed 2", () -> text.row("", new double[3]));
    refused("there are 1 titles; needed 2", () -> text.titles(List.of("")));
    refused(
        "the range is 1.0 to 1.0; needed two numbers that rise",
        () -> text.rowColours(ColourScale.DIVERGING, 1, 1, ""));
    refused("width is NaN; needed at least 300", () -> text.width(Double.NaN));
  }

  private static void refused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }
}
