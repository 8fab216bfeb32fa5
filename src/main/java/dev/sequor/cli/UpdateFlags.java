package dev.sequor.cli;

import dev.sequor.backend.UpdateRule;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How weights are updated. */
final class UpdateFlags {
  private static final float MOMENTUM = 0.9f;
  private static final float DECAY = 0.01f;
  private static final float ADAM_RATE = 0.002f;

  /** The update rules by name. */
  static final class Rules extends Choice<UpdateRule> {
    Rules() {
      super(
          List.of(
              UpdateRule.ADAGRAD,
              UpdateRule.ADAM,
              UpdateRule.ADAMW,
              UpdateRule.CENTERED_RMSPROP,
              UpdateRule.LION,
              UpdateRule.NESTEROV,
              UpdateRule.RMSPROP,
              UpdateRule.SGD),
          rule -> rule.name().toLowerCase(Locale.ROOT).replace('_', '-'));
    }
  }

  /** The schedules by name. */
  static final class Schedules extends Choice<RateSchedule> {
    Schedules() {
      super(
          List.of(RateSchedule.CONSTANT, RateSchedule.LINEAR, RateSchedule.COSINE),
          schedule -> schedule.name().toLowerCase(Locale.ROOT));
    }
  }

  @Range("(0,)")
  @Option(
      names = "--lr",
      paramLabel = "RATE",
      description =
          "Learning rate (default: 0.002, or the task's own; for sgd and nesterov 0.2, adagrad"
              + " 0.02, lion 0.0005).")
  private @Nullable Float learningRate;

  @Option(
      names = "--schedule",
      paramLabel = "NAME",
      converter = Schedules.class,
      completionCandidates = Schedules.class,
      description =
          "How the learning rate goes over the run, one of ${COMPLETION-CANDIDATES}: linear is the"
              + " same for the first half and then falls to nothing, cosine falls throughout"
              + " (default: constant; linear for a task).")
  private @Nullable RateSchedule schedule;

  @Option(
      names = "--optimizer",
      paramLabel = "RULE",
      converter = Rules.class,
      completionCandidates = Rules.class,
      description =
          "One of ${COMPLETION-CANDIDATES}; nesterov, centered-rmsprop and sgd with a momentum of"
              + " 0.9 (default: adam; adamw for the sunspots).")
  private @Nullable UpdateRule rule;

  @Range("[0,100]")
  @Option(
      names = "--weight-decay",
      paramLabel = "X",
      description =
          "Pulls weights to zero; adamw and lion by so much of the learning rate, the"
              + " others by the gradient (default: 0.01 for adamw and lion, else 0).")
  private @Nullable Float weightDecay;

  @Range("[0,)")
  @Option(
      names = "--clip",
      paramLabel = "NORM",
      description =
          "Largest norm of the gradient; 0 for no bound (default: 5; 1 of a table, or the task's own).")
  private @Nullable Float clip;

  /**
   * The optimiser.
   *
   * @param adamRate the rate of Adam and its like if none was given
   */
  Optimizer optimizer(@Nullable Float adamRate) {
    float adam = Objects.requireNonNullElse(adamRate, ADAM_RATE);
    Optimizer optimizer =
        switch (rule == null ? UpdateRule.ADAM : rule) {
          case ADAM -> Optimizer.adam(rate(adam));
          case ADAMW -> Optimizer.adamw(rate(adam), DECAY);
          case RMSPROP -> Optimizer.rmsprop(rate(adam));
          case CENTERED_RMSPROP -> Optimizer.centeredRmsprop(rate(adam), MOMENTUM);
          case ADAGRAD -> Optimizer.adagrad(rate(0.02f));
          case LION -> Optimizer.lion(rate(0.0005f), DECAY);
          case NESTEROV -> Optimizer.nesterov(rate(0.2f), MOMENTUM);
          case SGD -> Optimizer.sgd(rate(0.2f), MOMENTUM);
        };
    return weightDecay == null ? optimizer : optimizer.withWeightDecay(weightDecay);
  }

  private float rate(float usual) {
    return Objects.requireNonNullElse(learningRate, usual);
  }

  /** Whether anything was said of the optimiser. */
  boolean isAnyOptimizerGiven() {
    return rule != null || learningRate != null || weightDecay != null;
  }

  /** The schedule, or {@code usual} if none was given. */
  RateSchedule schedule(RateSchedule usual) {
    return schedule == null ? usual : schedule;
  }

  /** The bound of the gradient, or {@code usual} if none was given. */
  Clipping clipping(float usual) {
    return Clipping.byGlobalNorm(Objects.requireNonNullElse(clip, usual));
  }
}
