package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Random;
import java.util.TreeMap;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Kernels: how threads, warps, blocks and whole grids work together, and what a launch may not be.
 */
class SimulatorKernelsTest extends SimulatorTest {
  @ParameterizedTest(name = "width {0}")
  @ValueSource(ints = {2, 8, 32})
  void shufflesMoveValuesWithinTheirSegment(int width) {
    int threads = 96;
    CUdeviceptr to = cuda.allocate(5L * threads * Float.BYTES);
    for (long seed = 1; seed <= 5; seed++) {
      control.set(Field.SEED, seed);
      assertEquals(
          SUCCESS, cuda.launch("simulator_shuffles", Shape.of(1, threads), null, to, width));
      assertArrayEquals(expectedShuffles(threads, width), cuda.download(to, 5 * threads));
    }
  }

  private static float[] expectedShuffles(int threads, int width) {
    float[] expected = new float[5 * threads];
    for (int i = 0; i < threads; i++) {
      int first = i - i % width;
      int last = first + width - 1;
      expected[i] = (first + last) * width / 2f;
      expected[threads + i] = (first + i) * (i - first + 1) / 2f;
      expected[2 * threads + i] = Math.min(i + 1, last);
      expected[3 * threads + i] = last;
      int warp = i - i % 32;
      for (int lane = warp; lane < warp + 32; lane++) {
        expected[4 * threads + i] += lane % 3 == 0 ? 1 : 0;
      }
    }
    return expected;
  }

  @Test
  void collectivesDoNotWaitForLanesThatHaveReturned() {
    CUdeviceptr to = cuda.upload(filled(32, -1));
    for (long seed = 1; seed <= 5; seed++) {
      control.set(Field.SEED, seed);
      assertEquals(
          SUCCESS, cuda.launch("simulator_shuffle_after_return", Shape.of(1, 32), null, to, 20));
      float[] got = cuda.download(to, 32);
      assertEquals(0, got[19]);
      assertEquals(-1, got[20]);
    }
  }

  @ParameterizedTest(name = "seed {0}")
  @ValueSource(longs = {1, 2, 3})
  void persistentKernelWithGridBarrierMatchesDoubleReference(long seed) {
    int T = 7;
    int H = 64;
    int blocks = 4;
    int rows = H / blocks;
    Random random = new Random(1);
    float[] R = uniform(random, H * H, 0.1f);
    float[] wx = uniform(random, T * H, 0.5f);
    CUdeviceptr h = cuda.upload(new float[(T + 1) * H]);
    CUdeviceptr counter = cuda.upload(0f);
    CUdeviceptr bad = cuda.upload(0f);
    control.set(Field.SEED, seed);
    Shape shape = new Shape(blocks, 64, rows * H * Float.BYTES);
    assertEquals(
        SUCCESS,
        cuda.launchCooperative(
            "simulator_persistent_rnn",
            shape,
            T,
            H,
            rows,
            cuda.upload(R),
            cuda.upload(wx),
            h,
            counter,
            bad));
    float[] got = cuda.download(h, (T + 1) * H);
    assertEquals(0f, cuda.download(bad, 1)[0]);
    assertClose(reference(T, H, R, wx), got, 1e-5);
  }

  /** h_t = tanh(wx_t + R·h_{t-1}), h_0 = 0: [T+1,H]. */
  private static double[] reference(int T, int H, float[] R, float[] wx) {
    double[] h = new double[(T + 1) * H];
    for (int t = 0; t < T; t++) {
      for (int i = 0; i < H; i++) {
        double sum = wx[t * H + i];
        for (int k = 0; k < H; k++) {
          sum += R[i * H + k] * h[t * H + k];
        }
        h[(t + 1) * H + i] = Math.tanh(sum);
      }
    }
    return h;
  }

  @Test
  void gridBarrierOfAPlainLaunchGivesUpInsteadOfHanging() {
    int H = 64;
    CUdeviceptr bad = cuda.upload(0f);
    CUdeviceptr zeros = cuda.upload(new float[2 * H]);
    // Blocks of a plain launch need not run at once; here they run one after another.
    Shape shape = new Shape(2, 64, 32 * H * Float.BYTES);
    CUdeviceptr R = cuda.upload(new float[H * H]);
    CUdeviceptr counter = cuda.upload(0f);
    assertEquals(
        SUCCESS,
        cuda.launch(
            "simulator_persistent_rnn", shape, null, 1, H, 32, R, zeros, zeros, counter, bad));
    assertEquals(Float.intBitsToFloat(1), cuda.download(bad, 1)[0]);
  }

  @Test
  void runsRepeatWithTheirSeed() {
    float[] first = racyResult(5);
    assertArrayEquals(first, racyResult(5));
    assertTrue(!Arrays.equals(first, racyResult(6)), "another seed gives another order");
  }

  /** What a kernel with a missing barrier leaves behind. */
  private float[] racyResult(long seed) {
    int threads = 128;
    float[] values = new float[threads];
    for (int i = 0; i < threads; i++) {
      values[i] = i;
    }
    CUdeviceptr data = cuda.upload(values);
    control.set(Field.SEED, seed);
    Shape shape = new Shape(1, threads, threads * Float.BYTES);
    assertEquals(SUCCESS, cuda.launch("simulator_reverse_without_barrier", shape, null, data));
    float[] got = cuda.download(data, threads);
    for (int i = 0; i < threads; i++) {
      got[i] = Float.isNaN(got[i]) ? -1 : got[i];
    }
    return got;
  }

  @Test
  void launchesThatNoDeviceCouldRunAreRefused() {
    CUdeviceptr to = cuda.upload(1);
    assertEquals(
        CUresult.CUDA_ERROR_INVALID_VALUE,
        cuda.launch("simulator_fill", Shape.of(1, 1025), null, to, 1L, 1f));
    assertEquals(
        CUresult.CUDA_ERROR_INVALID_VALUE,
        cuda.launch("simulator_fill", Shape.of(0, 32), null, to, 1L, 1f));
    Shape large = new Shape(1, 32, 100_000);
    assertEquals(
        CUresult.CUDA_ERROR_INVALID_VALUE, cuda.launch("simulator_fill", large, null, to, 1L, 1f));
    assertEquals(
        CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
        cuda.launchCooperative("simulator_fill", Shape.of(100_000, 32), to, 1L, 1f));
    assertEquals(SUCCESS, cuCtxSynchronize());
  }

  @Test
  void sharedMemoryBeyond48KiBNeedsTheAttribute() {
    CUdeviceptr data = cuda.upload(new float[64]);
    CUfunction function = cuda.function("simulator_reverse");
    int attribute = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    assertEquals(SUCCESS, cuFuncSetAttribute(function, attribute, 100_000));
    Shape large = new Shape(1, 64, 100_000);
    assertEquals(SUCCESS, cuda.launch("simulator_reverse", large, null, data));
    assertEquals(SUCCESS, cuCtxSynchronize());
    assertEquals(
        CUresult.CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(function, attribute, 300_000));
  }

  /** What nvcc and g++ made of the same sources; the backend compares what it passes with PTX. */
  @Test
  void parametersAreThoseOfThePtx() throws IOException {
    Properties shipped = new Properties();
    try (InputStream in =
        SimulatorKernelsTest.class.getResourceAsStream(
            "/dev/sequor/backend/cuda/kernels.properties")) {
      shipped.load(Objects.requireNonNull(in));
    }
    Map<String, String> expected = new TreeMap<>();
    for (String key : shipped.stringPropertyNames()) {
      if (key.startsWith("parameters.")) {
        expected.put(key.substring("parameters.".length()), shipped.getProperty(key));
      }
    }
    assertTrue(expected.size() > 50, () -> "kernels with parameters: " + expected);
    Map<String, String> compiled = new TreeMap<>(SimulatorControl.kernels());
    compiled.keySet().removeIf(name -> name.matches("(simulator|constants)_.*"));
    assertEquals(expected, compiled);
  }

  @Test
  void unknownKernelsAndImagesAreRefused() {
    CUmodule module = new CUmodule();
    assertEquals(CUresult.CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(module, new byte[64]));
    byte[] fatbin = {0x50, (byte) 0xed, 0x55, (byte) 0xba, 1, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    assertEquals(SUCCESS, cuModuleLoadData(module, fatbin));
    assertEquals(
        CUresult.CUDA_ERROR_NOT_FOUND,
        cuModuleGetFunction(new CUfunction(), module, "no_such_kernel"));
  }

  private static float[] filled(int count, float value) {
    float[] values = new float[count];
    Arrays.fill(values, value);
    return values;
  }

  private static float[] uniform(Random random, int count, float bound) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (2 * random.nextFloat() - 1) * bound;
    }
    return values;
  }

  private static void assertClose(double[] expected, float[] got, double tolerance) {
    for (int i = 0; i < expected.length; i++) {
      assertEquals(expected[i], got[i], tolerance);
    }
  }
}
