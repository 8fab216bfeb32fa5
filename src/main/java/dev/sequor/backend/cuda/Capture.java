package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * Work that is queued on a stream, and on streams that it forks from and joins to it by events,
 * while this is open: nothing of it runs. The addresses and arguments of then are kept. Once it has
 * ended it can be made a {@link CudaGraph}.
 */
final class Capture implements AutoCloseable {
  private final CudaStream stream;
  private @Nullable CUgraph graph;
  private int nodes;
  private boolean closed;

  /** Begins. */
  Capture(CudaStream stream) {
    this.stream = stream;
    // Of this thread only: other backends may go on with what a capture forbids, such as
    // allocating.
    check(
        JCudaDriver.cuStreamBeginCapture(
            stream.handle(), CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
        "cuStreamBeginCapture");
  }

  /** What {@code work} queues on {@code stream}; it has ended. */
  static Capture of(CudaStream stream, Runnable work) {
    Capture capture = new Capture(stream);
    try {
      work.run();
      capture.end();
      return capture;
    } catch (RuntimeException | Error e) {
      capture.close();
      throw e;
    }
  }

  /** Ends: what is queued from now on runs again. */
  void end() {
    CUgraph captured = new CUgraph();
    int result = JCudaDriver.cuStreamEndCapture(stream.handle(), captured);
    closed = result != CUresult.CUDA_SUCCESS; // then there is no graph
    check(result, "cuStreamEndCapture");
    graph = captured;
    long[] count = new long[1];
    check(JCudaDriver.cuGraphGetNodes(captured, null, count), "cuGraphGetNodes");
    nodes = Math.toIntExact(count[0]);
  }

  /** The pieces of work that were captured. */
  int nodes() {
    return nodes;
  }

  /**
   * Makes it ready to be launched.
   *
   * @param memory what the graph takes of the device; the graph gives it back
   */
  CudaGraph instantiate(DeviceMemory.Block memory) {
    CUgraphExec executable = new CUgraphExec();
    check(JCudaDriver.cuGraphInstantiate(executable, graph, 0), "cuGraphInstantiate");
    return new CudaGraph(stream.context(), executable, memory);
  }

  /** Ends it, if need be, and forgets what was captured; graphs made of it stay. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    CUgraph captured = graph;
    if (captured == null) {
      captured = new CUgraph();
      if (JCudaDriver.cuStreamEndCapture(stream.handle(), captured) != CUresult.CUDA_SUCCESS) {
        return;
      }
    }
    JCudaDriver.cuGraphDestroy(captured);
  }
}
