package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.Closing;
import dev.sequor.backend.StepInput;
import java.nio.ByteBuffer;
import java.util.IdentityHashMap;
import java.util.List;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * Whole steps, copies included, each replayed by one launch. A step is recorded twice, with a
 * page-locked buffer each that its inputs are copied from: the host fills one while the device may
 * still read the other, so it runs up to two steps ahead and never waits for results.
 */
final class RecordedSteps implements AutoCloseable {
  private static final int ALIGNMENT = 16;

  private final CudaStream stream;
  private final PinnedStaging staging;
  private long recordings;
  private long launches;
  private final IdentityHashMap<Object, Step> steps = new IdentityHashMap<>();

  RecordedSteps(CudaStream stream, PinnedStaging staging) {
    this.stream = stream;
    this.staging = staging;
  }

  private static final class Step implements AutoCloseable {
    long calls;
    final @Nullable Half[] halves = new Half[2];

    @Override
    public void close() {
      Closing closing = new Closing();
      for (Half half : halves) {
        if (half != null) {
          closing.then(half::close);
        }
      }
      closing.end();
    }
  }

  /** One recording and the memory it copies from. */
  private record Half(HostPointer memory, CudaEvent done, CudaGraph graph)
      implements AutoCloseable {
    @Override
    public void close() {
      new Closing()
          .then(done::synchronize)
          .then(graph::close)
          .then(done::close)
          .then(memory::close)
          .end();
    }
  }

  /**
   * The first call runs as it is queued, the next two are recorded too, later ones are replayed.
   */
  void run(Object key, List<StepInput> inputs, Runnable work) {
    Step step = steps.computeIfAbsent(key, k -> new Step());
    if (step.calls == 0) {
      runOnce(inputs, work);
      step.calls = 1; // one that failed may have shown only some of the work
      return;
    }
    step.calls++;
    int turn = (int) (step.calls & 1);
    Half half = step.halves[turn];
    if (half == null) {
      half = record(inputs, work);
      step.halves[turn] = half;
    } else {
      half.done.synchronize();
      fill(half.memory.bytes(), inputs);
    }
    launches++;
    half.graph.launch(stream);
    stream.record(half.done);
  }

  private void runOnce(List<StepInput> inputs, Runnable work) {
    for (StepInput input : inputs) {
      staging.upload(input.source(), CudaMemory.address(input.target()), stream);
    }
    work.run();
  }

  private Half record(List<StepInput> inputs, Runnable work) {
    int size = ALIGNMENT; // so that there is some memory even for no inputs
    for (StepInput input : inputs) {
      size = Math.addExact(size, place(input.source().remaining()));
    }
    HostPointer memory = new HostPointer(size, "inputs of a step");
    recordings++;
    CudaEvent done = null;
    try {
      done = new CudaEvent();
      fill(memory.bytes(), inputs);
      CudaGraph graph =
          CudaGraph.capture(
              stream,
              () -> {
                copy(memory, inputs);
                work.run();
              });
      return new Half(memory, done, graph);
    } catch (RuntimeException | Error e) {
      Closing.after(e, done == null ? () -> {} : done::close, memory::close);
      throw e;
    }
  }

  /** The number of recordings begun. */
  long recordings() {
    return recordings;
  }

  /** The number of recordings launched, the first time as well as in replays. */
  long launches() {
    return launches;
  }

  private static int place(int bytes) {
    return Math.addExact(bytes, ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static void fill(ByteBuffer memory, List<StepInput> inputs) {
    memory.clear();
    int at = 0;
    for (StepInput input : inputs) {
      memory.position(at).put(input.source().duplicate());
      at += place(input.source().remaining());
    }
    memory.clear();
  }

  private void copy(HostPointer memory, List<StepInput> inputs) {
    int at = 0;
    for (StepInput input : inputs) {
      int bytes = input.source().remaining();
      copy(memory, at, bytes, CudaMemory.address(input.target()));
      at += place(bytes);
    }
  }

  private void copy(HostPointer memory, int from, int bytes, long to) {
    int result =
        JCudaDriver.cuMemcpyHtoDAsync(
            DevicePointer.of(to), memory.withByteOffset(from), bytes, stream.handle());
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, "recording a copy of " + bytes + " bytes to the device");
    }
  }

  /** Frees the recordings of {@code key}. */
  void forget(Object key) {
    Step step = steps.remove(key);
    if (step != null) {
      step.close();
    }
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    steps.values().forEach(step -> closing.then(step::close));
    steps.clear();
    closing.end();
  }
}
