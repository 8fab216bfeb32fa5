package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.Closing;
import dev.sequor.backend.DeviceMemoryException;
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
 * still read the other, so it runs up to two steps ahead and never waits for results. A step for
 * which there is not enough memory is queued call by call.
 */
final class RecordedSteps implements AutoCloseable {
  private static final int ALIGNMENT = 16;

  private final CudaStream stream;
  private final PinnedStaging staging;
  private final Recordings recordings;
  private long begun;
  private long launches;
  private final IdentityHashMap<Object, Step> steps = new IdentityHashMap<>();

  RecordedSteps(CudaDevice device) {
    this.stream = device.stream();
    this.staging = device.staging();
    this.recordings = device.recordings();
  }

  private static final class Step implements AutoCloseable {
    long calls;

    /** Whether there was no memory to record it. */
    boolean refused;

    final @Nullable Half[] halves = new Half[2];

    /** Begins anew: what is dropped for its memory is not to be recorded at once again. */
    void drop() {
      calls = 0;
      close();
    }

    @Override
    public void close() {
      Closing closing = new Closing();
      for (int turn = 0; turn < halves.length; turn++) {
        Half half = halves[turn];
        halves[turn] = null;
        if (half != null) {
          closing.then(half::close);
        }
      }
      closing.end();
    }
  }

  /** One recording and the memory it copies from. */
  private record Half(HostPointer memory, CudaEvent done, Recording recording)
      implements AutoCloseable {
    @Override
    public void close() {
      new Closing()
          .then(done.context()::makeCurrent)
          .then(done::synchronize)
          .then(recording::close)
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
    if (step.refused) {
      runOnce(inputs, work);
      return;
    }
    if (step.calls == 0) {
      recordings.recorder().rehearse(() -> runOnce(inputs, work));
      step.calls = 1; // one that failed may have shown only some of the work
      return;
    }
    step.calls++;
    int turn = (int) (step.calls & 1);
    Half half = step.halves[turn];
    if (half == null) {
      half = record(step, inputs, work);
      step.halves[turn] = half;
      if (half == null) {
        step.refused = true;
        step.close();
        runOnce(inputs, work);
        return;
      }
    } else {
      half.done.synchronize();
      fill(half.memory.bytes(), inputs);
    }
    launches++;
    half.recording.launch();
    stream.record(half.done);
  }

  private void runOnce(List<StepInput> inputs, Runnable work) {
    for (StepInput input : inputs) {
      staging.upload(input.source(), CudaMemory.address(input.target()), stream);
    }
    work.run();
  }

  /** Null if there is not enough memory. */
  private @Nullable Half record(Step step, List<StepInput> inputs, Runnable work) {
    int bytes = ALIGNMENT; // so that there is some memory even for no inputs
    for (StepInput input : inputs) {
      bytes = Math.addExact(bytes, place(input.source().remaining()));
    }
    int size = bytes;
    CudaContext context = stream.context();
    HostPointer memory = null;
    CudaEvent done = null;
    try {
      memory = recordings.withRoom(step, () -> new HostPointer(context, size, "inputs of a step"));
      done = recordings.withRoom(step, () -> new CudaEvent(context));
      HostPointer from = memory;
      fill(from.bytes(), inputs);
      begun++;
      Recording recording =
          recordings.record(
              "a step",
              step,
              step::drop,
              () -> {
                copy(from, inputs);
                work.run();
              });
      if (recording != null) {
        return new Half(from, done, recording);
      }
    } catch (DeviceMemoryException e) {
      recordings.refused("a step", e);
    } catch (RuntimeException | Error e) {
      Closing.after(e, closes(done), closes(memory));
      throw e;
    }
    new Closing().then(closes(done)).then(closes(memory)).end();
    return null;
  }

  private static Runnable closes(@Nullable CudaEvent event) {
    return event == null ? () -> {} : event::close;
  }

  private static Runnable closes(@Nullable HostPointer memory) {
    return memory == null ? () -> {} : memory::close;
  }

  /** The number of recordings begun. */
  long recordings() {
    return begun;
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
