package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendUnavailableException;
import jcuda.Pointer;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;
import jcuda.runtime.cudaStream_t;

/**
 * A program: loads cuBLAS as the backend does, then libraries that it is given, and calls each
 * function that is forwarded once.
 */
final class CublasCalls {
  private CublasCalls() {}

  public static void main(String[] args) {
    try {
      CudaLibraries.loadBlas();
    } catch (BackendUnavailableException e) {
      System.out.println(e.getMessage());
      System.exit(1);
    }
    for (String library : args) {
      System.load(library);
    }
    cublasHandle handle = new cublasHandle();
    JCublas2.cublasCreate(handle);
    int[] value = new int[1];
    JCublas2.cublasGetVersion(handle, value);
    int version = value[0];
    JCublas2.cublasSetStream(handle, new cudaStream_t());
    JCublas2.cublasGetStream(handle, new cudaStream_t());
    JCublas2.cublasSetWorkspace(handle, DevicePointer.of(0x100), 1L << 33);
    JCublas2.cublasSetPointerMode(handle, 1);
    JCublas2.cublasGetPointerMode(handle, value);
    int pointerMode = value[0];
    JCublas2.cublasSetMathMode(handle, 5);
    JCublas2.cublasGetMathMode(handle, value);
    int mathMode = value[0];
    Pointer alpha = Pointer.to(new float[] {2.5f});
    Pointer beta = Pointer.to(new float[] {-1f});
    Pointer a = DevicePointer.of(0xa00);
    Pointer b = DevicePointer.of(0xb00);
    Pointer c = DevicePointer.of(0xc00);
    int status =
        JCublas2.cublasGemmEx_new(
            handle, 0, 1, 2, 3, 4, alpha, a, 5, 6, b, 7, 8, beta, c, 9, 10, 68, -1);
    JCublas2.cublasGemmStridedBatchedEx_new(
        handle, 1, 0, 2, 3, 4, alpha, a, 5, 6, 1L << 40, b, 7, 8, 2L << 40, beta, c, 9, 10,
        3L << 40, 11, 68, -1);
    JCublas2.cublasSgemm(handle, 1, 1, 2, 3, 4, alpha, a, 5, b, 6, beta, c, 7);
    JCublas2.cublasDestroy(handle);
    System.out.println(
        "java saw version "
            + version
            + ", pointer mode "
            + pointerMode
            + ", math mode "
            + mathMode
            + ", status "
            + status);
  }
}
