package dev.sequor.data;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Texts in files: any position is what it is in the whole text. */
class TextTest {
  @TempDir Path folder;

  private Path file(String text) throws IOException {
    return Files.writeString(folder.resolve("text"), text);
  }

  /** Characters of one to four bytes, words, apostrophes, blanks and line ends of both kinds. */
  private static String random(long seed, int characters) {
    SplittableRandom random = new SplittableRandom(seed);
    String alphabet = "abc'd  e\r\n\t.,1\u00e9\u0301\u2014\u6625\u00a0\u2019" + whale() + "x\uFEFF";
    int[] all = alphabet.codePoints().toArray();
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < characters; i++) {
      text.appendCodePoint(all[random.nextInt(all.length)]);
    }
    return text.toString();
  }

  private static String whale() {
    return Character.toString(0x1F40B);
  }

  /** Sizes around a block of tokens, and around a chunk that is read at once. */
  static Stream<String> texts() {
    List<String> texts = new ArrayList<>(List.of("a", whale(), "a\n", "\r\n"));
    for (int size : new int[] {4095, 4096, 4097, 8192, 8193, 70_001}) {
      texts.add(random(size, size));
    }
    texts.add("e".repeat(1 << 18) + whale().repeat(5000)); // no blank; a chunk exactly
    texts.add("e".repeat((1 << 18) - 2) + whale().repeat(5000));
    texts.add("\u00e9'".repeat(100_000)); // runs of letters with apostrophes only
    texts.add(" ".repeat(5000) + "x");
    return texts.stream();
  }

  private static void assertTokens(int[] expected, Tokens tokens, long seed) {
    assertEquals(expected.length, tokens.size());
    assertArrayEquals(expected, tokens.toArray());
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < 50; i++) {
      int from = random.nextInt(expected.length);
      int count = random.nextInt(Math.min(expected.length - from, 9000) + 1);
      int[] into = new int[count + 2];
      tokens.copy(from, into, 1, count);
      assertArrayEquals(
          Arrays.copyOfRange(expected, from, from + count), Arrays.copyOfRange(into, 1, count + 1));
      assertEquals(0, into[0] + into[count + 1]);
    }
    int n = expected.length;
    assertThrows(IndexOutOfBoundsException.class, () -> tokens.copy(n, new int[1], 0, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> tokens.copy(-1, new int[1], 0, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> tokens.copy(0, new int[0], 0, 1));
    assertThrows(IndexOutOfBoundsException.class, () -> tokens.slice(0, n + 1L));
  }

  @ParameterizedTest(name = "text {index}")
  @MethodSource("texts")
  void everyPositionOfAFileIsThatOfTheWholeTextWhateverTheUnit(String text) throws IOException {
    Text whole = Text.ofFile(file(text.startsWith("\uFEFF") ? "\uFEFF" + text : text));
    int characters = text.codePointCount(0, text.length());
    assertEquals(characters, whole.characters());
    assertEquals(text.getBytes(UTF_8).length, whole.bytes());
    CharacterVocabulary known = CharacterVocabulary.of(text);
    assertEquals(known, CharacterVocabulary.of(whole));
    List<Vocabulary> vocabularies =
        List.of(known, ByteVocabulary.BYTES, WordVocabulary.of(whole, 1, 50));
    int cut = characters * 9 / 10;
    int at = text.offsetByCodePoints(0, cut);
    for (Vocabulary vocabulary : vocabularies) {
      assertTokens(vocabulary.encode("text", text), vocabulary.encode(whole), 1);
      assertTokens(vocabulary.encode("text", text), vocabulary.encode(Text.of("text", text)), 2);
      assertEquals(text.substring(at), whole.part(cut, characters).string());
      if (cut > 0) {
        assertTokens(
            vocabulary.encode("text", text.substring(0, at)),
            vocabulary.encode(whole.part(0, cut)),
            3);
        assertTokens(
            vocabulary.encode("text", text.substring(at)),
            vocabulary.encode(whole.part(cut, characters)),
            4);
      }
    }
  }

  @Test
  void windowsOfAFileAreThoseOfMemory() throws IOException {
    String text = random(5, 50_000);
    Text whole = Text.ofFile(file(text));
    for (Vocabulary vocabulary :
        List.of(
            CharacterVocabulary.of(whole),
            ByteVocabulary.BYTES,
            WordVocabulary.of(whole, 2, 100))) {
      for (int newSteps : new int[] {7, 3}) {
        TokenStreams file = new TokenStreams(vocabulary.encode(whole), 600, 7, newSteps);
        TokenStreams memory = new TokenStreams(vocabulary.encode("text", text), 600, 7, newSteps);
        assertEquals(memory.windowsPerEpoch(), file.windowsPerEpoch());
        for (long index = 0; index < file.windowsPerEpoch(); index++) {
          Window expected = memory.window(0, index);
          Window window = file.window(1, index);
          assertEquals(expected.advance(), window.advance());
          assertArrayEquals(
              ((Values.Tokens) expected.inputValues()).ids(),
              ((Values.Tokens) window.inputValues()).ids());
          assertArrayEquals(
              ((Values.Tokens) expected.targetValues()).ids(),
              ((Values.Tokens) window.targetValues()).ids());
        }
      }
    }
  }

  @Test
  void aFileThatIsChangedWhileItIsInUseIsRefusedWhereverItIs() throws IOException {
    byte[] bytes = random(9, 20_000).getBytes(UTF_8);
    for (int at : new int[] {0, 5_000, bytes.length - 1}) {
      Path file = Files.write(folder.resolve("text"), bytes);
      Tokens tokens = ByteVocabulary.BYTES.encode(Text.ofFile(file));
      byte[] changed = bytes.clone();
      changed[at] ^= 1;
      Files.write(file, changed);
      int from = at / 4096 * 4096;
      assertEquals(
          file
              + ": was changed while it is in use, between offsets "
              + from
              + " and "
              + Math.min(from + 4096, bytes.length)
              + "; needed the file as it was",
          refusal(() -> tokens.copy(at, new int[1], 0, 1)));
      tokens.copy((at + 8192) % bytes.length, new int[1], 0, 1); // Elsewhere it is as it was.
    }
  }

  @Test
  void aFileThatHasBecomeShorterOrIsGoneIsRefusedAndOneThatGrowsIsNot() throws IOException {
    String text = random(9, 20_000);
    Path file = file(text);
    Text whole = Text.ofFile(file);
    CharacterVocabulary vocabulary = CharacterVocabulary.of(whole);
    Files.writeString(file, "more", StandardOpenOption.APPEND);
    assertArrayEquals(vocabulary.encode("text", text), vocabulary.encode(whole).toArray());
    Tokens tokens = vocabulary.encode(whole);
    Files.write(file, Arrays.copyOf(text.getBytes(UTF_8), 9000));
    String message = refusal(tokens::toArray);
    assertTrue(
        message.startsWith(file + ": ends at offset 9000 where ")
            && message.endsWith("needed the file as it was"),
        message);
    Files.delete(file);
    assertTrue(refusal(tokens::toArray).startsWith(file.toString()));
  }

  @Test
  void unknownCharactersOfAFileAreNamedWithTheirPlace() throws IOException {
    CharacterVocabulary vocabulary = CharacterVocabulary.of("abc\n ");
    String text = "ab c\n".repeat(30_000) + "a\u00e9" + whale() + "\u00e9";
    assertEquals(
        folder.resolve("text")
            + ": character '\u00e9' (U+00E9) at line 30001, column 2 is not among the 5 characters"
            + " that the model knows; nor are 1 other characters of the text",
        refusal(() -> vocabulary.encode(Text.ofFile(file(text)))));
    // A part without them is as good as any.
    Text part = Text.ofFile(file(text)).part(0, 150_000);
    assertEquals(150_000, vocabulary.encode(part).toArray().length);
  }

  @Test
  void filesOfOtherBytesAreRefusedWhereverTheyAre() throws IOException {
    byte[] bytes = random(3, 300_000).getBytes(UTF_8);
    SplittableRandom random = new SplittableRandom(3);
    for (int i = 0; i < 40; i++) {
      byte[] changed = bytes.clone();
      for (int at = random.nextInt(bytes.length), n = random.nextInt(1, 4); n > 0; n--, at++) {
        if (at < bytes.length) {
          changed[at] = (byte) random.nextInt(1, 256);
        }
      }
      Path file = Files.write(folder.resolve("text"), changed);
      String expected = malformed(changed);
      if (expected == null) {
        Text.ofFile(file);
      } else {
        assertEquals(file + expected, refusal(() -> Text.ofFile(file)));
        assertEquals(file + expected, refusal(() -> TextFile.read(file)));
      }
    }
  }

  /** Surrogates, characters written too long or past the last, and what is cut off. */
  @Test
  void sequencesThatAreNoUtf8AreRefusedAtTheEdgeOfAChunkToo() throws IOException {
    for (int[] sequence :
        new int[][] {
          {0xED, 0xA0, 0x80}, {0xED, 0xBF, 0xBF}, {0xC0, 0xAF}, {0xC1, 0xBF}, {0xE0, 0x9F, 0xBF},
          {0xF0, 0x8F, 0xBF, 0xBF}, {0xF4, 0x90, 0x80, 0x80}, {0xF5, 0x80}, {0xFF}, {0x80},
          {0xC3}, {0xE2, 0x80}, {0xF0, 0x9F, 0x90}, {0xF0, 0x9F, 0x41}, {0xE2, 0xC3, 0xA9}
        }) {
      for (int before : new int[] {0, (1 << 18) - 2}) {
        byte[] bytes = new byte[before + sequence.length];
        Arrays.fill(bytes, (byte) 'a');
        for (int i = 0; i < sequence.length; i++) {
          bytes[before + i] = (byte) sequence[i];
        }
        Path file = Files.write(folder.resolve("text"), bytes);
        assertEquals(file + malformed(bytes), refusal(() -> Text.ofFile(file)));
      }
    }
  }

  /** By the decoder of the platform. */
  private static @Nullable String malformed(byte[] bytes) {
    ByteBuffer in = ByteBuffer.wrap(bytes);
    boolean error =
        UTF_8.newDecoder().decode(in, CharBuffer.allocate(bytes.length), true).isError();
    return error
        ? String.format(
            Locale.ROOT,
            ": byte 0x%02X at offset %d is not UTF-8; needed a text file in UTF-8",
            bytes[in.position()],
            in.position())
        : null;
  }

  @Test
  void filesWithoutBytesAreRefused() throws IOException {
    Path file = file("");
    assertEquals(file + ": empty; needed a text file in UTF-8", refusal(() -> Text.ofFile(file)));
    assertEquals(file + ": empty; needed one byte at least", refusal(() -> Text.ofBytes(file)));
    Files.writeString(file, "\uFEFF");
    assertEquals(file + ": empty; needed a text file in UTF-8", refusal(() -> Text.ofFile(file)));
    assertEquals(3, Text.ofBytes(file).bytes());
    assertEquals(
        folder + ": not a regular file; needed one to read bytes from",
        refusal(() -> Text.ofBytes(folder)));
    assertEquals(
        folder.resolve("no") + ": no such file; needed one to read bytes from",
        refusal(() -> Text.ofBytes(folder.resolve("no"))));
  }

  @Test
  void halvesOfSurrogatePairsAreNoText() {
    String message =
        "note: character 1 is U+D83D, half of a surrogate pair; needed whole characters";
    assertEquals(message, refusal(() -> Text.of("note", whale() + "\ud83d")));
    assertEquals(message, refusal(() -> ByteVocabulary.BYTES.encode("note", whale() + "\ud83d")));
  }

  /** Anything that may throw. */
  private interface Call {
    void run() throws IOException;
  }

  private static String refusal(Call call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }
}
