package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import dev.sequor.backend.Closing;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureStatus;
import jcuda.driver.CUstream_flags;
import jcuda.driver.JCudaDriver;

/** A queue of device work that runs in order, and at any time against other queues. */
final class CudaStream implements AutoCloseable {
  private final CudaContext context;
  private final CUstream handle = new CUstream();
  private boolean closed;

  /** Makes one in the context, which is current; it does not wait for the default stream. */
  CudaStream(CudaContext context) {
    this.context = context;
    check(
        JCudaDriver.cuStreamCreate(handle, CUstream_flags.CU_STREAM_NON_BLOCKING),
        "cuStreamCreate");
  }

  CudaContext context() {
    return context;
  }

  CUstream handle() {
    if (closed) {
      throw new IllegalStateException("a stream is used after close");
    }
    return handle;
  }

  /** {@code event} happens when the work queued so far has finished. */
  void record(CudaEvent event) {
    check(JCudaDriver.cuEventRecord(event.handle(), handle()), "cuEventRecord");
  }

  /** Work queued from now on starts after {@code event}. */
  void waitFor(CudaEvent event) {
    check(JCudaDriver.cuStreamWaitEvent(handle(), event.handle(), 0), "cuStreamWaitEvent");
  }

  /** Waits until all work queued so far has finished; reports what failed in it. */
  void synchronize() {
    check(JCudaDriver.cuStreamSynchronize(handle()), "cuStreamSynchronize");
  }

  /** Whether work is being recorded into a graph instead of running. */
  boolean capturing() {
    int[] status = new int[1];
    check(JCudaDriver.cuStreamIsCapturing(handle(), status), "cuStreamIsCapturing");
    return status[0] != CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE;
  }

  /** Work that was queued still runs to its end. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      new Closing()
          .then(context::makeCurrent)
          .then(() -> check(JCudaDriver.cuStreamDestroy(handle), "cuStreamDestroy"))
          .end();
    }
  }
}
