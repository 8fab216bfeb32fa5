package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;
import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.BackendException;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Map;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** The compiled kernels of this build, loaded into one context. */
final class KernelLibrary implements AutoCloseable {
  static final String RESOURCE = "sequor.fatbin";

  private final CUmodule module = new CUmodule();
  private final Map<String, CudaKernel> kernels = new HashMap<>();
  private boolean closed;

  /** Loads the kernels into the current context. */
  KernelLibrary() {
    check(
        JCudaDriver.cuModuleLoadData(module, resource()),
        "cuModuleLoadData of kernels " + RESOURCE);
  }

  private static byte[] resource() {
    try (InputStream in = KernelLibrary.class.getResourceAsStream(RESOURCE)) {
      if (in == null) {
        throw new BackendException(
            "this build holds no kernels: the resource dev/sequor/backend/cuda/"
                + RESOURCE
                + " is missing");
      }
      return in.readAllBytes();
    } catch (IOException e) {
      throw new BackendException("kernels " + RESOURCE + " cannot be read: " + e.getMessage(), e);
    }
  }

  /**
   * The kernel of that name; looked up once.
   *
   * @throws BackendException if the module has none
   */
  CudaKernel kernel(String name) {
    if (closed) {
      throw new IllegalStateException("kernel " + name + " is asked for after close");
    }
    return kernels.computeIfAbsent(name, this::find);
  }

  private CudaKernel find(String name) {
    CUfunction function = new CUfunction();
    int result = JCudaDriver.cuModuleGetFunction(function, module, name);
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, "looking for kernel '" + name + "' in " + RESOURCE);
    }
    return new CudaKernel(name, function);
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      kernels.clear();
      check(JCudaDriver.cuModuleUnload(module), "cuModuleUnload");
    }
  }
}
