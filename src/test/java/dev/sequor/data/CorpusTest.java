package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;

class CorpusTest {
  @Test
  @EnabledForJreRange(min = JRE.JAVA_17, max = JRE.JAVA_17)
  void java17KnowsThisManyNames() {
    List<String> names = Corpus.unicodeNames();
    assertEquals(31_818, names.size());
    assertEquals(843_169, names.stream().mapToInt(name -> name.length() + 1).sum());
  }

  @Test
  void namesOfControlCharactersAndIdeographsAreLeftOut() {
    List<String> names = Corpus.unicodeNames();
    assertEquals("SPACE", names.get(0));
    assertTrue(names.contains("LATIN SMALL LETTER A"));
    assertTrue(names.stream().noneMatch(name -> name.contains("IDEOGRAPHS 4E")));
    assertTrue(names.stream().noneMatch("LINE FEED (LF)"::equals));
  }

  @Test
  void theSeedShufflesTheNamesWithoutLosingAny() {
    Corpus corpus = Corpus.ofUnicodeNames(7, 0.05);
    List<String> shuffled = Arrays.asList((corpus.training() + corpus.heldOut()).split("\n"));
    List<String> names = Corpus.unicodeNames();
    assertNotEquals(names, shuffled);
    assertEquals(names.stream().sorted().toList(), shuffled.stream().sorted().toList());
    assertEquals(
        Math.round(names.size() * 0.05), corpus.heldOut().chars().filter(c -> c == '\n').count());
    assertEquals(corpus, Corpus.ofUnicodeNames(7, 0.05));
    assertNotEquals(corpus.training(), Corpus.ofUnicodeNames(8, 0.05).training());
  }

  @Test
  void textIsCutAfterTheFirstCharactersAndNotInsideOne() {
    String whale = Character.toString(0x1F40B);
    Corpus corpus = Corpus.ofText("whales", whale.repeat(20), 0.1);
    assertEquals(whale.repeat(18), corpus.training());
    assertEquals(whale.repeat(2), corpus.heldOut());
  }

  @Test
  void partsThatHoldNothingToPredictAreRefused() {
    assertEquals(
        "note: the held-out part has 1 characters; needed at least 2",
        assertThrows(IllegalArgumentException.class, () -> Corpus.ofText("note", "abcdefghij", 0.1))
            .getMessage());
    for (double fraction : new double[] {0, 1, -0.1, Double.NaN}) {
      assertThrows(
          IllegalArgumentException.class, () -> Corpus.ofText("note", "abcdefghij", fraction));
    }
  }

  @Test
  void fingerprintsTellTextsAndSplitsApart() {
    String text = "abcdefghijklmnopqrst";
    Corpus corpus = Corpus.ofText("a", text, 0.1);
    assertEquals(corpus.fingerprint(), Corpus.ofText("b", text, 0.1).fingerprint());
    assertNotEquals(corpus.fingerprint(), Corpus.ofText("a", text, 0.2).fingerprint());
  }
}
