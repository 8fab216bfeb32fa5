package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SvgTest {
  private static Svg saying(String words) {
    return new Svg(10, 10, words, words, List.of(SvgElement.text(1, 1, 1, words).titled(words)));
  }

  /** Of each block of characters; those that no document may hold become the same replacement. */
  @Test
  void everyCharacterComesBackOrIsReplaced() {
    for (int block = 0; block <= Character.MAX_CODE_POINT >> 8; block++) {
      if (block > 0x2FF && block < 0x10FF && block % 37 != 0) {
        continue; // Of the planes that hold nothing yet some are enough.
      }
      StringBuilder all = new StringBuilder();
      StringBuilder expected = new StringBuilder();
      for (int c = block << 8; c < (block + 1) << 8; c++) {
        boolean allowed =
            (c >= 0x20 || c == '\t' || c == '\n')
                && (c < 0x7F || c > 0x9F)
                && (c < 0xD800 || c > 0xDFFF)
                && (c < 0xFDD0 || c > 0xFDEF)
                && (c & 0xFFFE) != 0xFFFE;
        all.appendCodePoint(c).append('.');
        expected.appendCodePoint(allowed ? c : 0xFFFD).append('.');
      }
      ReadSvg read = ReadSvg.of(saying(all.toString()));
      assertEquals(expected.toString(), read.texts().get(0).words());
      assertEquals(expected.toString(), read.titles().get(0));
      assertEquals(
          (expected + ". " + expected).replace('\n', ' ').replace('\t', ' '),
          read.root().getAttribute("aria-label").replace('\n', ' ').replace('\t', ' '));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "</text><script>alert(1)</script>",
        "\"' onload='alert(1)",
        "]]>",
        "<!-- -->",
        "&lt;",
        "<?xml?>",
        "--></title>"
      })
  void wordsStayWords(String words) {
    ReadSvg read = ReadSvg.of(saying(words));
    assertEquals(words, read.texts().get(0).words());
    assertTrue(read.elements("script").isEmpty());
    assertEquals(List.of("img"), List.of(read.root().getAttribute("role")));
  }

  @Test
  void numbersAreWrittenAlikeEverywhere() {
    Locale before = Locale.getDefault();
    try {
      for (String locale : List.of("en", "de", "ar-EG-u-nu-arab", "hi-IN-u-nu-deva")) {
        Locale.setDefault(Locale.forLanguageTag(locale));
        assertEquals("1234567.89", Numbers.plain("x", 1234567.891));
        assertEquals("0", Numbers.plain("x", -1e-9));
        assertEquals("0.01", Numbers.plain("x", 0.005));
        assertEquals("-100000000", Numbers.plain("x", -1e8));
        assertEquals(List.of("1,000", "1,500"), TickLabels.of(decimals(1000, 1500)));
        assertEquals("#00ff7f", new Rgb(0, 255, 127).hex());
      }
    } finally {
      Locale.setDefault(before);
    }
    for (double number : new double[] {Double.NaN, Double.POSITIVE_INFINITY, 1e10}) {
      assertThrows(IllegalArgumentException.class, () -> Numbers.plain("x", number));
    }
  }

  private static List<java.math.BigDecimal> decimals(double... values) {
    return java.util.Arrays.stream(values).mapToObj(java.math.BigDecimal::new).toList();
  }

  @Test
  void nothingThatRunsOrLoadsCanBePutIn() {
    for (String element : List.of("script", "image", "use", "foreignObject", "a", "style", "G")) {
      assertThrows(IllegalArgumentException.class, () -> SvgElement.of(element));
    }
    for (String attribute : List.of("onclick", "href", "style", "xlink:href", "x y", "", "1x")) {
      assertThrows(
          IllegalArgumentException.class, () -> SvgElement.of("g").with(attribute, "x"), attribute);
    }
  }

  @Test
  void sizesAreAboveZero() {
    for (double size : new double[] {0, -1, Double.NaN, Double.POSITIVE_INFINITY}) {
      assertThrows(IllegalArgumentException.class, () -> new Svg(size, 1, "title", "", List.of()));
    }
  }

  /** In a page the namespace, the only address there is, is not needed. */
  @Test
  void nothingComesFromElsewhere() {
    Svg picture = saying("words");
    assertFalse(picture.inline().contains("//"));
    assertEquals(1, picture.file().split("//", -1).length - 1);
    assertTrue(picture.file().contains("xmlns=\"http://www.w3.org/2000/svg\""));
  }
}
