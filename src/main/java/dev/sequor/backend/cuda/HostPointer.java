package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;
import jcuda.driver.JCudaDriver;

/** Page-locked host memory, which the device copies to and from while the processor does others. */
final class HostPointer extends Pointer implements AutoCloseable {
  private final ByteBuffer bytes;
  private boolean closed;

  /** Allocates; the context of the device must be current. */
  HostPointer(int size, String holder) {
    check(
        JCudaDriver.cuMemHostAlloc(this, size, JCudaDriver.CU_MEMHOSTALLOC_PORTABLE),
        "cuMemHostAlloc of " + size + " bytes for " + holder);
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
      check(JCudaDriver.cuMemFreeHost(this), "cuMemFreeHost");
    }
  }
}
