package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import dev.sequor.backend.Closing;
import jcuda.driver.CUgraphExec;
import jcuda.driver.JCudaDriver;

/**
 * Device work that was recorded once and is then queued as a whole, for the price of one launch.
 */
final class CudaGraph implements AutoCloseable {
  private final CUgraphExec executable;
  private final DeviceMemory.Block memory;
  private boolean closed;

  /** Takes over both; {@link Capture} makes them. */
  CudaGraph(CUgraphExec executable, DeviceMemory.Block memory) {
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
          .then(() -> check(JCudaDriver.cuGraphExecDestroy(executable), "cuGraphExecDestroy"))
          .then(memory::close)
          .end();
    }
  }
}
