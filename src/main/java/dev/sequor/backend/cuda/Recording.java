package dev.sequor.backend.cuda;

import dev.sequor.backend.Closing;
import java.util.List;

/** Work that was recorded and can be replayed; {@link Recordings} makes it and may take it back. */
final class Recording implements AutoCloseable {
  private final Recordings all;
  private final Object owner;
  private final Runnable drop;
  private final List<Runnable> steps;
  private final List<CudaGraph> graphs;

  Recording(Recordings all, Object owner, Runnable drop, Recorder.Recorded recorded) {
    this.all = all;
    this.owner = owner;
    this.drop = drop;
    this.steps = recorded.steps();
    this.graphs = recorded.graphs();
  }

  Object owner() {
    return owner;
  }

  /** Has the owner close this, as its memory is wanted. */
  void drop() {
    drop.run();
  }

  /** Queues the work. */
  void launch() {
    all.used(this);
    for (Runnable step : steps) {
      step.run();
    }
  }

  /** Launches that are queued still run to their end. */
  @Override
  public void close() {
    all.forget(this);
    Closing closing = new Closing();
    graphs.forEach(graph -> closing.then(graph::close));
    closing.end();
  }
}
