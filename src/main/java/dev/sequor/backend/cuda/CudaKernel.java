package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.BackendException;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** One kernel of a {@link KernelLibrary}. */
final class CudaKernel {
  /** Above this, shared memory has to be asked for once per kernel. */
  private static final int SHARED_BYTES_FOR_ALL = 48 * 1024;

  private final String name;
  private final CUfunction function;
  private int sharedBytesAllowed = SHARED_BYTES_FOR_ALL;

  CudaKernel(String name, CUfunction function) {
    this.name = name;
    this.function = function;
  }

  /** The name in the module. */
  String name() {
    return name;
  }

  /**
   * Queues the kernel. The caller answers for the arguments: CUDA checks neither number nor types.
   *
   * @param blockX threads per block
   * @param sharedBytes dynamic shared memory per block
   * @throws BackendException if the launch is refused; names kernel, grid, block and error. What
   *     fails while the kernel runs is reported when the stream is synchronised
   */
  void launch(
      CudaStream stream,
      int gridX,
      int gridY,
      int blockX,
      int sharedBytes,
      KernelArguments arguments) {
    if (sharedBytes > sharedBytesAllowed) {
      allowSharedBytes(sharedBytes);
    }
    int result =
        JCudaDriver.cuLaunchKernel(
            function,
            gridX,
            gridY,
            1,
            blockX,
            1,
            1,
            sharedBytes,
            stream.handle(),
            arguments.table(),
            null);
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(
          result,
          "kernel "
              + name
              + " with grid ("
              + gridX
              + ", "
              + gridY
              + "), block "
              + blockX
              + ", "
              + sharedBytes
              + " bytes of shared memory and "
              + arguments.count()
              + " arguments");
    }
  }

  private void allowSharedBytes(int sharedBytes) {
    int result =
        JCudaDriver.cuFuncSetAttribute(
            function,
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
            sharedBytes);
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(
          result, "kernel " + name + ": asking for " + sharedBytes + " bytes of shared memory");
    }
    sharedBytesAllowed = sharedBytes;
  }
}
