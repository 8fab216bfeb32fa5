package dev.sequor.benchmarks.peers;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.WeightStorage;
import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Problem;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** The calls that {@code cpu-peers} times, alone, for profilers. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class RnnBenchmark {
  /** A device of this machine. */
  @Param({"cpu", "java"})
  public String device;

  /** What runs. */
  @Param({"LSTM", "GRU_RESET_AFTER"})
  public Case.Cell cell;

  /** What one call does. */
  @Param({"FORWARD", "FORWARD_BACKWARD"})
  public Case.Pass pass;

  /** {@code TxBxH}; JMH splits values at commas. */
  @Param({
    "128x1x128",
    "128x1x512",
    "128x32x128",
    "128x32x256",
    "128x32x512",
    "64x64x512",
    "128x64x1024",
    "512x16x256"
  })
  public String shape;

  /** How inference keeps its weights. */
  @Param({"FLOAT32"})
  public WeightStorage weights;

  private Backend backend;
  private SequorTrial trial;

  /** Opens the device and sets the case up. */
  @Setup
  public void prepare() {
    int[] sizes = Arrays.stream(shape.split("x")).mapToInt(Integer::parseInt).toArray();
    Case what = new Case(cell, pass, sizes[0], sizes[1], sizes[2]);
    backend = Devices.open(device);
    trial = new SequorTrial(backend, weights, what, new Problem(what, 1));
  }

  /** One call over a whole sequence. */
  @Benchmark
  public void run() {
    trial.run();
  }

  /** Closes the device. */
  @TearDown
  public void close() {
    trial.close();
    backend.close();
  }
}
