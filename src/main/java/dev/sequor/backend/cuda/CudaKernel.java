package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.BackendException;
import jcuda.driver.CUfunction;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** One kernel of a {@link KernelLibrary}. */
final class CudaKernel {
  private final String name;
  private final KernelSignature signature;
  private final CUfunction function;

  CudaKernel(String name, KernelSignature signature, CUfunction function) {
    this.name = name;
    this.signature = signature;
    this.function = function;
  }

  /** The name in the module. */
  String name() {
    return name;
  }

  /**
   * Queues the kernel.
   *
   * @param blockX threads per block
   * @throws IllegalStateException if the arguments are not of the number and types of the kernel's
   *     parameters, which CUDA would not notice
   * @throws BackendException if the launch is refused; names kernel, grid, block and error. What
   *     fails while the kernel runs is reported when the stream is synchronised
   */
  void launch(CudaStream stream, int gridX, int gridY, int blockX, KernelArguments arguments) {
    if (!arguments.fit(signature)) {
      throw new IllegalStateException(
          "kernel " + name + " takes (" + signature + ") and is given (" + arguments.types() + ")");
    }
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
