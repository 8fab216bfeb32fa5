package dev.sequor.rnn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class InitializerTest {
  private static TensorSpec tensor(Initialization initialization, int rows, int columns) {
    return new TensorSpec("w", List.of(rows, columns), initialization);
  }

  private static float[] glorotUniform(long seed, int rows, int columns, int number) {
    return new Initializer(seed)
        .values(tensor(Initialization.glorotUniform(columns, rows), rows, columns), number);
  }

  private static double mean(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += value;
    }
    return sum / values.length;
  }

  private static double variance(float[] values) {
    double mean = mean(values);
    double sum = 0;
    for (float value : values) {
      sum += (value - mean) * (value - mean);
    }
    return sum / values.length;
  }

  @Test
  void glorotWeightsFillTheirBoundEvenly() {
    float[] weights = glorotUniform(1, 300, 200, 7);
    double bound = Math.sqrt(6.0 / 500);
    double largest = 0;
    for (float weight : weights) {
      largest = Math.max(largest, Math.abs(weight));
    }
    assertTrue(largest <= bound && largest > 0.999 * bound, "largest " + largest);
    // Standard errors of mean and variance of 60,000 uniform draws: 0.41 % and 0.37 % of these.
    assertEquals(0, mean(weights), 4 * bound / Math.sqrt(3 * 60_000.0));
    assertEquals(bound * bound / 3, variance(weights), 0.015 * bound * bound / 3);
  }

  @Test
  void embeddingsAreStandardNormal() {
    float[] table = new Initializer(2).values(tensor(Initialization.normal(), 400, 100), 0);
    assertEquals(0, mean(table), 4 / Math.sqrt(40_000.0));
    assertEquals(1, variance(table), 4 * Math.sqrt(2 / 40_000.0));
    double beyondTwo = 0;
    for (float value : table) {
      beyondTwo += Math.abs(value) > 2 ? 1 : 0;
    }
    assertEquals(0.0455, beyondTwo / table.length, 0.005);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 31, 64, 257})
  void recurrentWeightsOfEveryGateAreOrthogonal(int size) {
    float[] weights =
        new Initializer(3).values(tensor(Initialization.orthogonal(size), 4 * size, size), 1);
    for (int gate = 0; gate < 4; gate++) {
      for (int i = 0; i < size; i++) {
        for (int j = 0; j < size; j++) {
          double product = 0;
          for (int row = 0; row < size; row++) {
            int at = (gate * size + row) * size;
            product += (double) weights[at + i] * weights[at + j];
          }
          assertEquals(i == j ? 1 : 0, product, 1e-5, "gate " + gate + " columns " + i + ", " + j);
        }
      }
    }
  }

  @Test
  void orthogonalMatricesHaveNoPreferredSigns() {
    int positive = 0;
    for (int tensor = 0; tensor < 200; tensor++) {
      positive +=
          new Initializer(4).values(tensor(Initialization.orthogonal(5), 5, 5), tensor)[0] > 0
              ? 1
              : 0;
    }
    assertEquals(100, positive, 35); // Five standard deviations of 200 fair coins.
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void onlyForgetGatesHaveABiasAndOnlyOnTheInputSide(CellType cell) {
    ParameterLayout layout = new ParameterLayout(cell, 2, 2, 3, 4);
    float[] flat;
    try (Backend backend = Devices.open("java");
        Parameters parameters = Parameters.allocate(backend, layout)) {
      new Initializer(5).initialize(parameters);
      flat = parameters.values().readFloats();
    }
    int forget = cell.gateNames().indexOf('f');
    for (int layer = 0; layer < 2; layer++) {
      for (int direction = 0; direction < 2; direction++) {
        for (Kind kind : new Kind[] {Kind.INPUT_BIAS, Kind.RECURRENT_BIAS, Kind.PEEPHOLES}) {
          float[] expected = new float[(int) layout.elements(kind, layer)];
          if (kind == Kind.INPUT_BIAS && forget >= 0) {
            Arrays.fill(expected, forget * 4, forget * 4 + 4, 1f);
          }
          int offset = (int) layout.offset(kind, layer, direction);
          float[] actual = Arrays.copyOfRange(flat, offset, offset + expected.length);
          assertArrayEquals(expected, actual, kind.toString());
        }
      }
    }
  }

  @Test
  void seedAndTensorNumberDecideTheValues() {
    float[] values = glorotUniform(6, 10, 10, 1);
    assertArrayEquals(values, glorotUniform(6, 10, 10, 1));
    assertFalse(Arrays.equals(values, glorotUniform(6, 10, 10, 2)));
    assertFalse(Arrays.equals(values, glorotUniform(7, 10, 10, 1)));
  }
}
