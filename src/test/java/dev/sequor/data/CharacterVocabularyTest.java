package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class CharacterVocabularyTest {
  /** U+1F40B, a whale: two Java chars, one character. */
  private static final String WHALE = Character.toString(0x1F40B);

  @Test
  void tokensAreTheSortedCodePoints() {
    CharacterVocabulary vocabulary = CharacterVocabulary.of("ba" + WHALE + "ab\n");
    assertArrayEquals(new int[] {'\n', 'a', 'b', 0x1F40B}, vocabulary.codePoints());
    assertArrayEquals(new int[] {3, 1, 0}, vocabulary.encode("text", WHALE + "a\n"));
    assertEquals(WHALE + "a\n", vocabulary.decode(3, 1, 0));
  }

  @Test
  void unknownCharactersAreNamedWithTheirPlace() {
    CharacterVocabulary vocabulary = CharacterVocabulary.of("abc\n" + WHALE);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> vocabulary.encode("song.txt", "abc\na" + WHALE + "\u00e9xe"));
    assertEquals(
        "song.txt: character '\u00e9' (U+00E9) at line 2, column 3 is not among the 5 characters"
            + " that the model knows; nor are 2 other characters of the text",
        e.getMessage());
  }

  @Test
  void controlCharactersAreNamedByNumberOnly() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> CharacterVocabulary.of("a").encode("prime", "\t"));
    assertEquals(
        "prime: character U+0009 at line 1, column 1 is not among the 1 characters that the model"
            + " knows",
        e.getMessage());
  }

  @Test
  void storedCharactersMustAscend() {
    assertEquals(CharacterVocabulary.of("cab"), CharacterVocabulary.ofSorted('a', 'b', 'c'));
    assertThrows(IllegalArgumentException.class, () -> CharacterVocabulary.ofSorted('a', 'c', 'b'));
    assertThrows(IllegalArgumentException.class, () -> CharacterVocabulary.ofSorted('a', 'a'));
    assertThrows(IllegalArgumentException.class, () -> CharacterVocabulary.ofSorted(-1));
    assertThrows(IllegalArgumentException.class, () -> CharacterVocabulary.ofSorted());
  }

  @Test
  void halvesOfSurrogatePairsAreNoCharacters() {
    String message =
        "character 1 of the vocabulary is U+D83D, half of a surrogate pair; needed whole characters";
    assertEquals(
        message,
        assertThrows(IllegalArgumentException.class, () -> CharacterVocabulary.of("a\ud83d"))
            .getMessage());
    // Beside each other, the two would be read as one whale.
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class,
                () -> CharacterVocabulary.ofSorted('a', 0xD83D, 0xDC0B))
            .getMessage());
  }

  @Test
  void tokensOutsideTheVocabularyAreRefused() {
    CharacterVocabulary vocabulary = CharacterVocabulary.of("ab");
    assertThrows(IllegalArgumentException.class, () -> vocabulary.decode(0, 2));
    assertThrows(IllegalArgumentException.class, () -> vocabulary.decode(-1));
  }
}
