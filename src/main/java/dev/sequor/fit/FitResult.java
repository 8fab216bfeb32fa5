package dev.sequor.fit;

import dev.sequor.io.FitState.Validation;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * What came of a fit.
 *
 * @param ending why it ended
 * @param weights which weights the model has now
 * @param weightsStep the step that these are of
 * @param steps of the trainer, at the end
 * @param epochs completed, at the end
 * @param history the validations, the last of which are the latest
 * @param bestFile the best weights, a model in a file; empty if none were to be kept, or nothing
 *     was validated
 */
public record FitResult(
    Ending ending,
    Weights weights,
    long weightsStep,
    long steps,
    long epochs,
    List<Validation> history,
    Optional<Path> bestFile) {
  /** Why a fit ended. */
  public enum Ending {
    /** All steps were made. */
    COMPLETED,
    /** Validation had not improved for as long as was to be waited. */
    STOPPED_EARLY,
    /** A listener wanted it, or the thread was interrupted: it still is. */
    STOPPED
  }

  /** Which weights a model has after a fit. */
  public enum Weights {
    /** Those that were best on the validation data. */
    BEST,
    /** Those of the last step, as nothing was validated or they were asked for. */
    LAST,
    /** The moving average at the last step. */
    AVERAGE
  }

  /** Keeps a copy. */
  public FitResult {
    history = List.copyOf(history);
  }

  /** The validation that found what is watched best; empty if there was none. */
  public Optional<Validation> best() {
    for (int i = history.size() - 1; i >= 0; i--) {
      if (history.get(i).improved()) {
        return Optional.of(history.get(i));
      }
    }
    return Optional.empty();
  }
}
