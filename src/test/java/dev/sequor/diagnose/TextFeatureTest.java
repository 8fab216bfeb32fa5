package dev.sequor.diagnose;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

class TextFeatureTest {
  private static List<String> characters(String text) {
    return text.codePoints().mapToObj(Character::toString).toList();
  }

  /** The characters at which a feature is 1; elsewhere it is 0. */
  private static String marked(
      String text, Map<TextFeature, double[]> features, TextFeature feature) {
    StringBuilder marked = new StringBuilder();
    double[] values = Objects.requireNonNull(features.get(feature));
    for (int i = 0; i < values.length; i++) {
      assertEquals(Math.rint(values[i]) % 2, values[i]);
      marked.append(values[i] == 1 ? text.charAt(i) : '.');
    }
    return marked.toString();
  }

  @Test
  void everyCharacterHasItsPlace() {
    String text = "He: \u201CNo (7b)!\u201D I\n a[\"x\" y\n\n\"z";
    Map<TextFeature, double[]> features = TextFeature.of(characters(text));
    assertEquals(TextFeature.values().length, features.size());
    Map<TextFeature, String> expected =
        Map.of(
            TextFeature.IN_QUOTES, "....\u201CNo (7b)!.......\"x.....\"z",
            TextFeature.IN_BRACKETS, "........(7b........[\"x\" y\n...",
            TextFeature.IN_WORD, "He...No..7b....I..a..x..y...z",
            TextFeature.AFTER_SPACE, "H...\u201C...(......I..a.....y..\".",
            TextFeature.UPPER_CASE, "H....N.........I.............",
            TextFeature.DIGIT, ".........7...................",
            TextFeature.LINE_START, "H................ .........\".");
    expected.forEach(
        (feature, marked) ->
            assertEquals(marked, marked(text, features, feature), feature.words()));
    assertArrayEquals(
        new double[] {
          1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 1,
          2
        },
        features.get(TextFeature.LINE_POSITION));
    assertArrayEquals(
        new double[] {
          1, 2, 0, 0, 0, 1, 2, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1
        },
        features.get(TextFeature.WORD_POSITION));
    assertEquals(27, Objects.requireNonNull(features.get(TextFeature.TEXT_POSITION))[27]);
  }

  /** Words, and bytes of which some are only part of a character. */
  @Test
  void aPieceStandsAfterItsLastCharacter() {
    Map<TextFeature, double[]> features =
        TextFeature.of(List.of("The", " (big", ")", "", "\u00E9", "\n", "End", " 12"));
    assertArrayEquals(
        new double[] {3, 8, 9, 9, 10, 0, 3, 6}, features.get(TextFeature.LINE_POSITION));
    assertArrayEquals(new double[] {0, 1, 0, 0, 0, 0, 0, 0}, features.get(TextFeature.IN_BRACKETS));
    assertArrayEquals(new double[] {1, 0, 0, 0, 0, 0, 1, 0}, features.get(TextFeature.UPPER_CASE));
    assertArrayEquals(new double[] {1, 1, 0, 0, 0, 0, 1, 1}, features.get(TextFeature.AFTER_SPACE));
    assertArrayEquals(new double[] {1, 0, 0, 0, 0, 0, 1, 0}, features.get(TextFeature.LINE_START));
    assertArrayEquals(new double[] {0, 0, 0, 0, 0, 0, 0, 1}, features.get(TextFeature.DIGIT));
    assertArrayEquals(
        new double[] {3, 3, 0, 0, 1, 0, 3, 2}, features.get(TextFeature.WORD_POSITION));
  }
}
