package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.TokenWindow;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class EvaluatorTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(16, 3).hiddenSize(6).build();

  private final Backend backend = Devices.open("java");
  private final SequenceModel model = new SequenceModel(backend, SPEC, 1);

  @AfterEach
  void close() {
    model.close();
    backend.close();
  }

  /** A model whose loss depends on the target alone, each target having one of its own. */
  private double[] forgetInputs() {
    float[] parameters = new float[(int) model.layout().totalElements()];
    int bias = (int) model.layout().region("output.bias").offset();
    double total = 0;
    for (int token = 0; token < 16; token++) {
      parameters[bias + token] = 0.25f * token;
      total += Math.exp(0.25 * token);
    }
    model.parameters().write(parameters);
    double[] losses = new double[16];
    for (int token = 0; token < 16; token++) {
      losses[token] = Math.log(total) - 0.25 * token;
    }
    return losses;
  }

  @ParameterizedTest(name = "N={0} T={1} streams={2}")
  @CsvSource({"2,1,1", "2,64,1", "17,4,1", "18,4,1", "50,7,3", "50,7,49", "23,5,4", "101,1,9"})
  void everyPredictionCountsOnce(int count, int timeSteps, int streams) {
    double[] losses = forgetInputs();
    int[] tokens = new SplittableRandom(count).ints(count, 0, 16).toArray();
    double expected = 0;
    for (int i = 1; i < count; i++) {
      expected += losses[tokens[i]];
    }
    BatchLoss loss = Evaluator.evaluateText(model, tokens, timeSteps, streams);
    assertEquals(count - 1, loss.predictions());
    assertEquals(expected, loss.sum(), 1e-5 * expected);
  }

  @Test
  void oneStreamSeesEverythingBeforeWhateverTheWindow() {
    int[] tokens = new SplittableRandom(5).ints(40, 0, 16).toArray();
    double whole = Evaluator.evaluateText(model, tokens, 39, 1).mean();
    for (int timeSteps : new int[] {1, 2, 7, 13, 100}) {
      assertEquals(whole, Evaluator.evaluateText(model, tokens, timeSteps, 1).mean(), 1e-6);
    }
  }

  @Test
  void windowsOfOtherSizesFollowEachOther() {
    int[] a = {1, 2, 3, 4};
    int[] b = {5, 6, 7, 8, 9, 10};
    BatchLoss both =
        Evaluator.evaluate(
            model,
            List.of(
                new TokenWindow(2, 2, a, a, null, true),
                new TokenWindow(2, 2, a, a, new int[] {2, 1}, false),
                new TokenWindow(2, 3, b, b, null, true)));
    assertEquals(4 + 3 + 6, both.predictions());
  }

  @Test
  void aTextIsJudgedTheSameWhateverWasJudgedBefore() {
    SplittableRandom random = new SplittableRandom(6);
    int[] a = random.ints(40, 0, 16).toArray();
    int[] b = random.ints(40, 0, 16).toArray();
    BatchLoss first = Evaluator.evaluateText(model, a, 13, 2);
    BatchLoss other = Evaluator.evaluateText(model, b, 13, 2);
    assertNotEquals(first, other);
    assertEquals(first, Evaluator.evaluateText(model, a, 13, 2));
    try (SequenceModel fresh = new SequenceModel(backend, SPEC, 1)) {
      assertEquals(other, Evaluator.evaluateText(fresh, b, 13, 2));
    }
  }

  @Test
  void aWindowThatResetsKnowsNothingOfTheOnesBefore() {
    SplittableRandom random = new SplittableRandom(7);
    TokenWindow a = window(random, true);
    TokenWindow b = window(random, true);
    TokenWindow c = window(random, false);
    double alone =
        Evaluator.evaluate(model, List.of(a)).sum() + Evaluator.evaluate(model, List.of(b)).sum();
    assertEquals(alone, Evaluator.evaluate(model, List.of(a, b)).sum());
    // Unlike one that continues, which the check above would miss if no state had any influence.
    double continued = Evaluator.evaluate(model, List.of(a, c)).sum();
    TokenWindow reset = new TokenWindow(3, 2, c.tokens(), c.targets(), null, true);
    assertNotEquals(continued, Evaluator.evaluate(model, List.of(a, reset)).sum());
  }

  private static TokenWindow window(SplittableRandom random, boolean resetState) {
    return new TokenWindow(
        3, 2, random.ints(6, 0, 16).toArray(), random.ints(6, 0, 16).toArray(), null, resetState);
  }

  @Test
  void lossesConvertToBitsAndPerplexity() {
    BatchLoss loss = new BatchLoss(8 * Math.log(16), 8);
    assertEquals(Math.log(16), loss.mean(), 1e-12);
    assertEquals(4, loss.meanBits(), 1e-12);
    assertEquals(16, loss.perplexity(), 1e-9);
  }

  @Test
  void argumentsOutOfRangeAreNamed() {
    assertEquals(
        "the text holds 1 tokens; needed at least 2",
        assertThrows(
                IllegalArgumentException.class,
                () -> Evaluator.evaluateText(model, new int[1], 1, 1))
            .getMessage());
    assertEquals(
        "streams is 5; needed 1 to 4, the predictions",
        assertThrows(
                IllegalArgumentException.class,
                () -> Evaluator.evaluateText(model, new int[5], 1, 5))
            .getMessage());
  }
}
