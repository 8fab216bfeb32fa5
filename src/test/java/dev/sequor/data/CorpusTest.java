package dev.sequor.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledForJreRange;
import org.junit.jupiter.api.condition.JRE;
import org.junit.jupiter.api.io.TempDir;

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
    List<String> shuffled =
        Arrays.asList((corpus.training().string() + corpus.heldOut().string()).split("\n"));
    List<String> names = Corpus.unicodeNames();
    assertNotEquals(names, shuffled);
    assertEquals(names.stream().sorted().toList(), shuffled.stream().sorted().toList());
    assertEquals(
        Math.round(names.size() * 0.05),
        corpus.heldOut().string().chars().filter(c -> c == '\n').count());
    assertEquals(corpus.fingerprint(), Corpus.ofUnicodeNames(7, 0.05).fingerprint());
    assertNotEquals(corpus.training().string(), Corpus.ofUnicodeNames(8, 0.05).training().string());
  }

  @Test
  void textIsCutAfterTheFirstCharactersAndNotInsideOne() {
    String whale = Character.toString(0x1F40B);
    Corpus corpus = Corpus.ofText("whales", whale.repeat(20), 0.1);
    assertEquals(whale.repeat(18), corpus.training().string());
    assertEquals(whale.repeat(2), corpus.heldOut().string());
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

  /** As checkpoints have it: both parts in UTF-8 with a zero byte between. */
  @Test
  void theFingerprintOfAFileIsThatOfItsText(@TempDir Path folder) throws Exception {
    String text = ("Ahab \u2014 " + Character.toString(0x1F40B) + "\r\n").repeat(20_000);
    int characters = text.codePointCount(0, text.length());
    int cut = text.offsetByCodePoints(0, (int) Math.floor(characters * (1 - 0.1) + 1e-6));
    byte[] both = (text.substring(0, cut) + "\0" + text.substring(cut)).getBytes(UTF_8);
    String expected = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(both));
    Path file = Files.writeString(folder.resolve("text"), text);
    assertEquals(expected, Corpus.ofText("text", text, 0.1).fingerprint());
    assertEquals(expected, Corpus.of(Text.ofFile(file), 0.1).fingerprint());
    Files.writeString(file, "\uFEFF" + text);
    Corpus marked = Corpus.of(Text.ofFile(file), 0.1);
    assertEquals(expected, marked.fingerprint());
    assertEquals(text.substring(cut), marked.heldOut().string());
  }

  @Test
  void whatIsOpenedAsBytesIsCutByBytes(@TempDir Path folder) throws Exception {
    byte[] bytes = new byte[10_000];
    new SplittableRandom(1).nextBytes(bytes);
    Corpus corpus = Corpus.of(Text.ofBytes(Files.write(folder.resolve("any"), bytes)), 0.1);
    assertArrayEquals(
        IntStream.range(0, 9_000).map(i -> bytes[i] & 0xFF).toArray(),
        ByteVocabulary.BYTES.encode(corpus.training()).toArray());
    assertEquals(1_000, corpus.heldOut().bytes());
    String refusal = assertThrows(IllegalArgumentException.class, corpus::vocabulary).getMessage();
    assertTrue(String.valueOf(refusal).endsWith("needed a text in UTF-8"), refusal);
  }

  @Test
  void fingerprintsTellTextsAndSplitsApart() {
    String text = "abcdefghijklmnopqrst";
    Corpus corpus = Corpus.ofText("a", text, 0.1);
    assertEquals(corpus.fingerprint(), Corpus.ofText("b", text, 0.1).fingerprint());
    assertNotEquals(corpus.fingerprint(), Corpus.ofText("a", text, 0.2).fingerprint());
  }
}
