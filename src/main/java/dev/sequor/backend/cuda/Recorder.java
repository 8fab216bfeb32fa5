package dev.sequor.backend.cuda;

import dev.sequor.backend.Closing;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Turns work into graphs while it is queued. A graph grows with the work in it, so work that
 * repeats itself very often is taken apart: what is the same each time becomes a graph of its own
 * that is launched each time, and what differs is queued anew, call by call, between the launches.
 * All of this does the same whether or not something is being recorded; so results are the same, to
 * the bit.
 */
final class Recorder {
  private final CudaStream main;
  private @Nullable UnderWay now;
  private boolean rehearsing;

  /** Records work of the {@code main} stream. */
  Recorder(CudaStream main) {
    this.main = main;
  }

  /**
   * What has been recorded: the steps of a replay, and the graphs that they launch. It is not asked
   * for again once {@link #graphs} are closed.
   */
  record Recorded(List<Runnable> steps, List<CudaGraph> graphs) {}

  private final class UnderWay {
    final List<Runnable> steps = new ArrayList<>();
    final List<CudaGraph> graphs = new ArrayList<>();
    final Function<Capture, CudaGraph> maker;

    /** Of the main stream; none within {@link Recorder#apart}. */
    @Nullable Capture open;

    UnderWay(Function<Capture, CudaGraph> maker) {
      this.maker = maker;
    }

    void begin() {
      open = new Capture(main);
    }

    void end() {
      Capture ending = open;
      if (ending == null) {
        throw new IllegalStateException("work is taken apart within work that is");
      }
      try (ending) {
        ending.end();
        open = null;
        if (ending.nodes() > 0) {
          CudaGraph graph = make(ending);
          steps.add(() -> graph.launch(main));
        }
      }
    }

    CudaGraph make(Capture ended) {
      CudaGraph graph = maker.apply(ended);
      graphs.add(graph);
      return graph;
    }

    void requireApart() {
      if (open != null) {
        throw new IllegalStateException("needed within apart()");
      }
    }
  }

  /** Whether work is being recorded instead of running. */
  boolean recording() {
    return now != null;
  }

  /** Whether what is queued now belongs to a recording, or will: no part of it needs its own. */
  boolean ofLargerWork() {
    return rehearsing || now != null;
  }

  /** Runs {@code work} as it is queued; as a whole it will be recorded later. */
  void rehearse(Runnable work) {
    rehearsing = true;
    try {
      work.run();
    } finally {
      rehearsing = false;
    }
  }

  /**
   * Records {@code work}, of which nothing runs.
   *
   * @param maker makes a graph of what was captured
   */
  Recorded record(Runnable work, Function<Capture, CudaGraph> maker) {
    if (now != null) {
      throw new IllegalStateException("something is being recorded already");
    }
    UnderWay recording = new UnderWay(maker);
    now = recording;
    try {
      recording.begin();
      work.run();
      recording.end();
      return new Recorded(recording.steps, recording.graphs);
    } catch (RuntimeException | Error e) {
      Capture open = recording.open;
      if (open != null) {
        open.close();
      }
      recording.graphs.forEach(graph -> Closing.after(e, graph::close));
      throw e;
    } finally {
      now = null;
    }
  }

  /**
   * Does {@code section}, which queues all its work by {@link #calls} and {@link #repeated}, on any
   * streams; they are joined to the main one by calls.
   */
  void apart(Runnable section) {
    UnderWay recording = now;
    if (recording == null) {
      section.run();
      return;
    }
    recording.end();
    section.run();
    recording.begin();
  }

  /** Within {@link #apart}: queues {@code calls}, in each replay anew. */
  void calls(Runnable calls) {
    UnderWay recording = now;
    if (recording == null) {
      calls.run();
      return;
    }
    recording.requireApart();
    recording.steps.add(calls);
  }

  /**
   * Within {@link #apart}: what queues {@code work} on {@code stream} whenever it is run, and is
   * recorded once however often that is.
   */
  Runnable repeated(CudaStream stream, Runnable work) {
    UnderWay recording = now;
    if (recording == null) {
      return work;
    }
    recording.requireApart();
    try (Capture capture = Capture.of(stream, work)) {
      CudaGraph graph = recording.make(capture);
      return () -> recording.steps.add(() -> graph.launch(stream));
    }
  }
}
