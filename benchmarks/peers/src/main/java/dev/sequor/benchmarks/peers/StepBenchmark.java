package dev.sequor.benchmarks.peers;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.Rnn;
import dev.sequor.rnn.RnnStepper;
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

/**
 * Streaming inference, one time step a call: host memory to host memory. With a hidden size of 1
 * there is hardly any arithmetic, so that its time is what a call costs besides.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(1)
public class StepBenchmark {
  /** A device of this machine. */
  @Param({"cpu", "java"})
  public String device;

  /** What runs. */
  @Param({"LSTM"})
  public CellType cell;

  /** {@code B}. */
  @Param({"1"})
  public int batchSize;

  /** {@code H}, and {@code I}. */
  @Param({"1", "64", "128", "256", "512"})
  public int hiddenSize;

  /** {@code L}. */
  @Param({"1"})
  public int layers;

  /** How inference keeps its weights. */
  @Param({"FLOAT32"})
  public WeightStorage weights;

  private Backend backend;
  private Parameters parameters;
  private RnnStepper stepper;

  /** Opens the device. */
  @Setup
  public void prepare() {
    backend = Devices.open(device);
    Rnn rnn =
        new Rnn(backend, RnnSpec.of(cell, hiddenSize, hiddenSize).withLayers(layers), weights);
    parameters = rnn.newParameters(1);
    stepper = rnn.newStepper(parameters.values(), batchSize);
    for (int i = 0; i < batchSize * hiddenSize; i++) {
      stepper.input().put(i, (i % 7 - 3) * 0.3f);
    }
  }

  /** One step. */
  @Benchmark
  public float step() {
    stepper.step();
    return stepper.output().get(0);
  }

  /** Closes the device. */
  @TearDown
  public void close() {
    stepper.close();
    parameters.close();
    backend.close();
  }
}
