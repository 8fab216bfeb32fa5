package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import dev.sequor.backend.Closing;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;

/**
 * Device work that was recorded once and is then queued as a whole, for the price of one launch.
 */
final class CudaGraph implements AutoCloseable {
  private final CudaContext context;
  private final CUgraphExec executable;
  private final DeviceMemory.Block memory;
  private boolean closed;

  /** Takes over graph and memory; {@link Capture} makes them. */
  CudaGraph(CudaContext context, CUgraphExec executable, DeviceMemory.Block memory) {
    this.context = context;
    this.executable = executable;
    this.memory = memory;
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
      new Closing()
          .then(context::makeCurrent)
          .then(() -> check(JCudaDriver.cuGraphExecDestroy(executable), "cuGraphExecDestroy"))
          .then(memory::close)
          .end();
    }
  }
}
