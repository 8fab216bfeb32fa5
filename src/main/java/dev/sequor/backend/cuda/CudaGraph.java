package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;

/**
 * Device work that was recorded once and is then queued as a whole, for the price of one launch.
 */
final class CudaGraph implements AutoCloseable {
  private final CUgraphExec executable;
  private boolean closed;

  private CudaGraph(CUgraphExec executable) {
    this.executable = executable;
  }

  /**
   * Records the work that {@code work} queues on {@code stream}, and on streams that it forks from
   * and joins to it by events. Nothing of it runs. The addresses and arguments of now are kept.
   */
  static CudaGraph capture(CudaStream stream, Runnable work) {
    // Of this thread only: other backends may go on with what a capture forbids, such as
    // allocating.
    check(
        JCudaDriver.cuStreamBeginCapture(
            stream.handle(), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture");
    CUgraph graph = new CUgraph();
    try {
      work.run();
    } catch (RuntimeException | Error e) {
      if (JCudaDriver.cuStreamEndCapture(stream.handle(), graph) == CUresult.CUDA_SUCCESS) {
        JCudaDriver.cuGraphDestroy(graph);
      }
      throw e;
    }
    check(JCudaDriver.cuStreamEndCapture(stream.handle(), graph), "cuStreamEndCapture");
    try {
      CUgraphExec executable = new CUgraphExec();
      check(JCudaDriver.cuGraphInstantiate(executable, graph, 0), "cuGraphInstantiate");
      return new CudaGraph(executable);
    } finally {
      JCudaDriver.cuGraphDestroy(graph);
    }
  }

  /** Queues the recorded work. */
  void launch(CudaStream stream) {
    if (closed) {
      throw new IllegalStateException("a graph is used after close");
    }
    check(JCudaDriver.cuGraphLaunch(executable, stream.handle()), "cuGraphLaunch");
  }

  /** Launches that are queued still run to their end. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      check(JCudaDriver.cuGraphExecDestroy(executable), "cuGraphExecDestroy");
    }
  }
}
