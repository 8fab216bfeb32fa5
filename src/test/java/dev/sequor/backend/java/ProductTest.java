package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

@ParameterizedClass(name = "{0}")
@MethodSource("kinds")
class ProductTest {
  private final Product product;

  ProductTest(Products kind) {
    this.product = kind.make();
  }

  /** The second is the first where this Java has no Vector API. */
  static List<Products> kinds() {
    return List.of(Products.loops(), Products.ofThisProcess());
  }

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

  /** Of any width, any number of rows, and both orders of {@code A}. */
  @Test
  void packedRowsGiveTheSameBitsInAnyCompany() {
    Random random = new Random(9);
    for (int width : new int[] {1, 15, 16, 33, 64, 130}) {
      for (int depth : new int[] {0, 1, 3, 64, 129, 300}) {
        int height = 1 + random.nextInt(11);
        float[] a = gaussians(random, height * depth);
        float[] weights = gaussians(random, depth * width);
        PackedRows packed = product.packed(depth, width);
        if (random.nextBoolean()) {
          for (int k = 0; k < depth; k++) {
            packed.setRow(k, weights, k * width);
          }
        } else {
          float[] transposed = new float[depth * width];
          for (int k = 0; k < depth; k++) {
            for (int j = 0; j < width; j++) {
              transposed[j * depth + k] = weights[k * width + j];
            }
          }
          for (int j = 0; j < width; j++) {
            packed.setColumn(j, transposed, j * depth);
          }
        }
        float[][] together = new float[height][width];
        product.accumulate(Matrix.of(a, 0, depth), 0, together, height, packed);
        for (int i = 0; i < height; i++) {
          float[][] alone = new float[1][width];
          product.accumulate(Matrix.of(a, 0, depth), i, alone, 1, packed);
          assertArrayEquals(alone[0], together[i]);
          for (int j = 0; j < width; j++) {
            double sum = 0;
            double size = 0;
            for (int k = 0; k < depth; k++) {
              double term = (double) a[i * depth + k] * weights[k * width + j];
              sum += term;
              size += Math.abs(term);
            }
            assertEquals(sum, together[i][j], 1e-6 * size + 1e-30);
          }
        }
      }
    }
  }

  private static float[] gaussians(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
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
