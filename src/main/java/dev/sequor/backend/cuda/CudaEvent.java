package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import dev.sequor.backend.Closing;
import jcuda.driver.CUevent;
import jcuda.driver.CUevent_flags;
import jcuda.driver.JCudaDriver;

/** A point in a stream that other streams, and the host, can wait for. */
final class CudaEvent implements AutoCloseable {
  private final CudaContext context;
  private final CUevent handle = new CUevent();
  private boolean closed;

  /** Makes one in the context, which is current. It keeps no time, which makes it cheap. */
  CudaEvent(CudaContext context) {
    this.context = context;
    check(
        JCudaDriver.cuEventCreate(handle, CUevent_flags.CU_EVENT_DISABLE_TIMING), "cuEventCreate");
  }

  CudaContext context() {
    return context;
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
      new Closing()
          .then(context::makeCurrent)
          .then(() -> check(JCudaDriver.cuEventDestroy(handle), "cuEventDestroy"))
          .end();
    }
  }
}
