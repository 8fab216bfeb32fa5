package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.BackendException;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** One kernel of a {@link KernelLibrary}. */
final class CudaKernel {
  private final String name;
  private final CUfunction function;

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
   * @throws BackendException if the launch is refused; names kernel, grid, block and error. What
   *     fails while the kernel runs is reported when the stream is synchronised
   */
  void launch(CudaStream stream, int gridX, int gridY, int blockX, KernelArguments arguments) {
    int result =
        JCudaDriver.cuLaunchKernel(
            function, gridX, gridY, 1, blockX, 1, 1, 0, stream.handle(), arguments.table(), null);
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
              + " and "
              + arguments.count()
              + " arguments");
    }
  }
}
