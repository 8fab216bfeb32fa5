package dev.sequor.benchmarks.devices;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What {@link CpuVsGpu} times, one device at a time. Each sample is one call, from the host's point
 * of view: it ends when the device has finished. All inputs are random numbers, the same in every
 * call.
 */
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 3, time = 1)
@Fork(2)
public class DeviceBenchmark {

  /** A cell on a device. */
  @State(Scope.Benchmark)
  public static class CellState {
    /** As {@link Devices#open} takes it. */
    @Param("cpu")
    public String device;

    /** What runs. */
    @Param("LSTM")
    public CellType cell;

    /** What one call does. */
    @Param({"FORWARD", "FORWARD_BACKWARD"})
    public Pass pass;

    /** {@code TxBxH}. */
    @Param("128x32x512")
    public String shape;

    private Backend backend;
    private PassRun run;

    /** Opens the device and fills its memory. */
    @Setup(Level.Trial)
    public void open() {
      backend = Devices.open(device);
      run = new PassRun(backend, cell, pass, Shape.parse(shape));
    }

    /** Frees the device. */
    @TearDown(Level.Trial)
    public void close() {
      run.close();
      backend.close();
    }
  }

  /** A sequence tensor on the host and one on a device. */
  @State(Scope.Benchmark)
  public static class CopyState {
    /** As {@link Devices#open} takes it. */
    @Param("cpu")
    public String device;

    /** {@code TxBxH}. */
    @Param("128x32x512")
    public String shape;

    private Backend backend;
    private ByteBuffer host;
    private Buffer onDevice;

    /** Opens the device; both tensors get random numbers. */
    @Setup(Level.Trial)
    public void open() {
      Shape sizes = Shape.parse(shape);
      float[] numbers = RandomNumbers.input(sizes);
      host = ByteBuffer.allocateDirect(numbers.length * 4).order(ByteOrder.nativeOrder());
      host.asFloatBuffer().put(numbers);
      backend = Devices.open(device);
      onDevice = backend.allocate(DType.FLOAT32, numbers.length);
      onDevice.write(numbers);
    }

    /** Frees the device. */
    @TearDown(Level.Trial)
    public void close() {
      onDevice.close();
      backend.close();
    }
  }

  /** One call over a whole sequence. */
  @Benchmark
  public void pass(CellState state) {
    state.run.run();
  }

  /** Host to device. */
  @Benchmark
  public void copyIn(CopyState state) {
    state.host.clear();
    state.backend.upload(state.host, state.onDevice);
    state.backend.synchronize(); // an upload may return as soon as the source can be reused
  }

  /** Device to host. */
  @Benchmark
  public void copyOut(CopyState state) {
    state.host.clear();
    state.backend.download(state.onDevice, state.host);
    state.backend.synchronize();
  }
}
