package dev.sequor.fit;

import dev.sequor.io.FitState.Validation;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;

/** A fit's progress in lines for people: one now and then, and one for each validation. */
public final class ProgressLines implements FitListener {
  private static final long NANOS_BETWEEN = TimeUnit.SECONDS.toNanos(2);

  private final Consumer<String> sink;
  private final LongSupplier nanoTime;
  private boolean began;
  private long firstStep;
  private long firstNanos;
  private long saidNanos;

  /**
   * Lines for {@code sink}, such as {@code System.out::println}, without an end of line; at most
   * one in two seconds beside those of validations.
   */
  public ProgressLines(Consumer<String> sink) {
    this(sink, System::nanoTime);
  }

  ProgressLines(Consumer<String> sink, LongSupplier nanoTime) {
    this.sink = sink;
    this.nanoTime = nanoTime;
  }

  @Override
  public boolean progressed(FitProgress progress) {
    long now = nanoTime.getAsLong();
    if (!began) {
      began = true;
      firstStep = progress.step();
      firstNanos = now;
      saidNanos = now;
    } else if (now - saidNanos >= NANOS_BETWEEN) {
      saidNanos = now;
      double secondsPerStep = (now - firstNanos) * 1e-9 / Math.max(1, progress.step() - firstStep);
      sink.accept(
          String.format(
              Locale.ROOT,
              "step %,d of %,d, epoch %,d: loss %.4f, rate %.3g, about %,d s left",
              progress.step(),
              progress.lastStep(),
              progress.epoch() + 1,
              progress.meanLoss(),
              progress.learningRate(),
              Math.round(secondsPerStep * (progress.lastStep() - progress.step()))));
    }
    return true;
  }

  @Override
  public void validated(Validation validation) {
    sink.accept(
        String.format(
            Locale.ROOT,
            "step %,d, %,d epoch%s done: training loss %.4f, validation %s%s",
            validation.step(),
            validation.epoch(),
            validation.epoch() == 1 ? "" : "s",
            validation.trainingLoss(),
            validation.values().entrySet().stream()
                .map(
                    entry ->
                        String.format(Locale.ROOT, "%s %.4f", entry.getKey(), entry.getValue()))
                .collect(Collectors.joining(", ")),
            validation.improved() ? " (best)" : ""));
  }
}
