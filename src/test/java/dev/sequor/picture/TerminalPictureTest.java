package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Element;

class TerminalPictureTest {
  private static final String ESC = "\033";

  private static List<TerminalLine.Run> runs(String line) {
    return TerminalLine.of(line, "$ ").runs();
  }

  private static TerminalLine.Run run(int column, int columns, String words, Ink ink) {
    return new TerminalLine.Run(column, columns, words, new TerminalLine.Style(ink, false));
  }

  @Test
  void wordsKeepTheirColumns() {
    assertEquals(
        List.of(run(2, 3, "a b", Ink.TEXT), run(8, 1, "c", Ink.TEXT)), runs("  a b   c  "));
    assertEquals(List.of(run(0, 1, "a", Ink.TEXT), run(8, 1, "b", Ink.TEXT)), runs("a\tb"));
    assertEquals(List.of(), runs("   "));
    assertEquals(List.of(run(0, 5, "日本x", Ink.TEXT)), runs("日本x"));
    assertEquals(List.of(run(0, 2, "e\u0301x", Ink.TEXT)), runs("e\u0301x"));
  }

  @Test
  void coloursAreFollowedAndOtherSequencesLeftOut() {
    assertEquals(
        List.of(run(0, 3, "red", Ink.WARNING), run(4, 5, "plain", Ink.TEXT)),
        runs(ESC + "[31mred" + ESC + "[0m " + ESC + "[2Kplain" + ESC + "]0;title\007"));
    assertEquals(List.of(run(0, 1, "a", Ink.SERIES_3)), runs(ESC + "[38;5;200;32ma"));
    assertEquals(new TerminalLine.Style(Ink.SERIES_1, true), runs(ESC + "[1;34ma").get(0).style());
  }

  @Test
  void whatWasWrittenOverIsGone() {
    assertEquals(List.of(run(0, 3, "100", Ink.TEXT)), runs(" 10\r 50\r100"));
    assertEquals(List.of(run(0, 3, "xbc", Ink.TEXT)), runs("abc\rx"));
  }

  @Test
  void whatWasTypedStandsOut() {
    List<TerminalLine.Run> runs = runs("$ ./sequor train");
    assertEquals("$", runs.get(0).words());
    assertEquals(Ink.FAINT, runs.get(0).style().ink());
    assertEquals(2, runs.get(1).column());
    assertEquals("./sequor train", runs.get(1).words());
    assertTrue(runs.get(1).style().bold());
  }

  @Test
  void longLinesGoOnInTheNext() {
    Svg picture = TerminalPicture.of("a title", List.of("x".repeat(45), "", "日".repeat(11)), 20);
    List<String> words =
        ReadSvg.of(picture).elements("text").stream().map(Element::getTextContent).toList();
    assertEquals(
        List.of("x".repeat(20), "x".repeat(20), "xxxxx", "日".repeat(10), "日"),
        words.subList(1, words.size()));
    assertThrows(IllegalArgumentException.class, () -> TerminalPicture.of("", List.of(), 19));
  }

  /** Whatever a program writes: every picture is XML, and no character leaves its line. */
  @Test
  void anyBytesMakeAPicture() {
    SplittableRandom random = new SplittableRandom(5);
    String alphabet = "ab <>&\"'\t\r\033[]0;31mK\007\u202eé日🐋\u0301\000\ud800";
    for (int i = 0; i < 500; i++) {
      StringBuilder line = new StringBuilder();
      int length = random.nextInt(60);
      for (int c = 0; c < length; c++) {
        line.append(alphabet.charAt(random.nextInt(alphabet.length())));
      }
      Svg picture = TerminalPicture.of("t", List.of(line.toString()), 20);
      for (Element text : ReadSvg.of(picture).elements("text")) {
        String wide = text.getAttribute("textLength");
        double end =
            Double.parseDouble(text.getAttribute("x"))
                + (wide.isEmpty() ? 0 : Double.parseDouble(wide));
        assertTrue(end <= picture.width() - 13, line::toString);
      }
    }
  }
}
