package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;
import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.Closing;
import dev.sequor.backend.DeviceMemoryException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** Page-locked host memory, which the device copies to and from while the processor does others. */
final class HostPointer extends Pointer implements AutoCloseable {
  private final CudaContext context;
  private final ByteBuffer bytes;
  private boolean closed;

  /**
   * Allocates in the context, which is current.
   *
   * @param holder who holds it, in words, for the message when there is not enough
   * @throws DeviceMemoryException if the host does not lock that much
   */
  HostPointer(CudaContext context, int size, String holder) {
    this.context = context;
    int result = JCudaDriver.cuMemHostAlloc(this, size, JCudaDriver.CU_MEMHOSTALLOC_PORTABLE);
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new DeviceMemoryException(
          "no memory for "
              + holder
              + ": needed "
              + size
              + " page-locked bytes; cuMemHostAlloc failed: "
              + CudaErrors.describe(result));
    }
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, "cuMemHostAlloc of " + size + " bytes for " + holder);
    }
    bytes = getByteBuffer(0, size).order(ByteOrder.nativeOrder());
  }

  long address() {
    return getNativePointer();
  }

  /** The memory; position and limit are the caller's to set. */
  ByteBuffer bytes() {
    if (closed) {
      throw new IllegalStateException("page-locked memory is used after close");
    }
    return bytes;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      new Closing()
          .then(context::makeCurrent)
          .then(() -> check(JCudaDriver.cuMemFreeHost(this), "cuMemFreeHost"))
          .end();
    }
  }
}
