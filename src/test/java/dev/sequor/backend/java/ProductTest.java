package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ProductTest {
  private final Product product = new Product();

  private static float[] integers(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = random.nextInt(17) - 8;
    }
    return values;
  }

  /** Small integers: every sum is exact, so any wrong index shows. */
  @ParameterizedTest(name = "{0}x{1}x{2}")
  @CsvSource({"1,1,1", "3,5,7", "31,33,1", "1,257,33", "97,19,513", "200,1030,3", "5,0,4"})
  void equalsNaiveProductExactly(int m, int depth, int n) {
    Random random = new Random(m * 31L + n);
    float[] a = integers(random, m * depth);
    float[] b = integers(random, depth * n);
    float[] bias = integers(random, n + 1);
    float[] c = integers(random, m * n);
    double[] expected = new double[m * n];
    double[] added = new double[m * n];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int k = 0; k < depth; k++) {
          sum += (double) a[i * depth + k] * b[k * n + j];
        }
        expected[i * n + j] = sum + bias[j + 1];
        added[i * n + j] = sum + c[i * n + j];
      }
    }
    Matrix left = Matrix.of(a, 0, depth);
    Matrix right = Matrix.of(b, 0, n);
    product.multiply(left, right, Matrix.of(c, 0, n), depth, 0, m, 0, n, null, 0, true);
    assertEqual(added, c);
    product.multiply(left, right, Matrix.of(c, 0, n), depth, 0, m, 0, n, bias, 1, false);
    assertEqual(expected, c);
    float[] transposed = new float[m * depth];
    for (int i = 0; i < m; i++) {
      for (int k = 0; k < depth; k++) {
        transposed[k * m + i] = a[i * depth + k];
      }
    }
    float[] again = new float[m * n];
    product.multiply(
        Matrix.of(transposed, 0, m).transposed(),
        right,
        Matrix.of(again, 0, n),
        depth,
        0,
        m,
        0,
        n,
        bias,
        1,
        false);
    assertEqual(expected, again);
  }

  private static void assertEqual(double[] expected, float[] actual) {
    assertEquals(expected.length, actual.length);
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], actual[i], 0.0);
    }
  }

  @Test
  void rowIndexesPickRowsOfEveryOperand() {
    float[] a = {1, 2, 3, 4, 5, 6};
    float[] b = {1, 0, 0, 1, 7, 7};
    float[] c = new float[6];
    product.multiply(
        Matrix.of(a, 0, 2, new int[] {2, 0}),
        Matrix.of(b, 0, 2, new int[] {1, 0}),
        Matrix.of(c, 0, 2, new int[] {0, 2}),
        2,
        0,
        2,
        0,
        2,
        null,
        0,
        false);
    assertArrayEquals(new float[] {6, 5, 0, 0, 2, 1}, c);
  }

  @Test
  void partsGiveTheSameBitsAsTheWhole() {
    Random random = new Random(5);
    int m = 37;
    int depth = 1000;
    int n = 41;
    float[] a = new float[m * depth];
    float[] b = new float[depth * n];
    for (int i = 0; i < a.length; i++) {
      a[i] = (float) random.nextGaussian();
    }
    for (int i = 0; i < b.length; i++) {
      b[i] = (float) random.nextGaussian();
    }
    float[] whole = new float[m * n];
    float[] parts = new float[m * n];
    Matrix left = Matrix.of(a, 0, depth);
    Matrix right = Matrix.of(b, 0, n);
    product.multiply(left, right, Matrix.of(whole, 0, n), depth, 0, m, 0, n, null, 0, false);
    Matrix target = Matrix.of(parts, 0, n);
    product.multiply(left, right, target, depth, 0, 10, 0, n, null, 0, false);
    product.multiply(left, right, target, depth, 10, m, 0, 17, null, 0, false);
    product.multiply(left, right, target, depth, 10, m, 17, n, null, 0, false);
    assertArrayEquals(whole, parts);
  }

  @Test
  void oneNanRowReachesNoOtherRow() {
    float[] a = new float[5 * 3];
    float[] b = {1, 2, 3};
    float[] c = new float[5];
    a[2 * 3 + 1] = Float.NaN;
    product.multiply(
        Matrix.of(a, 0, 3), Matrix.of(b, 0, 1), Matrix.of(c, 0, 1), 3, 0, 5, 0, 1, null, 0, false);
    for (int i = 0; i < 5; i++) {
      if (i == 2) {
        assertTrue(Float.isNaN(c[i]));
      } else {
        assertFalse(Float.isNaN(c[i]));
      }
    }
  }
}
