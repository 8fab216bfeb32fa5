package dev.sequor.backend.cuda.simulator;

import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasGemmEx_new;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.Random;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUdeviceptr;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasHandle;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Simulated products round as a GPU's do: float32 sums in an order of the library's, and tensor
 * cores that cut. The device is of compute capability 9.0 unless the environment says otherwise.
 */
class SimulatorRoundingTest extends SimulatorTest {
  private static final int STRICT = cublasComputeType.CUBLAS_COMPUTE_32F;
  private static final int TF32 = cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32;
  private static final int HALF = cublasComputeType.CUBLAS_COMPUTE_32F_FAST_16F;
  private static final int BFLOAT16 = cublasComputeType.CUBLAS_COMPUTE_32F_FAST_16BF;

  /** Tensor cores of compute capability 9.0 add so many products of 16-bit numbers at once. */
  private static final int BLOCK = 16;

  private final cublasHandle handle = new cublasHandle();

  @BeforeEach
  void create() {
    assertEquals(SUCCESS, cublasCreate(handle));
  }

  @AfterEach
  void destroy() {
    assertEquals(SUCCESS, cublasDestroy(handle));
  }

  /** a [m,k] · b [k,n], all row-major. */
  private float[] product(int m, int n, int k, float[] a, float[] b, int compute) {
    CUdeviceptr c = cuda.allocate((long) m * n * Float.BYTES);
    Pointer one = Pointer.to(new float[] {1});
    Pointer zero = Pointer.to(new float[] {0});
    int type = cudaDataType.CUDA_R_32F;
    assertEquals(
        SUCCESS,
        cublasGemmEx_new(
            handle,
            0,
            0,
            n,
            m,
            k,
            one,
            cuda.upload(b),
            type,
            n,
            cuda.upload(a),
            type,
            k,
            zero,
            c,
            type,
            n,
            compute,
            -1));
    return cuda.download(c, m * n);
  }

  private float sum(int compute, float... terms) {
    float[] ones = new float[terms.length];
    Arrays.fill(ones, 1);
    return product(1, 1, terms.length, terms, ones, compute)[0];
  }

  /** {@code first}, then as many of {@code others} as fill a block. */
  private static float[] block(float first, float others) {
    float[] terms = new float[BLOCK];
    Arrays.fill(terms, others);
    terms[0] = first;
    return terms;
  }

  @Test
  void floatsAreRoundedToNearestOneByOne() {
    // Half a unit in the last place, fifteen times: each is a tie and goes back to the even 1.
    assertEquals(1f, sum(STRICT, block(1, 0x1p-24f)));
    assertEquals(1 + 15 * 0x1p-23f, sum(STRICT, block(1, 0x1.8p-24f)));
  }

  @Test
  void tensorCoresAddABlockAtOnceAndCutItsSum() {
    // Exactly 1 + 7.5 units in the last place; cut to 7.
    assertEquals(1 + 7 * 0x1p-23f, sum(HALF, block(1, 0x1p-24f)));
    assertEquals(1 + 7 * 0x1p-23f, sum(BFLOAT16, block(1, 0x1p-24f)));
    // Toward zero on both sides of it.
    assertEquals(-1 - 7 * 0x1p-23f, sum(BFLOAT16, block(-1, -0x1p-24f)));
    // 1 minus 7.5 units is a number of the binade below, with one bit more.
    assertEquals(1 - 15 * 0x1p-24f, sum(BFLOAT16, block(1, -0x1p-24f)));
  }

  @Test
  void tensorCoresKeepTwoBitsBelowTheLargestAndDropTheRest() {
    assertEquals(1 + 3 * 0x1p-23f, sum(BFLOAT16, block(1, 0x1p-25f)));
    assertEquals(1f, sum(BFLOAT16, block(1, 0x1p-26f)));
    assertEquals(1f, sum(BFLOAT16, block(1, -0x1p-26f)));
  }

  @Test
  void tf32IsAddedByEights() {
    // 3.5 units in the last place, cut to 3, then 4 more.
    assertEquals(1 + 7 * 0x1p-23f, sum(TF32, block(1, 0x1p-24f)));
    // Each term is cut to 2^-25: 1.75 units, cut to 1, then 2 more.
    assertEquals(1 + 3 * 0x1p-23f, sum(TF32, block(1, 0x1.8p-25f)));
    assertEquals(1 + 3 * 0x1p-23f, sum(BFLOAT16, block(1, 0x1.8p-25f)), "3.75 at once");
  }

  @Test
  void whatIsInfiniteOrNoNumberStaysSo() {
    for (int compute : new int[] {STRICT, TF32, BFLOAT16}) {
      float infinity = Float.POSITIVE_INFINITY;
      assertEquals(infinity, sum(compute, block(infinity, -1)));
      assertTrue(Float.isNaN(sum(compute, block(infinity, -infinity))));
      assertTrue(Float.isNaN(sum(compute, block(Float.NaN, 1))));
      assertEquals(infinity, sum(compute, block(0x1p127f, 0x1p127f)), "overflow");
      assertEquals(0x1p127f, sum(compute, block(0x1p127f, 0x1p80f)), "no overflow");
    }
    assertEquals(Float.POSITIVE_INFINITY, sum(HALF, block(70_000, 0)), "beyond the type's range");
  }

  @Test
  void tinyNumbersKeepTheirSumOrBecomeZero() {
    assertEquals(16 * 0x1p-100f, sum(BFLOAT16, block(0x1p-100f, 0x1p-100f)));
    assertEquals(0f, sum(BFLOAT16, block(0, 0)));
    assertEquals(16 * 0x1p-149f, sum(STRICT, block(0x1p-149f, 0x1p-149f)));
  }

  /** The error is that of float32, not less, and no more than float32 sums of k terms can have. */
  @Test
  void longSumsErrAsFloatsDo() {
    int m = 24;
    int n = 20;
    for (int k : new int[] {40, 300, 5000}) {
      float[] a = uniform(m * k, 1);
      float[] b = uniform(k * n, 2);
      double strict = error(m, n, k, a, b, STRICT);
      double cut = error(m, n, k, a, b, BFLOAT16);
      // u·√k, and as far as a third of that below: not the error of sums in double.
      double u = 0x1p-24 * Math.sqrt(k);
      assertTrue(strict < 2 * u && strict > u / 30, k + " floats: " + strict / u);
      assertTrue(cut < 4 * u && cut > u / 30, k + " bfloat16: " + cut / u);
    }
  }

  /** The largest error, as a part of the root of the sum of the products' squares. */
  private double error(int m, int n, int k, float[] a, float[] b, int compute) {
    float[] got = product(m, n, k, a, b, compute);
    double worst = 0;
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        double squares = 0;
        for (int l = 0; l < k; l++) {
          double product = (double) a[i * k + l] * b[l * n + j];
          sum += product;
          squares += product * product;
        }
        worst = Math.max(worst, Math.abs(got[i * n + j] - sum) / Math.sqrt(squares));
      }
    }
    return worst;
  }

  @Test
  void theSameProductHasTheSameBitsAndAnotherShapeMayHaveOthers() {
    int k = 1000;
    boolean differs = false;
    for (int n = 1; n <= 24; n++) {
      float[] a = uniform(4 * k, 1);
      float[] b = uniform(k * n, 2);
      float[] all = product(4, n, k, a, b, STRICT);
      assertArrayEquals(all, product(4, n, k, a, b, STRICT));
      float[] first = product(1, n, k, Arrays.copyOf(a, k), b, STRICT);
      differs |= !Arrays.equals(first, Arrays.copyOf(all, n));
    }
    assertTrue(differs, "a row alone is summed in the order of the whole, for all shapes");
  }

  /** Numbers of few bits, exact in every type. */
  private static float[] uniform(int count, long seed) {
    Random random = new Random(seed);
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = Math.scalb(random.nextInt(255) - 127f, -7 - random.nextInt(8));
    }
    return values;
  }
}
