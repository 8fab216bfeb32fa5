package dev.sequor.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.jspecify.annotations.Nullable;

/**
 * Shows how far a run is: a bar where stderr is a terminal, else a line every few seconds. Step,
 * loss in nats, bits of each character or whatever it is, how many of them a second, time left.
 */
final class Progress implements AutoCloseable {
  /** The percentage, a bar of three, the times taken and left, and what is between. */
  private static final int BESIDES_FIGURES = 36;

  /** So many a second are said in thousands. */
  private static final double MANY = 10_000;

  private static final Duration BAR_INTERVAL = Duration.ofMillis(100);
  private static final Duration LINE_INTERVAL = Duration.ofSeconds(5);

  private final @Nullable PrintWriter out;
  private final @Nullable ProgressBar bar;
  private final Terminal.Line line = new Terminal.Line();
  private final Measure measure;
  private final long learnedInOneStep;
  private final long totalSteps;
  private final long startStep;
  private final long startNanos = System.nanoTime();
  private long lastNanos = startNanos;

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
    boolean terminal = !quiet && Terminal.showsStderr();
    this.out = quiet || terminal ? null : out;
    this.bar = terminal ? bar(startStep, totalSteps, line) : null;
  }

  private static ProgressBar bar(long startStep, long totalSteps, Terminal.Line line) {
    return new ProgressBarBuilder()
        .setTaskName("")
        .setInitialMax(totalSteps)
        .startsFrom(startStep, Duration.ZERO)
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(200)
        .setConsumer(line)
        .build();
  }

  /**
   * Shows a step.
   *
   * @param loss mean of the last steps, in the unit of the run's measure
   */
  void update(long step, double loss) {
    long now = System.nanoTime();
    Duration interval = bar != null ? BAR_INTERVAL : LINE_INTERVAL;
    boolean due = now - lastNanos >= interval.toNanos() || step == totalSteps;
    if (!due || (bar == null && out == null)) {
      return;
    }
    lastNanos = now;
    double stepsPerSecond = (step - startStep) / ((now - startNanos) * 1e-9);
    double perSecond = stepsPerSecond * learnedInOneStep;
    double nats = measure.inBits() ? loss * Math.log(2) : loss;
    if (bar != null) {
      bar.stepTo(step);
      bar.setExtraMessage(figures(loss, nats, perSecond));
    } else if (out != null) {
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

  /** As many figures as there is room for beside the bar, the most telling ones. */
  private String figures(double loss, double nats, double perSecond) {
    String inNats = String.format(Locale.ROOT, "loss %.2f", nats);
    String inBits = String.format(Locale.ROOT, "%.2f bits/%s", loss, measure.shortNoun());
    String speed =
        perSecond < MANY
            ? String.format(Locale.ROOT, "%.0f %ss/s", perSecond, measure.shortNoun())
            : String.format(Locale.ROOT, "%.0fk %ss/s", perSecond / 1000, measure.shortNoun());
    int room =
        line.getMaxRenderedLength() - BESIDES_FIGURES - 2 * String.valueOf(totalSteps).length();
    List<List<String>> choices =
        measure.inBits()
            ? List.of(List.of(inNats, inBits, speed), List.of(inBits, speed), List.of(inBits))
            : List.of(List.of(inNats, speed), List.of(inNats));
    return choices.stream()
        .map(figures -> String.join(", ", figures))
        .filter(figures -> figures.length() <= room)
        .findFirst()
        .orElse("");
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
    }
  }
}
