package dev.sequor.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Locale;
import me.tongfei.progressbar.ConsoleProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Shows how far a run is: a bar where stderr is a terminal, else a line every few seconds. Step,
 * loss in nats, bits of each character or whatever it is, how many of them a second, time left.
 */
final class Progress implements AutoCloseable {
  /**
   * Java cannot tell whether stderr is a terminal when stdout is not; the launcher can, and says so
   * here.
   */
  private static final String TERMINAL = "sequor.terminal";

  private static final Duration LINE_INTERVAL = Duration.ofSeconds(5);

  private final @Nullable PrintWriter out;
  private final @Nullable ProgressBar bar;
  private final Measure measure;
  private final long learnedInOneStep;
  private final long totalSteps;
  private final long startStep;
  private final long startNanos = System.nanoTime();
  private long lastLineNanos = startNanos;

  /**
   * Starts at {@code startStep}.
   *
   * @param quiet show nothing
   */
  Progress(PrintWriter out, boolean quiet, Subject subject, long startStep, long totalSteps) {
    this.measure = subject.measure();
    this.learnedInOneStep = subject.learnedInOneStep();
    this.startStep = startStep;
    this.totalSteps = totalSteps;
    boolean terminal = !quiet && Boolean.getBoolean(TERMINAL);
    this.out = quiet || terminal ? null : out;
    this.bar = terminal ? bar(startStep, totalSteps) : null;
  }

  private static ProgressBar bar(long startStep, long totalSteps) {
    return new ProgressBarBuilder()
        .setTaskName("")
        .setInitialMax(totalSteps)
        .startsFrom(startStep, Duration.ZERO)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(200)
        .setConsumer(
            new ConsoleProgressBarConsumer(
                new PrintStream(
                    new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8)))
        .build();
  }

  /**
   * Shows a step.
   *
   * @param loss mean of the last steps, in the unit of the run's measure
   */
  void update(long step, double loss) {
    long now = System.nanoTime();
    boolean line =
        out != null && (now - lastLineNanos >= LINE_INTERVAL.toNanos() || step == totalSteps);
    if (bar == null && !line) {
      return;
    }
    double stepsPerSecond = (step - startStep) / ((now - startNanos) * 1e-9);
    double perSecond = stepsPerSecond * learnedInOneStep;
    double nats = measure.inBits() ? loss * Math.log(2) : loss;
    if (bar != null) {
      bar.stepTo(step);
      // Short, so that all of it fits 80 columns.
      bar.setExtraMessage(
          String.format(Locale.ROOT, "loss %.2f, ", nats)
              + (measure.inBits()
                  ? String.format(Locale.ROOT, "%.2f bits/%s, ", loss, measure.shortNoun())
                  : "")
              + String.format(Locale.ROOT, "%.0fk %ss/s", perSecond / 1000, measure.shortNoun()));
    } else if (out != null) {
      lastLineNanos = now;
      out.printf(
          Locale.ROOT,
          "step %,d/%,d, loss %.3f, %s%,.0f %ss/s, %.0f s left%n",
          step,
          totalSteps,
          nats,
          measure.inBits()
              ? String.format(Locale.ROOT, "%.3f bits/%s, ", loss, measure.shortNoun())
              : "",
          perSecond,
          measure.shortNoun(),
          (totalSteps - step) / stepsPerSecond);
      out.flush();
    }
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
