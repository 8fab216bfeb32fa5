package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasGemmEx_new;
import static jcuda.jcublas.JCublas2.cublasGemmStridedBatchedEx_new;
import static jcuda.jcublas.JCublas2.cublasSetMathMode;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.util.Random;
import java.util.stream.Stream;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasMath;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The matrix products of the simulated cuBLAS against sums in double precision. */
class SimulatorProductsTest extends SimulatorTest {
  private static final int FLOAT = cudaDataType.CUDA_R_32F;
  private static final int STRICT = cublasComputeType.CUBLAS_COMPUTE_32F;
  private static final int TF32 = cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32;
  private static final int WORKSPACE = 1 << 16;

  private final cublasHandle handle = new cublasHandle();

  @BeforeEach
  void create() {
    assertEquals(SUCCESS, cublasCreate(handle));
  }

  @AfterEach
  void destroy() {
    assertEquals(SUCCESS, cublasDestroy(handle));
  }

  /** The element formats of products, with the rounding that a value suffers when it is stored. */
  enum Format {
    FLOAT32(cudaDataType.CUDA_R_32F, 24),
    FLOAT16(cudaDataType.CUDA_R_16F, 11),
    BFLOAT16(cudaDataType.CUDA_R_16BF, 8);

    final int type;
    final int precision;

    Format(int type, int precision) {
      this.type = type;
      this.precision = precision;
    }

    int bytes() {
      return this == FLOAT32 ? 4 : 2;
    }

    double roundOff() {
      return Math.scalb(1.0, -precision);
    }

    /** A multiple of 1/16 below 8 is exact in every format. */
    int encode(float value) {
      int bits = Float.floatToIntBits(value);
      if (this == FLOAT32) {
        return bits;
      }
      if (this == BFLOAT16) {
        return bits >>> 16;
      }
      if (value == 0) {
        return 0;
      }
      return ((bits >>> 16) & 0x8000) | ((((bits >>> 13) & 0x3ffff) - (112 << 10)) & 0x7fff);
    }

    float decode(int stored) {
      if (this == FLOAT32) {
        return Float.intBitsToFloat(stored);
      }
      if (this == BFLOAT16) {
        return Float.intBitsToFloat(stored << 16);
      }
      int exponent = (stored >> 10) & 31;
      double fraction = (stored & 1023) / 1024.0;
      double magnitude =
          exponent == 0 ? fraction * 0x1p-14 : Math.scalb(1 + fraction, exponent - 15);
      return (float) ((stored & 0x8000) == 0 ? magnitude : -magnitude);
    }
  }

  record Case(Format in, Format out, boolean transposeA, boolean transposeB, int m, int n, int k) {}

  static Stream<Case> cases() {
    int[][] sizes = {
      {1, 1, 1}, {5, 3, 7}, {33, 17, 40}, {70, 130, 300}, {257, 1, 513}, {1, 200, 31}
    };
    return Stream.of(Format.values())
        .flatMap(in -> Stream.of(in, Format.FLOAT32).distinct().map(out -> new Format[] {in, out}))
        .flatMap(
            f ->
                Stream.of(sizes)
                    .flatMap(
                        s ->
                            Stream.of(0, 1, 2, 3)
                                .map(
                                    t ->
                                        new Case(
                                            f[0],
                                            f[1],
                                            (t & 1) != 0,
                                            (t & 2) != 0,
                                            s[0],
                                            s[1],
                                            s[2]))));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void productMatchesDoubleReference(Case c) {
    Matrix a = new Matrix(c.in, c.transposeA ? c.k : c.m, c.transposeA ? c.m : c.k, 3, 1);
    Matrix b = new Matrix(c.in, c.transposeB ? c.n : c.k, c.transposeB ? c.k : c.n, 2, 2);
    Matrix d = new Matrix(c.out, c.m, c.n, 5, 3);
    assertEquals(SUCCESS, gemm(c, 0.5f, a, b, -2, d, STRICT));
    float[] got = d.download();
    for (int j = 0; j < c.n; j++) {
      for (int i = 0; i < c.m; i++) {
        double sum = 0;
        double magnitude = 0;
        for (int k = 0; k < c.k; k++) {
          double product =
              (double) (c.transposeA ? a.get(k, i) : a.get(i, k))
                  * (c.transposeB ? b.get(j, k) : b.get(k, j));
          sum += product;
          magnitude += Math.abs(product);
        }
        double expected = 0.5 * sum - 2 * d.get(i, j);
        double tolerance = 1e-6 * magnitude + c.out.roundOff() * Math.abs(expected);
        assertEquals(expected, got[i + j * d.leading], tolerance + 1e-30);
      }
    }
    for (int j = 0; j < c.n; j++) { // what lies between the columns stays
      assertEquals(d.get(c.m, j), got[c.m + j * d.leading]);
    }
  }

  @Test
  void zeroBetaDoesNotReadTheResult() {
    Case c = new Case(Format.FLOAT32, Format.FLOAT32, false, false, 4, 4, 4);
    Matrix a = new Matrix(Format.FLOAT32, 4, 4, 0, 1);
    Matrix fresh = new Matrix(Format.FLOAT32, 4, 4, 0, cuda.allocate(64));
    assertEquals(SUCCESS, gemm(c, 1, a, a, 0, fresh, STRICT));
    for (float value : cuda.download(fresh.data, 16)) {
      assertTrue(Float.isFinite(value));
    }
  }

  @Test
  void tf32RoundsItsOperandsToTenBits() {
    float fine = 1 + 0x1p-12f; // beyond TF32, which keeps 2^-10
    CUdeviceptr a = cuda.upload(fine);
    CUdeviceptr b = cuda.upload(1);
    CUdeviceptr c = cuda.upload(0);
    assertEquals(fine, scalarProduct(a, b, c, STRICT));
    assertEquals(1f, scalarProduct(a, b, c, TF32));
    assertEquals(SUCCESS, cublasSetMathMode(handle, cublasMath.CUBLAS_TF32_TENSOR_OP_MATH));
    assertEquals(1f, scalarProduct(a, b, c, STRICT));
    assertEquals(fine, scalarProduct(a, b, c, cublasComputeType.CUBLAS_COMPUTE_32F_PEDANTIC));
  }

  private float scalarProduct(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, int compute) {
    Case one = new Case(Format.FLOAT32, Format.FLOAT32, false, false, 1, 1, 1);
    Format f = Format.FLOAT32;
    assertEquals(
        SUCCESS,
        gemm(
            one,
            1,
            new Matrix(f, 1, 1, 0, a),
            new Matrix(f, 1, 1, 0, b),
            0,
            new Matrix(f, 1, 1, 0, c),
            compute));
    return cuda.download(c, 1)[0];
  }

  @Test
  void batchesStepThroughTheirMatrices() {
    CUdeviceptr a = cuda.upload(1, 2, 3, 4);
    CUdeviceptr b = cuda.upload(10, 100);
    CUdeviceptr c = cuda.upload(0, 0, 0, 0);
    assertEquals(
        SUCCESS,
        cublasGemmStridedBatchedEx_new(
            handle, 0, 0, 2, 1, 1, one(), a, FLOAT, 2, 2, b, FLOAT, 1, 1, zero(), c, FLOAT, 2, 2, 2,
            STRICT, -1));
    float[] got = cuda.download(c, 4);
    assertEquals(10, got[0]);
    assertEquals(20, got[1]);
    assertEquals(300, got[2]);
    assertEquals(400, got[3]);
  }

  @Test
  void productsAreQueuedAndCapturedInTheStreamOfTheirHandle() {
    CUstream stream = new CUstream();
    RawCuda.require(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    assertEquals(SUCCESS, cublasSetStream(handle, new cudaStream_t(stream)));
    assertEquals(SUCCESS, cublasSetWorkspace(handle, cuda.allocate(WORKSPACE), WORKSPACE));
    CUdeviceptr a = cuda.upload(3);
    CUdeviceptr c = cuda.upload(0);
    RawCuda.require(
        cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL));
    long before = control.get(Field.GEMMS);
    assertEquals(
        SUCCESS,
        cublasGemmEx_new(
            handle, 0, 0, 1, 1, 1, one(), a, FLOAT, 1, a, FLOAT, 1, one(), c, FLOAT, 1, STRICT,
            -1));
    CUgraph graph = new CUgraph();
    RawCuda.require(cuStreamEndCapture(stream, graph));
    CUgraphExec executable = new CUgraphExec();
    RawCuda.require(cuGraphInstantiate(executable, graph, 0));
    RawCuda.require(cuGraphLaunch(executable, stream));
    RawCuda.require(cuGraphLaunch(executable, stream));
    assertEquals(before, control.get(Field.GEMMS));
    RawCuda.require(cuStreamSynchronize(stream));
    assertEquals(before + 2, control.get(Field.GEMMS));
    assertEquals(18, cuda.download(c, 1)[0]);
  }

  @Test
  void leadingDimensionBelowTheRowsIsRefused() {
    CUdeviceptr a = cuda.upload(new float[16]);
    assertEquals(
        cublasStatus.CUBLAS_STATUS_INVALID_VALUE,
        cublasGemmEx_new(
            handle, 0, 0, 4, 4, 4, one(), a, FLOAT, 3, a, FLOAT, 4, zero(), a, FLOAT, 4, STRICT,
            -1));
    assertTrue(control.lastError().contains("leading dimension 3 of A, which has 4 rows"));
  }

  @Test
  void matrixThatReachesPastItsMemoryIsReported() {
    CUdeviceptr a = cuda.upload(new float[15]);
    CUdeviceptr c = cuda.upload(new float[16]);
    assertEquals(
        SUCCESS,
        cublasGemmEx_new(
            handle, 0, 0, 4, 4, 4, one(), a, FLOAT, 4, c, FLOAT, 4, zero(), c, FLOAT, 4, STRICT,
            -1));
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    String message = control.lastError();
    assertTrue(message.contains("m=4 n=4 k=4, matrix A"), message);
    assertTrue(message.contains("4 bytes past the end"), message);
  }

  private int gemm(Case c, float alpha, Matrix a, Matrix b, float beta, Matrix d, int compute) {
    return cublasGemmEx_new(
        handle,
        c.transposeA ? 1 : 0,
        c.transposeB ? 1 : 0,
        c.m,
        c.n,
        c.k,
        Pointer.to(new float[] {alpha}),
        a.data,
        a.format.type,
        a.leading,
        b.data,
        b.format.type,
        b.leading,
        Pointer.to(new float[] {beta}),
        d.data,
        d.format.type,
        d.leading,
        compute,
        -1);
  }

  private static Pointer one() {
    return Pointer.to(new float[] {1});
  }

  private static Pointer zero() {
    return Pointer.to(new float[] {0});
  }

  /** A column-major matrix on the device, and its values, which its format holds exactly. */
  private static final class Matrix {
    final Format format;
    final int leading;
    final CUdeviceptr data;
    private final float[] values;

    Matrix(Format format, int rows, int columns, int padding, long seed) {
      this(format, rows, columns, padding, new CUdeviceptr());
      RawCuda.require(
          jcuda.driver.JCudaDriver.cuMemAlloc(data, (long) values.length * format.bytes()));
      Random random = new Random(seed);
      byte[] bytes = new byte[values.length * format.bytes()];
      for (int i = 0; i < values.length; i++) {
        values[i] = (random.nextInt(127) - 63) / 16f;
        int stored = format.encode(values[i]);
        for (int b = 0; b < format.bytes(); b++) {
          bytes[i * format.bytes() + b] = (byte) (stored >> (8 * b));
        }
      }
      RawCuda.require(cuMemcpyHtoD(data, Pointer.to(bytes), bytes.length));
    }

    Matrix(Format format, int rows, int columns, int padding, CUdeviceptr data) {
      this.format = format;
      this.leading = rows + padding;
      this.data = data;
      this.values = new float[leading * columns];
    }

    float get(int row, int column) {
      return values[row + column * leading];
    }

    float[] download() {
      byte[] bytes = new byte[values.length * format.bytes()];
      RawCuda.read(data, bytes.length).get(bytes);
      float[] decoded = new float[values.length];
      for (int i = 0; i < decoded.length; i++) {
        int stored = 0;
        for (int b = format.bytes() - 1; b >= 0; b--) {
          stored = (stored << 8) | (bytes[i * format.bytes() + b] & 0xff);
        }
        decoded[i] = format.decode(stored);
      }
      return decoded;
    }
  }
}
