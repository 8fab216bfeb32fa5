package dev.sequor.task;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Sentences of a small grammar with nested clauses; a verb has the number of its subject:
 *
 * <pre>{@code
 * S    → NP[n] V[n]
 * NP[n] → the N[n] | the N[n] P NP | the N[n] that V[n] NP | the N[n] that NP[m] V[m]
 * }</pre>
 *
 * <p>Nouns come in both numbers, and what stands between a subject and its verb is a phrase or a
 * clause with nouns of its own, of either number.
 */
final class Sentences {
  private static final List<String> NOUNS =
      List.of(
          "author", "cabinet", "captain", "car", "dog", "doctor", "farmer", "house", "key", "lake",
          "picture", "ship", "singer", "student", "teacher", "tree");
  private static final List<String> VERBS =
      List.of("call", "follow", "help", "know", "like", "need", "paint", "see");
  private static final List<String> PREPOSITIONS =
      List.of("above", "behind", "beside", "by", "near", "under");

  private static final int THE = 0;
  private static final int THAT = 1;
  private static final int FIRST_PREPOSITION = 2;
  private static final int FIRST_NOUN = FIRST_PREPOSITION + PREPOSITIONS.size();
  private static final int FIRST_VERB = FIRST_NOUN + 2 * NOUNS.size();

  /** How many words there are. */
  static final int VOCABULARY = FIRST_VERB + 2 * VERBS.size();

  private static final int DEEPEST = 4;

  private final ExampleDraws draws;
  private final List<Integer> words = new ArrayList<>();
  private final List<Verb> verbs = new ArrayList<>();

  /** A verb of a sentence, and where the noun stands that it agrees with. */
  private record Verb(int at, int subject) {}

  /**
   * The beginning of a sentence up to a verb.
   *
   * @param words before the verb
   * @param verb its number in the singular
   * @param plural whether its subject is
   * @param attractors nouns between the subject and the verb
   * @param misleading how many of them have the other number
   */
  @SuppressWarnings("ArrayRecordComponent") // short-lived
  record Beginning(int[] words, int verb, boolean plural, int attractors, int misleading) {
    /** Whether there are nouns in between, and all of them have the other number. */
    boolean allMislead() {
      return attractors > 0 && misleading == attractors;
    }
  }

  private Sentences(ExampleDraws draws) {
    this.draws = draws;
  }

  /**
   * Draws the beginning of a sentence up to one of its verbs, one with nouns between it and its
   * subject three times in four if there is one.
   *
   * @param mostWords of the beginning, at least 2
   */
  static Beginning draw(ExampleDraws draws, int mostWords) {
    for (int deepest = DEEPEST; ; ) {
      Sentences sentence = new Sentences(draws);
      sentence.clause(deepest);
      List<Beginning> simple = new ArrayList<>();
      List<Beginning> hard = new ArrayList<>();
      for (Verb verb : sentence.verbs) {
        if (verb.at <= mostWords) {
          Beginning beginning = sentence.before(verb);
          (beginning.attractors() > 0 ? hard : simple).add(beginning);
        }
      }
      if (!simple.isEmpty() || !hard.isEmpty()) {
        List<Beginning> chosen =
            simple.isEmpty() || (!hard.isEmpty() && draws.chance(0.75)) ? hard : simple;
        return chosen.get(draws.below(chosen.size()));
      }
      deepest = Math.max(0, deepest - 1); // At 0 the verb is the third word.
    }
  }

  private Beginning before(Verb verb) {
    boolean plural = isPlural(words.get(verb.subject));
    int attractors = 0;
    int misleading = 0;
    for (int word : words.subList(verb.subject + 1, verb.at)) {
      if (isNoun(word)) {
        attractors++;
        misleading += isPlural(word) == plural ? 0 : 1;
      }
    }
    int[] before = words.subList(0, verb.at).stream().mapToInt(w -> w).toArray();
    return new Beginning(
        before, (words.get(verb.at) - FIRST_VERB) / 2, plural, attractors, misleading);
  }

  private static boolean isNoun(int word) {
    return word >= FIRST_NOUN && word < FIRST_VERB;
  }

  /** Of nouns and verbs. */
  private static boolean isPlural(int word) {
    return (word - FIRST_NOUN) % 2 == 1;
  }

  private void clause(int deepest) {
    verb(nounPhrase(deepest));
  }

  private void verb(int subject) {
    verbs.add(new Verb(words.size(), subject));
    int plural = isPlural(words.get(subject)) ? 1 : 0;
    words.add(FIRST_VERB + 2 * draws.below(VERBS.size()) + plural);
  }

  /** Returns where its noun stands. */
  private int nounPhrase(int deepest) {
    words.add(THE);
    int noun = words.size();
    words.add(FIRST_NOUN + draws.below(2 * NOUNS.size()));
    switch (deepest == 0 ? 0 : draws.below(6)) {
      case 1, 2 -> {
        words.add(FIRST_PREPOSITION + draws.below(PREPOSITIONS.size()));
        nounPhrase(deepest - 1);
      }
      case 3 -> {
        words.add(THAT);
        verb(noun);
        nounPhrase(deepest - 1);
      }
      case 4 -> {
        words.add(THAT);
        verb(nounPhrase(deepest - 1));
      }
      default -> {}
    }
    return noun;
  }

  /** A word as it is written. */
  static String spelled(int word) {
    if (word == THE) {
      return "the";
    }
    if (word == THAT) {
      return "that";
    }
    if (word < FIRST_NOUN) {
      return PREPOSITIONS.get(word - FIRST_PREPOSITION);
    }
    if (word < FIRST_VERB) {
      return NOUNS.get((word - FIRST_NOUN) / 2) + (isPlural(word) ? "s" : "");
    }
    return verb((word - FIRST_VERB) / 2, isPlural(word));
  }

  /** A verb as it is written; in English it is the singular that has the s. */
  static String verb(int number, boolean plural) {
    return VERBS.get(number) + (plural ? "" : "s");
  }

  /** Words as they are written. */
  static String spelled(int[] words) {
    return String.join(" ", Arrays.stream(words).mapToObj(Sentences::spelled).toList());
  }
}
