package dev.sequor.cli;

import dev.sequor.io.DataSource;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.RateSchedule;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** How much is learned at once and in all, and on what. */
final class RunFlags {
  /** More than any device makes in a human life; their products with sizes still fit a long. */
  private static final String STEPS = "[1,1000000000000]";

  /** The ends of {@link #STEPS}. */
  static final long MAX_STEPS = RateSchedule.MOST_STEPS;

  @Range("(0,1)")
  @Option(
      names = "--held-out",
      paramLabel = "FRACTION",
      description =
          "Part of a text or table that training never sees: its end, or so many of the shuffled"
              + " names (default: 0.1 of a text, 0.05 of the names, 0.2 of a table).")
  private @Nullable Double heldOut;

  @Range("[1,)")
  @Option(
      names = "--seq-length",
      paramLabel = "T",
      description = "Steps that a gradient reaches back (default: 64).")
  private @Nullable Integer sequenceLength;

  @Range("[1,)")
  @Option(
      names = "--batch",
      paramLabel = "B",
      description =
          "Sequences, or parts of a text, that are read side by side (default: 32, or the task's"
              + " own).")
  private @Nullable Integer batchSize;

  @Range(STEPS)
  @Option(
      names = "--epochs",
      paramLabel = "N",
      description = "Times to read a text or table (default: 5 of a text, 50 of a table).")
  private @Nullable Long epochs;

  @Range(STEPS)
  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Updates to make, whatever --epochs says.")
  private @Nullable Long steps;

  @Mixin private DeviceOption device = new DeviceOption();

  @Range("(,)")
  @Option(
      names = "--seed",
      paramLabel = "S",
      defaultValue = "1",
      description = "Key of all that is random: initial weights, order of examples, dropout.")
  private long seed;

  @Range(STEPS)
  @Option(
      names = "--checkpoint-every",
      paramLabel = "N",
      defaultValue = "500",
      description = "Steps from one checkpoint to the next.")
  private long checkpointInterval;

  /** The part to hold out, or {@code usual} if none was given. */
  double heldOut(double usual) {
    return Objects.requireNonNullElse(heldOut, usual);
  }

  /** {@code T}, or {@code usual} if none was given. */
  int sequenceLength(int usual) {
    return Objects.requireNonNullElse(sequenceLength, usual);
  }

  /** {@code B}, or {@code usual} if none was given. */
  int batchSize(int usual) {
    return Objects.requireNonNullElse(batchSize, usual);
  }

  /** Key of all that is random. */
  long seed() {
    return seed;
  }

  /** The updates asked for; {@code usual} if none were. */
  long steps(long usual) {
    return Objects.requireNonNullElse(steps, usual);
  }

  /**
   * The updates asked for by their number, or else by that of epochs.
   *
   * @param windows of one epoch
   * @param usual epochs if none were asked for
   * @throws IllegalArgumentException if they are too many
   */
  long stepsOfEpochs(long windows, long usual) {
    if (steps != null) {
      return steps;
    }
    long wanted = Objects.requireNonNullElse(epochs, usual);
    if (windows > 0 && wanted > MAX_STEPS / windows) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "--epochs is %d; of %d steps each needed at most %d, which make %d steps",
              wanted,
              windows,
              MAX_STEPS / windows,
              MAX_STEPS / windows * windows));
    }
    return wanted * windows;
  }

  /** A new run, not begun. */
  TrainingRun run(
      DataSource source,
      int timeSteps,
      int newSteps,
      int batch,
      long total,
      RateSchedule schedule) {
    return new TrainingRun(
        source,
        timeSteps,
        newSteps,
        batch,
        seed,
        total,
        schedule,
        checkpointInterval,
        device.orElse("auto"),
        "",
        new TrainingRun.Curve(List.of(), List.of()));
  }

  /**
   * The rest of a run.
   *
   * @param windows of one epoch
   * @param newInterval whether checkpoints are to come at other times
   */
  TrainingRun resumed(TrainingRun run, DataSource source, long windows, boolean newInterval) {
    return new TrainingRun(
        source,
        run.sequenceLength(),
        run.newSteps(),
        run.batchSize(),
        run.seed(),
        epochs == null ? steps(run.totalSteps()) : stepsOfEpochs(windows, epochs),
        run.schedule(),
        newInterval ? checkpointInterval : run.checkpointInterval(),
        device.orElse(run.device()),
        run.backend(),
        run.curve());
  }
}
