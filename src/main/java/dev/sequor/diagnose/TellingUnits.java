package dev.sequor.diagnose;

import dev.sequor.backend.Required;
import dev.sequor.backend.RnnSpec;
import dev.sequor.model.ModelSpec;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * The units of a model that tell something of the text it reads: one that counts along the line,
 * one that opens in quotation marks (Karpathy, Johnson and Fei-Fei 2015, arXiv:1506.02078).
 *
 * @param steps the time steps that were looked at
 * @param units how many units were, the hidden and the cell state of one counted as two
 * @param found for each feature that changes in the text its best unit, telling or not
 */
public record TellingUnits(int steps, int units, List<Found> found) {
  /**
   * How likely at most it is that, of all features, one that no unit knows of is taken for told.
   */
  public static final double LEVEL = 0.05;

  private static final int MOST_STEPS = 8192;
  private static final int LEAST_STEPS = 512;
  private static final long MOST_ACTIVATIONS = 1 << 24;

  /** Checks that all is there. */
  public TellingUnits {
    found = List.copyOf(found);
  }

  /** What of a unit is looked at. */
  public enum Of {
    /** {@code h}. */
    HIDDEN("h"),
    /** {@code tanh(c)}. */
    CELL("tanh(c)");

    private final String symbol;

    Of(String symbol) {
      this.symbol = symbol;
    }

    /** As in equations. */
    public String symbol() {
      return symbol;
    }
  }

  /**
   * A unit.
   *
   * @param layer its place in {@link Activations#layers()}
   * @param of its hidden or its cell state
   * @param number from 0
   */
  public record Unit(int layer, Of of, int number) {
    /**
     * Its activation in a sequence.
     *
     * @return {@code [T]}
     */
    public double[] in(Activations activations, int sequence) {
      Activations.Layer its = activations.layers().get(layer);
      return of == Of.HIDDEN
          ? its.hidden(sequence, number)
          : Arrays.stream(its.cell(sequence, number)).map(Math::tanh).toArray();
    }
  }

  /**
   * The best unit for a feature.
   *
   * @param match how well it tells; see {@link UnitSearch}
   */
  public record Found(TextFeature feature, Unit unit, UnitSearch.Match match) {}

  /**
   * Searches the units of a model.
   *
   * @param activations of a window with one sequence, the text
   * @param pieces the text, one piece a time step; see {@link TextFeature#of}
   * @throws IllegalArgumentException if there are several sequences, or not as many pieces as time
   *     steps
   */
  public static TellingUnits in(Activations activations, List<String> pieces) {
    Activations.Layer first = Required.present("activations", activations).layers().get(0);
    if (first.batchSize() != 1) {
      throw new IllegalArgumentException(
          "the activations are of " + first.batchSize() + " sequences; needed 1");
    }
    int steps = first.timeSteps();
    if (Required.present("pieces", pieces).size() != steps) {
      throw new IllegalArgumentException(
          "there are " + pieces.size() + " pieces of text; needed " + steps);
    }
    List<Unit> units = units(activations);
    List<TextFeature> features = new ArrayList<>();
    List<double[]> series = new ArrayList<>();
    for (Map.Entry<TextFeature, double[]> each : TextFeature.of(pieces).entrySet()) {
      double[] values = each.getValue();
      if (Arrays.stream(values).anyMatch(value -> value != values[0])) {
        features.add(each.getKey());
        series.add(values);
      }
    }
    List<Found> found = new ArrayList<>();
    if (!features.isEmpty()) {
      // Bonferroni: a feature has its part of the probability that all have.
      List<UnitSearch.Match> matches =
          UnitSearch.best(
              units.size(),
              number -> units.get(number).in(activations, 0),
              series,
              LEVEL / features.size());
      for (int f = 0; f < matches.size(); f++) {
        UnitSearch.Match match = matches.get(f);
        found.add(new Found(features.get(f), units.get(match.unit()), match));
      }
    }
    return new TellingUnits(steps, units.size(), found);
  }

  /**
   * As many time steps as are worth looking at in a model: a power of two, which is searched
   * fastest, and fewer in a large model, that all its units have room in memory.
   */
  public static int mostSteps(ModelSpec model) {
    long units = 0;
    for (RecurrentStack stack : RecurrentStack.required(model.network())) {
      RnnSpec spec = stack.spec();
      units += (long) spec.layers() * spec.directions() * spec.cell().states() * spec.hiddenSize();
    }
    int steps = MOST_STEPS;
    while (steps > LEAST_STEPS && steps * units > MOST_ACTIVATIONS) {
      steps /= 2;
    }
    return steps;
  }

  private static List<Unit> units(Activations activations) {
    List<Unit> units = new ArrayList<>();
    for (int layer = 0; layer < activations.layers().size(); layer++) {
      Activations.Layer its = activations.layers().get(layer);
      for (int number = 0; number < its.hiddenSize(); number++) {
        units.add(new Unit(layer, Of.HIDDEN, number));
      }
      for (int number = 0; number < its.cellSize(); number++) {
        units.add(new Unit(layer, Of.CELL, number));
      }
    }
    return units;
  }

  /** Those that are telling, the most telling first. */
  public List<Found> telling() {
    return found.stream()
        .filter(each -> each.match().telling())
        .sorted(Comparator.comparingDouble(each -> -Math.abs(each.match().correlation())))
        .toList();
  }
}
