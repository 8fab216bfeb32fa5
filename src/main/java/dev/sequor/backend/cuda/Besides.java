package dev.sequor.backend.cuda;

import dev.sequor.backend.Closing;

/** A second stream that forks from the main one and joins it again. */
final class Besides implements AutoCloseable {
  private final WorkQueue main;
  private final WorkQueue queue;
  private final CudaEvent forked;
  private final CudaEvent joined;

  Besides(CudaDevice device, WorkQueue main, MathMode mode) {
    this.main = main;
    this.queue = WorkQueue.beside(device, mode);
    CudaEvent first = null;
    try {
      first = device.newEvent();
      this.joined = device.newEvent();
      this.forked = first;
    } catch (RuntimeException | Error e) {
      Closing.after(e, first == null ? () -> {} : first::close, queue::close);
      throw e;
    }
  }

  /** What is queued here from now on starts after what the main stream has so far. */
  void fork() {
    main.stream().record(forked);
    queue.stream().waitFor(forked);
  }

  WorkQueue queue() {
    return queue;
  }

  /** What the main stream gets from now on starts after what is queued here. */
  void join() {
    queue.stream().record(joined);
    main.stream().waitFor(joined);
  }

  @Override
  public void close() {
    new Closing().then(queue::close).then(forked::close).then(joined::close).end();
  }
}
