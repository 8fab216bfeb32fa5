package dev.sequor.reference;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ReferenceRnn.Gradients;
import dev.sequor.reference.ReferenceRnn.Variable;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The reference's gradients, found in three unrelated ways, are the same. */
class ReferenceRnnTest {
  private static final int CONFIGURATIONS = 210;

  @Test
  void tapeAgreesWithFiniteDifferencesAndComplexStepsInManyConfigurations() {
    SplittableRandom random = new SplittableRandom(20);
    CellType[] cells = CellType.values();
    for (int i = 0; i < CONFIGURATIONS; i++) {
      CellType cell = cells[i % cells.length];
      RnnProblem p = randomProblem(cell, random);
      Gradients tape = ReferenceRnn.gradients(p);
      for (Variable variable : Variable.values()) {
        double[] gradient = variable.of(tape);
        for (int sample = 0; sample < 12; sample++) {
          int element = random.nextInt(gradient.length);
          String where = p.shape + " " + variable + "[" + element + "]";
          double exact = ReferenceRnn.complexStep(p, variable, element);
          assertEquals(exact, gradient[element], 1e-12 * (1 + Math.abs(exact)), where);
          if (cell != CellType.RNN_RELU) { // a difference may step over the kink
            double difference = ReferenceRnn.finiteDifference(p, variable, element);
            assertEquals(difference, gradient[element], 1e-7 + 1e-5 * Math.abs(difference), where);
          }
        }
      }
    }
  }

  @Test
  void reluGradientAgreesWithFiniteDifferencesAwayFromTheKink() {
    RnnShape shape = new RnnShape(CellType.RNN_RELU, 2, 2, 3, 2, 3, 4, 0f);
    RnnProblem p = RnnProblem.random(shape, new int[] {3, 2}, 5);
    Gradients tape = ReferenceRnn.gradients(p);
    for (Variable variable : Variable.values()) {
      double[] gradient = variable.of(tape);
      for (int element = 0; element < gradient.length; element++) {
        double difference = ReferenceRnn.finiteDifference(p, variable, element);
        assertEquals(difference, gradient[element], 1e-7 + 1e-5 * Math.abs(difference));
      }
    }
  }

  @Test
  void dropoutZeroesAboutItsShareAndKeepsTheMean() {
    RnnShape shape = new RnnShape(CellType.RNN_LINEAR, 2, 1, 1, 400, 1, 10, 0.25f);
    double[] parameters = new double[(int) shape.parameterLayout().totalElements()];
    // Layer 0 gives all ones (by its bias), layer 1 passes its input on.
    int biases = (int) shape.parameterLayout().offset(Kind.INPUT_BIAS, 0, 0);
    int weights = (int) shape.parameterLayout().blockOffset(1, 0);
    for (int j = 0; j < 10; j++) {
      parameters[biases + j] = 1;
      parameters[weights + j * 10 + j] = 1;
    }
    RnnProblem p =
        new RnnProblem(
            shape,
            parameters,
            new double[400],
            null,
            null,
            new double[4000],
            new double[(int) shape.stateElements()],
            1,
            2,
            true);
    int zeros = 0;
    double sum = 0;
    for (double v : ReferenceRnn.forward(p).y) {
      zeros += v == 0 ? 1 : 0;
      sum += v;
    }
    assertTrue(Math.abs(zeros - 1000) < 120, zeros + " of 4000 dropped with probability 0.25");
    assertEquals((4000 - zeros) / 0.75, sum, 1e-9);
    for (double v : ReferenceRnn.forward(p.inference()).y) {
      assertEquals(1, v);
    }
  }

  private static RnnProblem randomProblem(CellType cell, SplittableRandom random) {
    int timeSteps = 1 + random.nextInt(5);
    int batchSize = 1 + random.nextInt(3);
    RnnShape shape =
        new RnnShape(
            cell,
            1 + random.nextInt(2),
            1 + random.nextInt(2),
            timeSteps,
            batchSize,
            1 + random.nextInt(4),
            1 + random.nextInt(4),
            random.nextInt(3) == 0 ? 0.4f : 0f);
    int[] lengths = null;
    if (random.nextBoolean()) {
      lengths = random.ints(batchSize, 0, timeSteps + 1).toArray();
    }
    return RnnProblem.random(shape, lengths, random.nextLong());
  }
}
