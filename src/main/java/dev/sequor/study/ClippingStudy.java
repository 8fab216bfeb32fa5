package dev.sequor.study;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.data.WindowSource;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.module.NamedTensor;
import dev.sequor.task.Task;
import dev.sequor.task.TaskSettings;
import dev.sequor.task.Tasks;
import java.util.ArrayList;
import java.util.List;

/**
 * What clipping does where gradients explode. It is set up so that they do: the cell is a plain RNN
 * with {@code max(0, x)}, which bounds nothing, its recurrent weights begin {@link #GAIN} times as
 * large as usual, so that what goes back through them grows at each step, and it learns by plain
 * gradient descent. It reads sentences of the task {@code relative-clause}, twice from the same
 * weights with the same sentences: the only difference is the clipping.
 *
 * @param distance words between subject and verb
 * @param hiddenSize {@code H}
 * @param steps updates
 * @param seed of first weights and sentences
 */
public record ClippingStudy(int distance, int hiddenSize, long steps, long seed) {
  /**
   * How many times as large as usual the recurrent weights begin: an orthogonal matrix times it.
   */
  public static final float GAIN = 2.5f;

  /** The learning rate. */
  public static final float RATE = 0.1f;

  /** The largest norm of a gradient that is clipped. */
  public static final float CLIP = 1f;

  private static final CellType CELL = CellType.RNN_RELU;
  private static final String TASK = "relative-clause";
  private static final String RECURRENT_WEIGHTS = ".recurrent_weights";

  /**
   * Checks all numbers.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public ClippingStudy {
    Tasks.named(TASK).withLength(distance);
    settings(hiddenSize, steps);
  }

  /**
   * One training.
   *
   * @param losses mean loss of each step's sentences, before the update, in nats
   * @param gradientNorms norm of each step's gradient, before clipping
   * @param diverged whether it ended early, as the gradient of the next step was not finite
   */
  public record Course(List<Double> losses, List<Double> gradientNorms, boolean diverged) {
    /** Copies the lists. */
    public Course {
      losses = List.copyOf(losses);
      gradientNorms = List.copyOf(gradientNorms);
    }

    /** The largest norm of a gradient; 0 if none was finite. */
    public double largestNorm() {
      return gradientNorms.stream().mapToDouble(norm -> norm).max().orElse(0);
    }

    /** Mean loss of the last tenth of the steps; infinite if none was finite. */
    public double lastLoss() {
      int from = losses.size() - Math.max(1, losses.size() / 10);
      return losses.stream()
          .skip(Math.max(0, from))
          .mapToDouble(loss -> loss)
          .average()
          .orElse(Double.POSITIVE_INFINITY);
    }
  }

  /** Both trainings. */
  public record Outcome(ClippingStudy study, Course unclipped, Course clipped) {}

  private static TaskSettings settings(int hiddenSize, long steps) {
    return Tasks.named(TASK).defaults().withCell(CELL).withHiddenSize(hiddenSize).withSteps(steps);
  }

  /** Trains twice. */
  public Outcome run(Backend backend) {
    return new Outcome(
        this, train(backend, Clipping.none()), train(backend, Clipping.byGlobalNorm(CLIP)));
  }

  private Course train(Backend backend, Clipping clipping) {
    TaskSettings settings = settings(hiddenSize, steps);
    Task task = Tasks.named(TASK).withLength(distance);
    WindowSource source = task.training(settings.batchSize(), seed);
    List<Double> losses = new ArrayList<>();
    List<Double> norms = new ArrayList<>();
    try (SequenceModel model = new SequenceModel(backend, task.model(settings), seed);
        Trainer trainer = new Trainer(model, Optimizer.sgd(RATE), clipping, seed)) {
      model.load(model.tensors().stream().map(ClippingStudy::enlarged).toList());
      for (long i = 0; i < steps; i++) {
        TrainStep step = trainer.step(source);
        double loss = step.loss().mean();
        if (step.skipped() || !Double.isFinite(loss)) {
          return new Course(losses, norms, true);
        }
        losses.add(loss);
        norms.add((double) step.gradientNorm());
      }
      return new Course(losses, norms, false);
    }
  }

  private static NamedTensor enlarged(NamedTensor tensor) {
    if (!tensor.name().endsWith(RECURRENT_WEIGHTS)) {
      return tensor;
    }
    float[] values = tensor.values().clone();
    for (int i = 0; i < values.length; i++) {
      values[i] *= GAIN;
    }
    return new NamedTensor(tensor.name(), tensor.shape(), values);
  }
}
