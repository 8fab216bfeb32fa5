package dev.sequor.study;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Required;
import dev.sequor.data.Window;
import dev.sequor.diagnose.Diagnosis;
import dev.sequor.model.SequenceModel;
import dev.sequor.task.Task;
import dev.sequor.task.TaskSettings;
import dev.sequor.task.TaskTraining;
import dev.sequor.task.Tasks;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;
import java.util.function.Consumer;

/**
 * How far apart a subject and its verb may be for a cell to learn that they agree: “The cat, which
 * already ate …, was full”. For each distance a new model of each cell learns sentences of exactly
 * that distance (task {@code relative-clause}) and is judged by sentences that it has not seen.
 * First values, optimiser, learning rate, clipping, units, steps, batches, data and seed are the
 * same for all; no cell has a setting of its own.
 *
 * @param distances words between subject and verb, rising
 * @param hiddenSize {@code H}, units of the one recurrent layer
 * @param steps updates for each distance and cell
 * @param seed of first weights and sentences
 */
public record AgreementStudy(List<Integer> distances, int hiddenSize, long steps, long seed) {
  /** The cells that are compared. */
  public static final List<CellType> CELLS =
      List.of(CellType.RNN_TANH, CellType.GRU_RESET_BEFORE, CellType.LSTM);

  /** What has so much of the sentences right has solved them. */
  public static final double SOLVED = 0.95;

  /** Sentences that a model is judged by. */
  public static final int JUDGED = 500;

  /** Sentences that gradients are looked at with. */
  public static final int LOOKED_AT = 64;

  private static final String TASK = "relative-clause";

  /**
   * Checks the distances and settings.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public AgreementStudy {
    distances = List.copyOf(Required.present("distances", distances));
    if (distances.isEmpty()) {
      throw new IllegalArgumentException("distances is empty; needed at least 1");
    }
    for (int i = 0; i < distances.size(); i++) {
      Tasks.named(TASK).withLength(distances.get(i));
      if (i > 0 && distances.get(i) <= distances.get(i - 1)) {
        throw new IllegalArgumentException("distances is " + distances + "; needed rising ones");
      }
    }
    settings(CELLS.get(0), hiddenSize, steps);
  }

  /**
   * What one cell can do.
   *
   * @param accuracy the part of held-out sentences that are right, for each distance
   * @param untrained the gradients of a model before its first update, at the longest distance
   * @param trained those of the trained models, for each distance
   */
  public record Learner(
      CellType cell, List<Double> accuracy, Diagnosis untrained, List<Diagnosis> trained) {
    /** Copies the lists. */
    public Learner {
      accuracy = List.copyOf(accuracy);
      trained = List.copyOf(trained);
    }

    /** Whether it has solved the distance with this number. */
    public boolean solves(int distance) {
      return accuracy.get(distance) >= SOLVED;
    }

    /** {@code [T]}: the norms of the gradient by the hidden state, of the only layer. */
    public static List<Double> norms(Diagnosis diagnosis) {
      return diagnosis.layers().get(0).gradientNorms();
    }
  }

  /**
   * What all cells can do.
   *
   * @param study what was done
   * @param learners one for each of {@link #CELLS}
   */
  public record Outcome(AgreementStudy study, List<Learner> learners) {
    /** Copies the list. */
    public Outcome {
      learners = List.copyOf(learners);
    }

    /** What {@code cell} can do. */
    public Learner of(CellType cell) {
      return learners.get(CELLS.indexOf(cell));
    }

    /** The number of the longest distance that all cells with gates have solved. */
    public OptionalInt longestSolved() {
      for (int i = study.distances().size() - 1; i >= 0; i--) {
        if (of(CellType.GRU_RESET_BEFORE).solves(i) && of(CellType.LSTM).solves(i)) {
          return OptionalInt.of(i);
        }
      }
      return OptionalInt.empty();
    }

    /** How far the plain RNN is behind the worse of the other two, in parts of 1. */
    public double lag(int distance) {
      double gated =
          Math.min(
              of(CellType.GRU_RESET_BEFORE).accuracy().get(distance),
              of(CellType.LSTM).accuracy().get(distance));
      return gated - of(CellType.RNN_TANH).accuracy().get(distance);
    }
  }

  /** What every model of {@code cell} is trained with. */
  public TaskSettings settings(CellType cell) {
    return settings(cell, hiddenSize, steps);
  }

  private static TaskSettings settings(CellType cell, int hiddenSize, long steps) {
    return Tasks.named(TASK).defaults().withCell(cell).withHiddenSize(hiddenSize).withSteps(steps);
  }

  /**
   * Trains and judges all models.
   *
   * @param notes gets a line for each model
   */
  public Outcome run(Backend backend, Consumer<String> notes) {
    List<Learner> learners = new ArrayList<>();
    for (CellType cell : CELLS) {
      learners.add(learner(backend, cell, notes));
    }
    return new Outcome(this, learners);
  }

  private Learner learner(Backend backend, CellType cell, Consumer<String> notes) {
    Task longest = task(distances.get(distances.size() - 1));
    Diagnosis untrained;
    try (SequenceModel model = new SequenceModel(backend, longest.model(settings(cell)), seed)) {
      untrained = look(model, longest);
    }
    List<Double> accuracy = new ArrayList<>();
    List<Diagnosis> trained = new ArrayList<>();
    for (int distance : distances) {
      Task task = task(distance);
      try (SequenceModel model = TaskTraining.train(backend, task, settings(cell), seed)) {
        double right = task.judge(model, JUDGED, seed).main().value();
        accuracy.add(right);
        trained.add(look(model, task));
        notes.accept(
            String.format(
                Locale.ROOT, "%s, %d words between: %.1f %%", cell.id(), distance, 100 * right));
      }
    }
    return new Learner(cell, accuracy, untrained, trained);
  }

  private Diagnosis look(SequenceModel model, Task task) {
    Window window = task.heldOutWindows(LOOKED_AT, seed).get(0);
    return Diagnosis.of(model, window, Diagnosis.Of.LAST_STEP);
  }

  private static Task task(int distance) {
    return Tasks.named(TASK).withLength(distance);
  }
}
