package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

/** A point in a stream that other streams, and the host, can wait for. */
final class CudaEvent implements AutoCloseable {
  private final CUevent handle = new CUevent();
  private boolean closed;

  /** Makes one in the current context. It keeps no time, which makes it cheap. */
  CudaEvent() {
    check(
        JCudaDriver.cuEventCreate(handle, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  }

  CUevent handle() {
    if (closed) {
      throw new IllegalStateException("an event is used after close");
    }
    return handle;
  }

  /** Waits until the work before the latest record has finished; at once if there was none. */
  void synchronize() {
    check(JCudaDriver.cuEventSynchronize(handle()), "cuEventSynchronize");
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      check(JCudaDriver.cuEventDestroy(handle), "cuEventDestroy");
    }
  }
}
