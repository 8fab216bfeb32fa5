package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class TokenDrawTest {
  private static final float[] LOGITS = {0.5f, -1f, 2f, 0f, -0.3f, 1.2f};
  private static final int DRAWS = 20_000;

  /** Chi-square values exceeded with probability 1e-4, for 1 to 5 degrees of freedom. */
  private static final double[] CHI_SQUARE = {0, 15.1, 18.4, 21.1, 23.5, 25.7};

  private record Rule(float temperature, int topK, float topP, long seed) {
    static Rule ofTemperature(float temperature, long seed) {
      return new Rule(temperature, 0, 1f, seed);
    }
  }

  private static int[] counts(Rule rule, float... logits) {
    TokenDraw draw = new TokenDraw(logits.length);
    System.arraycopy(logits, 0, draw.logits(), 0, logits.length);
    int[] counts = new int[logits.length];
    for (int n = 0; n < DRAWS; n++) {
      int stream = Philox.Stream.SAMPLER.number();
      DrawShape shape = new DrawShape(logits.length, rule.temperature, rule.topK, rule.topP);
      counts[draw.draw(shape, Philox.word(rule.seed, stream, 0, n))]++;
    }
    return counts;
  }

  /**
   * Tests that only {@code kept} tokens occur, with their softmax probabilities among themselves.
   */
  private static void assertDistribution(int[] counts, double temperature, int... kept) {
    double total = 0;
    for (int token : kept) {
      total += Math.exp(LOGITS[token] / temperature);
    }
    double chiSquare = 0;
    int drawn = 0;
    for (int token : kept) {
      double expected = DRAWS * Math.exp(LOGITS[token] / temperature) / total;
      chiSquare += Math.pow(counts[token] - expected, 2) / expected;
      drawn += counts[token];
    }
    assertEquals(DRAWS, drawn, "draws outside the kept tokens");
    assertTrue(kept.length == 1 || chiSquare < CHI_SQUARE[kept.length - 1], "chi² " + chiSquare);
  }

  @ParameterizedTest
  @ValueSource(floats = {0.5f, 1f, 3f})
  void drawsFollowTheSoftmaxAtEveryTemperature(float temperature) {
    int[] counts = counts(Rule.ofTemperature(temperature, 1), LOGITS);
    assertDistribution(counts, temperature, 0, 1, 2, 3, 4, 5);
  }

  @Test
  void topKKeepsTheMostLikelyTokens() {
    assertDistribution(counts(new Rule(1, 1, 1, 2), LOGITS), 1, 2);
    assertDistribution(counts(new Rule(1, 2, 1, 2), LOGITS), 1, 2, 5);
    assertDistribution(counts(new Rule(1, 4, 1, 2), LOGITS), 1, 2, 5, 0, 3);
    assertDistribution(counts(new Rule(1, 100, 1, 2), LOGITS), 1, 0, 1, 2, 3, 4, 5);
  }

  @Test
  void topPKeepsTheFewestTokensThatReachIt() {
    // The softmax, descending: token 2 0.516, 5 0.232, 0 0.115, 3 0.070, 4 0.052, 1 0.026.
    assertDistribution(counts(new Rule(1, 0, 1e-6f, 3), LOGITS), 1, 2);
    assertDistribution(counts(new Rule(1, 0, 0.5f, 3), LOGITS), 1, 2);
    assertDistribution(counts(new Rule(1, 0, 0.6f, 3), LOGITS), 1, 2, 5);
    assertDistribution(counts(new Rule(1, 0, 0.8f, 3), LOGITS), 1, 2, 5, 0);
    assertDistribution(counts(new Rule(1, 0, 0.99f, 3), LOGITS), 1, 0, 1, 2, 3, 4, 5);
  }

  @Test
  void topPCountsWhatTopKLeft() {
    // Of tokens 2 and 5 alone, token 2 has probability 0.690.
    assertDistribution(counts(new Rule(1, 2, 0.68f, 4), LOGITS), 1, 2);
    assertDistribution(counts(new Rule(1, 2, 0.70f, 4), LOGITS), 1, 2, 5);
  }

  private static int[] counts(DrawShape shape, long seed) {
    TokenDraw draw = new TokenDraw(LOGITS.length);
    System.arraycopy(LOGITS, 0, draw.logits(), 0, LOGITS.length);
    int[] counts = new int[LOGITS.length];
    for (int n = 0; n < DRAWS; n++) {
      counts[draw.draw(shape, Philox.word(seed, Philox.Stream.SAMPLER.number(), 0, n))]++;
    }
    return counts;
  }

  @Test
  void minPKeepsWhatIsProbableEnoughBesideTheLikeliest() {
    // Beside token 2: token 5 0.449, 0 0.223, 3 0.135, 4 0.101, 1 0.050.
    assertDistribution(counts(new DrawShape(6, 1, 0, 1, 1f, 1), 7), 1, 2);
    assertDistribution(counts(new DrawShape(6, 1, 0, 1, 0.4f, 1), 7), 1, 2, 5);
    assertDistribution(counts(new DrawShape(6, 1, 0, 1, 0.12f, 1), 7), 1, 2, 5, 0, 3);
    assertDistribution(counts(new DrawShape(6, 1, 0, 1, 0.01f, 1), 7), 1, 0, 1, 2, 3, 4, 5);
  }

  @Test
  void minPFiltersWhatTopKAndTopPHaveLeftAtTheTemperature() {
    assertDistribution(counts(new DrawShape(6, 1, 2, 1, 0.12f, 1), 8), 1, 2, 5);
    assertDistribution(counts(new DrawShape(6, 1, 0, 0.8f, 0.4f, 1), 8), 1, 2, 5);
    // At twice the temperature the ratios are the square roots: 0.670, 0.472, 0.368, 0.317, 0.223.
    assertDistribution(counts(new DrawShape(6, 2, 0, 1, 0.4f, 1), 8), 2, 2, 5, 0);
    // Top-p reaches 0.6 of all with two tokens; were min-p first, it would be 0.69 with one.
    assertDistribution(counts(new DrawShape(6, 1, 0, 0.6f, 0.3f, 1), 9), 1, 2, 5);
  }

  @ParameterizedTest
  @CsvSource({"0", "1e-30", "1e-3"})
  void coldDrawsTakeTheMostLikelyToken(float temperature) {
    assertDistribution(counts(Rule.ofTemperature(temperature, 5), LOGITS), 1, 2);
  }

  @Test
  void equalLogitsAndHugeLogitsAreNoTrouble() {
    int[] equal = counts(new Rule(1, 2, 1, 6), 0f, -0f, 0f);
    assertEquals(DRAWS, equal[0] + equal[1]); // Of equals, the first are kept.
    assertEquals(DRAWS / 2.0, equal[0], 5 * Math.sqrt(DRAWS / 4.0));
    int[] huge = counts(Rule.ofTemperature(1, 6), 3e38f, -3e38f, 3e38f);
    assertEquals(0, huge[1]);
    assertEquals(DRAWS / 2.0, huge[0], 5 * Math.sqrt(DRAWS / 4.0));
    assertEquals(DRAWS, counts(Rule.ofTemperature(1, 6), 4f)[0]);
  }

  @Test
  void aLogitThatIsNotFiniteGivesNone() {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      TokenDraw draw = new TokenDraw(2);
      draw.logits()[1] = bad;
      assertEquals(TokenDraw.NONE, draw.draw(new DrawShape(2, 1f, 0, 1f), 0));
      assertEquals(TokenDraw.NONE, draw.draw(new DrawShape(2, 0f, 0, 1f), 0));
    }
  }
}
