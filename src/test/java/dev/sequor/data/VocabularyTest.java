package dev.sequor.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Vocabularies of words and bytes. */
class VocabularyTest {
  private static List<String> pieces(String text) {
    WordVocabulary all = WordVocabulary.of(Text.of("text", text), 1, WordVocabulary.MAX_SIZE);
    return IntStream.of(all.encode("text", text)).mapToObj(all::decode).toList();
  }

  @Test
  void aTextIsCutIntoWordsWithTheirBlanks() {
    assertEquals(List.of("It", " isn't", ",", " ", " he"), pieces("It isn't,  he"));
    assertEquals(List.of("'", "tis", "\u2014", "dogs", "'"), pieces("'tis\u2014dogs'"));
    assertEquals(List.of("a", "\r", "\n", "\t", "b", " "), pieces("a\r\n\tb "));
    assertEquals(List.of("3", ".", "14", " (", "x", "_", "1", ")"), pieces("3.14 (x_1)"));
    assertEquals(
        List.of("e\u0301t\u00e9", " l\u2019\u00e9t\u00e9"),
        pieces("e\u0301t\u00e9 l\u2019\u00e9t\u00e9"));
    assertEquals(List.of("\u6625", "\u7720", " \u4e0d"), pieces("\u6625\u7720 \u4e0d"));
    assertEquals(List.of("x".repeat(64), "x".repeat(6), " y"), pieces("x".repeat(70) + " y"));
    assertEquals(List.of(" ", "\u00a0", "a"), pieces(" \u00a0a"));
  }

  @Test
  void theMostFrequentWordsComeFirstAndTheRestAreUnknown() {
    Text text = Text.of("song", "b a c a b a d e");
    // " a" three times, " b" once and "b" once, all others once, by their characters.
    WordVocabulary two = WordVocabulary.of(text, 1, 3);
    assertEquals(List.of(" a", " b"), two.words());
    assertEquals(3, two.size());
    assertEquals(2, two.unknown());
    assertArrayEquals(new int[] {2, 0, 2, 0, 1, 0, 2, 2}, two.encode("song", "b a c a b a d e"));
    assertEquals("\uFFFD a\uFFFD a b a\uFFFD\uFFFD", two.decode(2, 0, 2, 0, 1, 0, 2, 2));
    assertEquals(List.of(" a"), WordVocabulary.of(text, 2, 100).words());
    assertEquals(
        List.of(" a", " b", " c", " d", " e", "b"), WordVocabulary.of(text, 1, 100).words());
    assertEquals(
        "song: no word occurs 4 times; needed at least 1 that does",
        refusal(() -> WordVocabulary.of(text, 4, 100)));
    assertEquals(
        "minCount is 0; needed at least 1", refusal(() -> WordVocabulary.of(text, 0, 100)));
    assertEquals("maxSize is 1; needed 2 to 1048576", refusal(() -> WordVocabulary.of(text, 1, 1)));
  }

  @Test
  void everyTextOfKnownWordsComesBack() {
    SplittableRandom random = new SplittableRandom(4);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 20_000; i++) {
      text.appendCodePoint(
          random.nextInt(5) > 0 ? random.nextInt(0x20, 0x80) : random.nextInt(0xE000, 0x20000));
    }
    WordVocabulary all =
        WordVocabulary.of(Text.of("text", text.toString()), 1, WordVocabulary.MAX_SIZE);
    assertEquals(text.toString(), all.decode(all.encode("text", text.toString())));
    assertEquals(all, WordVocabulary.ofWords(all.words()));
    assertNotEquals(all, WordVocabulary.ofWords(List.of("a")));
    for (String word : all.words()) {
      assertEquals(word, all.decode(all.token(word)));
    }
  }

  @Test
  void bytesAreTheirOwnTokensAndDecodedAsTheyCome() {
    String text = "a\u00e9\u2014" + Character.toString(0x1F40B);
    int[] tokens = ByteVocabulary.BYTES.encode("text", text);
    byte[] bytes = text.getBytes(UTF_8);
    assertArrayEquals(IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xFF).toArray(), tokens);
    assertEquals(text, ByteVocabulary.BYTES.decode(tokens));
    TextDecoder decoder = ByteVocabulary.BYTES.decoder();
    assertEquals("a", decoder.next('a'));
    assertEquals("", decoder.next(0xC3));
    assertEquals("\u00e9", decoder.next(0xA9));
    assertEquals("", decoder.next(0xF0));
    assertEquals("\uFFFD", decoder.end());
    assertThrows(IllegalArgumentException.class, () -> decoder.next(256));
  }

  @Test
  void whatIsDecodedTokenByTokenIsWhatIsDecodedAtOnce() {
    SplittableRandom random = new SplittableRandom(8);
    for (int i = 0; i < 3000; i++) {
      int[] lead = {0x41, 0x80, 0xBF, 0xC3, 0xE2, 0xE0, 0xED, 0xF0, 0xF4, 0xFF, 0x9F};
      int[] tokens =
          random.ints(random.nextInt(1, 9), 0, lead.length).map(at -> lead[at]).toArray();
      TextDecoder decoder = ByteVocabulary.BYTES.decoder();
      StringBuilder text = new StringBuilder();
      for (int token : tokens) {
        text.append(decoder.next(token));
      }
      assertEquals(ByteVocabulary.BYTES.decode(tokens), text.append(decoder.end()).toString());
    }
  }

  private static String refusal(Runnable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }
}
