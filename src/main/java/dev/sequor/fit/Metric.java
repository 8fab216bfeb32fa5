package dev.sequor.fit;

import dev.sequor.data.Window;
import dev.sequor.model.Accuracy;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.ClassCounts;
import dev.sequor.model.Evaluator;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.ValueErrors;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * A number that says how good a model is on some data.
 *
 * @param name unique among those of a fit
 * @param higherIsBetter whether more of it is better
 * @param measurement what is found out; metrics of the same one share a look at the data
 * @param value the number, of what was found out
 * @param <M> what the measurement finds out
 */
public record Metric<M>(
    String name, boolean higherIsBetter, Measurement<M> measurement, ToDoubleFunction<M> value) {

  /**
   * Looks at data with a model.
   *
   * @param <M> what is found out
   */
  @FunctionalInterface
  public interface Measurement<M> {
    /**
     * Finds it out.
     *
     * @throws IllegalArgumentException if the model has no such thing, or a window does not fit it
     */
    M of(SequenceModel model, Iterable<Window> windows);
  }

  private static final Measurement<BatchLoss> LOSSES = Evaluator::evaluate;
  private static final Measurement<Accuracy> ANSWERS = Evaluator::accuracy;
  private static final Measurement<ClassCounts> CLASSES = Evaluator::classCounts;
  private static final Measurement<ValueErrors> ERRORS = Evaluator::errors;

  /** The mean loss of a prediction, in nats where it is a likelihood. */
  public static final Metric<BatchLoss> LOSS = new Metric<>("loss", false, LOSSES, BatchLoss::mean);

  /** {@code exp(loss)}. */
  public static final Metric<BatchLoss> PERPLEXITY =
      new Metric<>("perplexity", false, LOSSES, BatchLoss::perplexity);

  /** The mean loss in bits: bits per character of a model of characters. */
  public static final Metric<BatchLoss> BITS =
      new Metric<>("bits", false, LOSSES, BatchLoss::meanBits);

  /** The part of the classes that are right, 0 to 1. */
  public static final Metric<Accuracy> ACCURACY =
      new Metric<>("accuracy", true, ANSWERS, Accuracy::rate);

  /** The mean of the classes' F1 ({@link ClassCounts#f1()}), 0 to 1. */
  public static final Metric<ClassCounts> F1 = new Metric<>("f1", true, CLASSES, ClassCounts::f1);

  /** The mean absolute error of values. */
  public static final Metric<ValueErrors> MAE =
      new Metric<>("mae", false, ERRORS, ValueErrors::mae);

  /** The root of the mean squared error of values. */
  public static final Metric<ValueErrors> RMSE =
      new Metric<>("rmse", false, ERRORS, ValueErrors::rmse);

  /**
   * Checks the name.
   *
   * @throws IllegalArgumentException if it is empty
   */
  public Metric {
    if (name.isBlank()) {
      throw new IllegalArgumentException("the name of a metric is empty; needed one");
    }
  }

  /**
   * The number for a model and data.
   *
   * @param known what was found out of them already; gets what is found out now
   */
  double of(SequenceModel model, Iterable<Window> windows, Map<Measurement<?>, Object> known) {
    @SuppressWarnings("unchecked") // what a measurement put there is of its own type
    M found = (M) known.computeIfAbsent(measurement, m -> (Object) measurement.of(model, windows));
    return value.applyAsDouble(found);
  }
}
