package dev.sequor.report;

import dev.sequor.data.FileFault;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.State;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the page of a training that is being recorded: written at judgements, but not every few
 * moments, and at the end. A failure to write ends the report and not the training, which is worth
 * more; {@link #complaint} says so at its end.
 */
public final class TrainingReport implements TrainingObserver {
  private static final long NANOS_BETWEEN = TimeUnit.SECONDS.toNanos(2);

  private final ReportFile file;
  private final TrainingRecorder recorder;
  private long writtenNanos;
  private @Nullable IOException failure;

  /**
   * Writes the first page, so that a file that cannot be written is found out now.
   *
   * @param recorder told of everything before this is
   * @throws IllegalArgumentException if the page cannot be written
   */
  public TrainingReport(ReportFile file, TrainingRecorder recorder) {
    this.file = file;
    this.recorder = recorder;
    try {
      write();
    } catch (IOException e) {
      throw new IllegalArgumentException(file.option() + ": " + e.getMessage(), e);
    }
  }

  /**
   * What the record of a training that goes on begins with.
   *
   * @param now the training, with what is known of it otherwise
   * @param done steps made before
   * @return what {@code file} knows of them if it has a report, else {@code now}
   * @throws IllegalArgumentException if that is the report of another training
   */
  public static TrainingRecord goneOnWith(ReportFile file, TrainingRecord now, long done)
      throws IOException {
    if (!TrainingRecord.isIn(file.path())) {
      return now;
    }
    TrainingRecord earlier = TrainingRecord.read(file.path());
    if (!earlier.isOfSameTraining(now)) {
      throw new IllegalArgumentException(
          file.option()
              + " is "
              + file.path()
              + ", the report of another training, '"
              + earlier.title()
              + "'; needed another file");
    }
    return now.after(earlier, done);
  }

  private void write() throws IOException {
    file.write(TrainingPage.of(recorder.record()).withData());
    writtenNanos = System.nanoTime();
  }

  private void tryToWrite() {
    if (failure == null) {
      // An interrupted thread could not write.
      boolean interrupted = Thread.interrupted();
      try {
        write();
      } catch (IOException e) {
        failure = e;
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
    }
  }

  @Override
  public void judged(Judgement judgement) {
    if (System.nanoTime() - writtenNanos >= NANOS_BETWEEN) {
      tryToWrite();
    }
  }

  @Override
  public void ended(State state) {
    tryToWrite();
  }

  /** What went wrong, in one line; null if nothing did. */
  public @Nullable String complaint() {
    return failure == null
        ? null
        : "the report "
            + FileFault.describe(file.path(), failure)
            + "; the report is not whole, the model is";
  }
}
