package dev.sequor.task;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A sentence up to its verb, whose subject has a relative clause of a given number of words:
 *
 * <pre>{@code
 * S  → the N[n] which A ate NP (P NP)* was|were[n] full
 * NP → the N | the J N | the J J N
 * }</pre>
 *
 * <p>Every noun is singular or plural with equal chances, whatever the others are, and no other
 * word has a number. So nothing between the subject and the verb says what the verb is to be, and
 * the noun right before it misleads in half of all sentences.
 *
 * @param words before the verb
 * @param plural whether the subject is
 */
@SuppressWarnings("ArrayRecordComponent") // short-lived
record Clause(int[] words, boolean plural) {
  private static final List<String> NOUNS =
      List.of(
          "bird", "cat", "cow", "dog", "goat", "hen", "horse", "pig", "apple", "bean", "cake",
          "egg", "nut", "pie", "plum", "roll");

  private static final List<String> OTHERS =
      List.of(
          "the", "which", //
          "already", "often", "once", "never", //
          "ate", "found", "left", "saw", //
          "and", "behind", "beside", "by", "near", "under", //
          "big", "brown", "fresh", "old", "round", "small");

  private static final int THE = 0;
  private static final int WHICH = 1;
  private static final int ADVERBS = 2;
  private static final int VERBS = 6;
  private static final int LINKS = 10;
  private static final int ADJECTIVES = 16;
  private static final int FIRST_NOUN = 22;

  /** How many words there are, before the verb. */
  static final int VOCABULARY = FIRST_NOUN + 2 * 16;

  /** The first eight nouns are animals, which can be the subject. */
  private static final int SUBJECTS = 8;

  /** {@code which A ate the N}. */
  static final int LEAST_WORDS = 5;

  /** {@code P the N}. */
  private static final int PHRASE = 3;

  private static final int MOST_ADJECTIVES = 2;

  /**
   * Draws a sentence.
   *
   * @param between words between the subject and its verb, at least {@link #LEAST_WORDS}
   */
  static Clause draw(ExampleDraws draws, int between) {
    List<Integer> words = new ArrayList<>();
    words.add(THE);
    int subject = draws.below(2 * SUBJECTS);
    words.add(FIRST_NOUN + subject);
    words.add(WHICH);
    words.add(one(draws, ADVERBS, VERBS));
    words.add(one(draws, VERBS, LINKS));
    int[] adjectives = adjectives(draws, between - LEAST_WORDS);
    for (int phrase = 0; phrase < adjectives.length; phrase++) {
      if (phrase > 0) {
        words.add(one(draws, LINKS, ADJECTIVES));
      }
      words.add(THE);
      for (int i = 0; i < adjectives[phrase]; i++) {
        words.add(one(draws, ADJECTIVES, FIRST_NOUN));
      }
      words.add(one(draws, FIRST_NOUN, VOCABULARY));
    }
    return new Clause(words.stream().mapToInt(w -> w).toArray(), subject % 2 == 1);
  }

  private static int one(ExampleDraws draws, int from, int to) {
    return from + draws.below(to - from);
  }

  /**
   * How many adjectives each noun of the clause has.
   *
   * @param words beyond those that every clause has
   */
  private static int[] adjectives(ExampleDraws draws, int words) {
    int most = words / PHRASE;
    int least = Math.max(0, ceiling(words - MOST_ADJECTIVES, PHRASE + MOST_ADJECTIVES));
    int more = one(draws, least, most + 1);
    int[] adjectives = new int[1 + more];
    for (int left = words - PHRASE * more; left > 0; ) {
      int at = draws.below(adjectives.length);
      if (adjectives[at] < MOST_ADJECTIVES) {
        adjectives[at]++;
        left--;
      }
    }
    return adjectives;
  }

  private static int ceiling(int dividend, int divisor) {
    return (dividend + divisor - 1) / divisor;
  }

  private static String spelled(int word) {
    if (word < FIRST_NOUN) {
      return OTHERS.get(word);
    }
    return NOUNS.get((word - FIRST_NOUN) / 2) + ((word - FIRST_NOUN) % 2 == 1 ? "s" : "");
  }

  /** The sentence as it is written, with a verb of this number. */
  String spelled(boolean pluralVerb) {
    String before = String.join(" ", Arrays.stream(words).mapToObj(Clause::spelled).toList());
    return before.replace(" which", ", which") + (pluralVerb ? ", were full" : ", was full");
  }
}
