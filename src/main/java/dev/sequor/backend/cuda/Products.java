package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.blasFailure;
import static dev.sequor.backend.cuda.CudaErrors.checkBlas;

import dev.sequor.backend.Closing;
import jcuda.Pointer;
import jcuda.cudaDataType;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasComputeType;
import jcuda.jcublas.cublasGemmAlgo;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasOperation;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;

/**
 * Matrix products of one stream, by cuBLAS. All matrices are row-major; sums are float32. Each
 * stream has a handle and a workspace of its own, without which cuBLAS promises neither equal bits
 * from run to run nor work that can be captured.
 */
final class Products implements AutoCloseable {
  /** What NVIDIA recommends for Hopper; smaller devices are content with an eighth. */
  private static final long WORKSPACE_BYTES = 32L << 20;

  private static final Pointer ONE = NativeBytes.of(1f);
  private static final Pointer ZERO = NativeBytes.of(0f);

  private final cublasHandle handle = new cublasHandle();
  private final CudaContext context;
  private final MathMode mode;
  private final DeviceMemory.Block workspace;

  Products(CudaDevice device, CudaStream stream, MathMode mode) {
    this.context = stream.context();
    this.mode = mode;
    long bytes = device.computeCapability() >= 90 ? WORKSPACE_BYTES : WORKSPACE_BYTES / 8;
    workspace = device.memory().allocate(bytes, "cuBLAS workspace");
    boolean created = false;
    try {
      checkBlas(JCublas2.cublasCreate(handle), "cublasCreate");
      created = true;
      checkBlas(
          JCublas2.cublasSetStream(handle, new cudaStream_t(stream.handle())), "cublasSetStream");
      checkBlas(
          JCublas2.cublasSetWorkspace(handle, DevicePointer.of(workspace.address()), bytes),
          "cublasSetWorkspace");
    } catch (RuntimeException | Error e) {
      Closing.after(e, created ? this::destroy : () -> {}, workspace::close);
      throw e;
    }
  }

  /**
   * A matrix of a product.
   *
   * @param address of its first element
   * @param rowElements elements from one row to the next
   * @param transposed whether memory holds the transpose of the matrix that is meant
   */
  record Matrix(long address, int rowElements, boolean transposed) {
    static Matrix of(long address, int rowElements) {
      return new Matrix(address, rowElements, false);
    }

    static Matrix transposed(long address, int rowElements) {
      return new Matrix(address, rowElements, true);
    }

    private int operation() {
      return transposed ? cublasOperation.CUBLAS_OP_T : cublasOperation.CUBLAS_OP_N;
    }
  }

  /** {@code c [m,n] = a [m,k] · b [k,n] (+ c)}; a and b are operands of the math mode. */
  void multiply(int m, int n, int k, Matrix a, Matrix b, boolean add, long c, int rowElementsOfC) {
    multiply(m, n, k, a, mode.blasType(), b, operandCompute(), add, c, rowElementsOfC);
  }

  /** The same for float32 matrices, which cuBLAS rounds to the mode's type itself. */
  void multiplyFloats(
      int m, int n, int k, Matrix a, Matrix b, boolean add, long c, int rowElementsOfC) {
    multiply(
        m, n, k, a, cudaDataType.CUDA_R_32F, b, mode.floatComputeType(), add, c, rowElementsOfC);
  }

  private int operandCompute() {
    return mode == MathMode.TF32
        ? cublasComputeType.CUBLAS_COMPUTE_32F_FAST_TF32
        : cublasComputeType.CUBLAS_COMPUTE_32F;
  }

  /** cuBLAS is column-major, so it is asked for {@code cᵀ = bᵀ · aᵀ}. */
  private void multiply(
      int m,
      int n,
      int k,
      Matrix a,
      int type,
      Matrix b,
      int compute,
      boolean add,
      long c,
      int rowElementsOfC) {
    int status =
        JCublas2.cublasGemmEx_new(
            handle,
            b.operation(),
            a.operation(),
            n,
            m,
            k,
            ONE,
            DevicePointer.of(b.address),
            type,
            b.rowElements,
            DevicePointer.of(a.address),
            type,
            a.rowElements,
            add ? ONE : ZERO,
            DevicePointer.of(c),
            cudaDataType.CUDA_R_32F,
            rowElementsOfC,
            compute,
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw blasFailure(status, "cublasGemmEx [" + m + "," + k + "]·[" + k + "," + n + "] " + mode);
    }
  }

  /**
   * {@code count} products at once, whose matrices lie at equal distances (in elements): {@code c_i
   * += a_i · b_i}; a and b are operands of the math mode, {@code b} is shared.
   */
  void addBatch(
      int count,
      int m,
      int n,
      int k,
      Matrix a,
      long distanceOfA,
      Matrix b,
      long c,
      int rowElementsOfC,
      long distanceOfC) {
    int status =
        JCublas2.cublasGemmStridedBatchedEx_new(
            handle,
            b.operation(),
            a.operation(),
            n,
            m,
            k,
            ONE,
            DevicePointer.of(b.address),
            mode.blasType(),
            b.rowElements,
            0,
            DevicePointer.of(a.address),
            mode.blasType(),
            a.rowElements,
            distanceOfA,
            ONE,
            DevicePointer.of(c),
            cudaDataType.CUDA_R_32F,
            rowElementsOfC,
            distanceOfC,
            count,
            operandCompute(),
            cublasGemmAlgo.CUBLAS_GEMM_DEFAULT);
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw blasFailure(
          status,
          "cublasGemmStridedBatchedEx " + count + " × [" + m + "," + k + "]·[" + k + "," + n + "]");
    }
  }

  private void destroy() {
    checkBlas(JCublas2.cublasDestroy(handle), "cublasDestroy");
  }

  @Override
  public void close() {
    new Closing().then(context::makeCurrent).then(this::destroy).then(workspace::close).end();
  }
}
