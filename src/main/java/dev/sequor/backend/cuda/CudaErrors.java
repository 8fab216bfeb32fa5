package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.DeviceMemoryException;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.cublasStatus;

/** Turns CUDA's status codes into exceptions that name what was running. */
final class CudaErrors {
  private CudaErrors() {}

  /**
   * Throws unless {@code result} is {@code CUDA_SUCCESS}. Where {@code what} would have to be put
   * together first, ask {@link #failure} only after a failure.
   *
   * @throws BackendException for example "cuMemAlloc of 4096 bytes failed: CUDA_ERROR_OUT_OF_MEMORY
   *     (2): out of memory"
   */
  static void check(int result, String what) {
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, what);
    }
  }

  /**
   * The exception for a driver call that returned {@code result}; a {@link DeviceMemoryException}
   * if there was not enough memory.
   */
  static BackendException failure(int result, String what) {
    String message = what + " failed: " + describe(result);
    return result == CUresult.CUDA_ERROR_OUT_OF_MEMORY
        ? new DeviceMemoryException(message)
        : new BackendException(message);
  }

  /** For example "CUDA_ERROR_OUT_OF_MEMORY (2): out of memory". */
  static String describe(int result) {
    String[] words = new String[1];
    boolean known = JCudaDriver.cuGetErrorString(result, words) == CUresult.CUDA_SUCCESS;
    return CUresult.stringFor(result)
        + " ("
        + result
        + ")"
        + (known && words[0] != null ? ": " + words[0] : "")
        + (losesContext(result)
            ? "; nothing more will work on this device until it is closed"
            : "");
  }

  /** 12060 is 12.6. */
  static String version(int number) {
    return number / 1000 + "." + number % 1000 / 10;
  }

  /** 90 is 9.0. */
  static String capability(int number) {
    return number / 10 + "." + number % 10;
  }

  /** Whether CUDA refuses all further work in the context after this error. */
  private static boolean losesContext(int result) {
    return switch (result) {
      case CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,
          CUresult.CUDA_ERROR_LAUNCH_TIMEOUT,
          CUresult.CUDA_ERROR_ASSERT,
          CUresult.CUDA_ERROR_HARDWARE_STACK_ERROR,
          CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION,
          CUresult.CUDA_ERROR_MISALIGNED_ADDRESS,
          CUresult.CUDA_ERROR_INVALID_ADDRESS_SPACE,
          CUresult.CUDA_ERROR_INVALID_PC,
          CUresult.CUDA_ERROR_LAUNCH_FAILED ->
          true;
      default -> false;
    };
  }

  /**
   * Throws unless {@code status} is {@code CUBLAS_STATUS_SUCCESS}.
   *
   * @throws BackendException for example "cublasGemmEx 128x64x256 failed:
   *     CUBLAS_STATUS_NOT_SUPPORTED (15)"
   */
  static void checkBlas(int status, String what) {
    if (status != cublasStatus.CUBLAS_STATUS_SUCCESS) {
      throw blasFailure(status, what);
    }
  }

  /**
   * The exception for a cuBLAS call that returned {@code status}; a {@link DeviceMemoryException}
   * if there was not enough memory.
   */
  static BackendException blasFailure(int status, String what) {
    String message = what + " failed: " + cublasStatus.stringFor(status) + " (" + status + ")";
    return status == cublasStatus.CUBLAS_STATUS_ALLOC_FAILED
        ? new DeviceMemoryException(message)
        : new BackendException(message);
  }
}
