package dev.sequor.study;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.Tokens;
import dev.sequor.data.Window;
import dev.sequor.model.Clipping;
import dev.sequor.model.Evaluator;
import dev.sequor.model.Optimizer;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * What each cell makes of a text: how well it predicts the next token, how long a step takes, how
 * many parameters it has. All of them learn the same windows with the same optimiser, learning
 * rates, clipping and seed; they take turns step by step, so that whatever else the machine does
 * slows all of them alike.
 *
 * @param training what is learned
 * @param heldOut what models are judged by
 * @param vocabularySize {@code V}, how many tokens there may be
 * @param hiddenSize {@code H}, units of the one recurrent layer
 * @param steps updates of each model
 * @param seed of first weights
 */
public record CellStudy(
    Tokens training, Tokens heldOut, int vocabularySize, int hiddenSize, int steps, long seed) {
  /** The cells that are compared. */
  public static final List<CellType> CELLS =
      List.of(
          CellType.RNN_TANH,
          CellType.RNN_RELU,
          CellType.GRU_RESET_BEFORE,
          CellType.GRU_RESET_AFTER,
          CellType.LSTM,
          CellType.LSTM_PEEPHOLE);

  /** Time steps of a window. */
  public static final int TIME_STEPS = 64;

  /** Sequences side by side. */
  public static final int BATCH_SIZE = 32;

  private static final int EMBEDDING = 32;
  private static final float RATE = 2e-3f;
  private static final float CLIP = 5f;

  /** The part of the steps, at the beginning, whose times do not count. */
  private static final int WARM_UP_PART = 10;

  private static final int POINTS = 50;

  /**
   * Checks all numbers.
   *
   * @throws IllegalArgumentException naming the first that is out of range
   */
  public CellStudy {
    Required.present("training", training);
    Required.present("heldOut", heldOut);
    Sizes.atLeastOne("hiddenSize", hiddenSize);
    Sizes.atLeastOne("steps", steps);
  }

  /**
   * What one model came to.
   *
   * @param hiddenSize its units
   * @param parameters how many numbers it has learned
   * @param heldOutBits mean of the held-out tokens, in bits
   * @param stepSeconds median of the steps after the warm-up
   * @param curve mean training loss in bits of each of as many parts of the steps
   */
  public record Learner(
      CellType cell,
      int hiddenSize,
      long parameters,
      double heldOutBits,
      double stepSeconds,
      List<Double> curve) {
    /** Copies the list. */
    public Learner {
      curve = List.copyOf(curve);
    }
  }

  /**
   * What all models came to, in the order of {@link #CELLS}.
   *
   * @param equalUnits with {@link CellStudy#hiddenSize} units each
   * @param equalParameters with about as many parameters as that LSTM
   */
  public record Outcome(CellStudy study, List<Learner> equalUnits, List<Learner> equalParameters) {
    /** Copies the lists. */
    public Outcome {
      equalUnits = List.copyOf(equalUnits);
      equalParameters = List.copyOf(equalParameters);
    }
  }

  /** A model at work. */
  private static final class Turn implements AutoCloseable {
    final SequenceModel model;
    final Trainer trainer;
    final double[] bits;
    final double[] seconds;

    Turn(Backend backend, SequenceModelSpec spec, int steps, long seed) {
      this.model = new SequenceModel(backend, spec, seed);
      this.trainer = new Trainer(model, Optimizer.adam(RATE), Clipping.byGlobalNorm(CLIP), seed);
      this.bits = new double[steps];
      this.seconds = new double[steps];
    }

    void step(int number, Window window) {
      long before = System.nanoTime();
      TrainStep step = trainer.step(window);
      seconds[number] = (System.nanoTime() - before) * 1e-9;
      bits[number] = step.loss().meanBits();
    }

    @Override
    public void close() {
      trainer.close();
      model.close();
    }
  }

  /**
   * Trains and judges all models.
   *
   * @param notes gets a line now and then
   * @throws IllegalArgumentException if the text is too short for a window
   */
  public Outcome run(Backend backend, Consumer<String> notes) {
    List<Integer> units = CELLS.stream().map(cell -> hiddenSize).toList();
    List<Integer> fitted = CELLS.stream().map(this::unitsOfEqualParameters).toList();
    return new Outcome(
        this,
        learn(backend, units, line -> notes.accept("equal units: " + line)),
        learn(backend, fitted, line -> notes.accept("equal parameters: " + line)));
  }

  private SequenceModelSpec spec(CellType cell, int units) {
    return SequenceModelSpec.languageModel(vocabularySize, EMBEDDING)
        .cell(cell)
        .hiddenSize(units)
        .build();
  }

  private long parameters(CellType cell, int units) {
    return spec(cell, units).network().layout().trainableElements();
  }

  /** The units with which {@code cell} comes nearest to the parameters of the LSTM. */
  private int unitsOfEqualParameters(CellType cell) {
    long wanted = parameters(CellType.LSTM, hiddenSize);
    int units = 1;
    while (parameters(cell, units) < wanted) {
      units++;
    }
    boolean lessIsNearer =
        units > 1 && wanted - parameters(cell, units - 1) < parameters(cell, units) - wanted;
    return lessIsNearer ? units - 1 : units;
  }

  private List<Learner> learn(Backend backend, List<Integer> units, Consumer<String> notes) {
    TokenStreams streams = new TokenStreams(training, BATCH_SIZE, TIME_STEPS);
    List<Turn> turns = new ArrayList<>();
    try {
      for (int i = 0; i < CELLS.size(); i++) {
        turns.add(new Turn(backend, spec(CELLS.get(i), units.get(i)), steps, seed));
      }
      for (int step = 0; step < steps; step++) {
        Window window =
            streams.window(step / streams.windowsPerEpoch(), step % streams.windowsPerEpoch());
        float rate = RateSchedule.LINEAR.rate(RATE, step, steps);
        for (int i = 0; i < turns.size(); i++) {
          // Each goes first as often as the others.
          Turn turn = turns.get((step + i) % turns.size());
          turn.trainer.learningRate(rate);
          turn.step(step, window);
        }
        if ((step + 1) % Math.max(1, steps / 5) == 0) {
          notes.accept("step " + (step + 1) + " of " + steps);
        }
      }
      List<Learner> learners = new ArrayList<>();
      for (int i = 0; i < CELLS.size(); i++) {
        learners.add(learner(CELLS.get(i), units.get(i), turns.get(i)));
      }
      return learners;
    } finally {
      turns.forEach(Turn::close);
    }
  }

  private Learner learner(CellType cell, int units, Turn turn) {
    int streams = (int) Math.min(BATCH_SIZE, heldOut.size() - 1);
    return new Learner(
        cell,
        units,
        parameters(cell, units),
        Evaluator.evaluateText(turn.model, heldOut, TIME_STEPS, streams).meanBits(),
        median(turn.seconds),
        curve(turn.bits));
  }

  private static double median(double[] seconds) {
    double[] counted = Arrays.copyOfRange(seconds, seconds.length / WARM_UP_PART, seconds.length);
    Arrays.sort(counted);
    int middle = counted.length / 2;
    return counted.length % 2 == 1 ? counted[middle] : (counted[middle - 1] + counted[middle]) / 2;
  }

  private static List<Double> curve(double[] bits) {
    int parts = Math.min(POINTS, bits.length);
    List<Double> curve = new ArrayList<>();
    for (int part = 0; part < parts; part++) {
      int from = (int) ((long) bits.length * part / parts);
      int to = (int) ((long) bits.length * (part + 1) / parts);
      curve.add(Arrays.stream(bits, from, to).average().orElseThrow());
    }
    return curve;
  }
}
