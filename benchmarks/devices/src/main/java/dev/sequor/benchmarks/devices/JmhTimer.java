package dev.sequor.benchmarks.devices;

import java.io.PrintStream;
import java.util.regex.Pattern;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Times {@link DeviceBenchmark}, each workload in fresh processes. */
final class JmhTimer {

  /** How long JMH takes for one figure; iterations never end before a call has. */
  record Settings(
      int forks,
      int warmupIterations,
      long warmupMillis,
      int measurementIterations,
      long measurementMillis) {
    static final Settings FULL = new Settings(2, 2, 1000, 3, 1000);
    static final Settings QUICK = new Settings(1, 1, 300, 3, 200);
  }

  private final Settings settings;
  private final PrintStream log;

  /** JMH's own words go to {@code log}. */
  JmhTimer(Settings settings, PrintStream log) {
    this.settings = settings;
    this.log = log;
  }

  /**
   * Times one workload on one device.
   *
   * @throws RunnerException if the benchmark fails; why is in the log
   */
  Timing time(Workload what, Device device) throws RunnerException {
    String method = what.pass().isCopy() ? what.pass().id() : "pass";
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include("^" + Pattern.quote(DeviceBenchmark.class.getName() + "." + method) + "$")
            .param("device", device.id())
            .param("shape", what.shape().parameter())
            .forks(settings.forks)
            .warmupIterations(settings.warmupIterations)
            .warmupTime(TimeValue.milliseconds(settings.warmupMillis))
            .measurementIterations(settings.measurementIterations)
            .measurementTime(TimeValue.milliseconds(settings.measurementMillis))
            .shouldFailOnError(true);
    if (!what.pass().isCopy()) {
      options.param("cell", what.cell().name()).param("pass", what.pass().name());
    }
    Runner runner =
        new Runner(
            options.build(), OutputFormatFactory.createFormatInstance(log, VerboseMode.NORMAL));
    return Timing.of(runner.runSingle().getPrimaryResult());
  }
}
