package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class OutputsTest {
  @Test
  void probabilitiesAreThoseOfTheSoftmaxHoweverLargeTheLogits() {
    float[] logits = {0, 0, (float) Math.log(2), 1000, 1000, (float) (1000 - Math.log(4))};
    assertArrayEquals(
        new float[] {0.25f, 0.25f, 0.5f, 4 / 9f, 4 / 9f, 1 / 9f},
        Outputs.probabilities(logits, 3),
        3e-6f);
    assertArrayEquals(new int[] {2, 0}, Outputs.likeliest(logits, 3));
    assertArrayEquals(new float[0], Outputs.probabilities(new float[0], 3));
  }

  @Test
  void rowsThatAreNotWholeAreRefused() {
    assertEquals(
        "logits holds 4 elements; needed a multiple of 3, the classes",
        assertThrows(IllegalArgumentException.class, () -> Outputs.probabilities(new float[4], 3))
            .getMessage());
    assertThrows(IllegalArgumentException.class, () -> Outputs.likeliest(new float[4], 0));
  }
}
