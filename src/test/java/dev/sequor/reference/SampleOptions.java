package dev.sequor.reference;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import java.util.Arrays;
import java.util.SplittableRandom;

/** Options that a cell can have. */
public final class SampleOptions {
  private SampleOptions() {}

  /** All options that the cell can have at once, for more than 6 units. */
  public static CellOptions everything(CellType cell) {
    boolean lstm = cell.states() == 2;
    GateFunction[] others = {
      GateFunction.of(GateFunction.Kind.HARD_SIGMOID),
      GateFunction.of(GateFunction.Kind.SOFTSIGN),
      GateFunction.of(GateFunction.Kind.SCALED_TANH)
    };
    GateFunction[] own = Arrays.copyOf(others, cell.functions().size());
    return CellOptions.builder()
        .projectionSize(lstm && cell != CellType.LSTM_CELL_RECURRENT ? 6 : 0)
        .layerNorm(true)
        .zoneout(0.2f, lstm ? 0.1f : 0)
        .recurrentDropConnect(0.2f)
        .inputDropout(0.1f)
        .recurrentDropout(0.3f)
        .coupledGates(lstm)
        .gateClip(1.5f)
        .cellClip(lstm ? 2f : 0)
        .activations(own)
        .build();
  }

  /**
   * Each option by itself now and then, so that most pairs of them meet.
   *
   * @param hiddenSize of the cell; a projection is narrower
   */
  public static CellOptions random(SplittableRandom random, CellType cell, int hiddenSize) {
    boolean lstm = cell.states() == 2;
    boolean projects = lstm && cell != CellType.LSTM_CELL_RECURRENT && hiddenSize > 1;
    CellOptions.Builder options =
        CellOptions.builder()
            .projectionSize(projects && seldom(random) ? random.nextInt(1, hiddenSize) : 0)
            .layerNorm(seldom(random))
            .zoneout(probability(random), lstm ? probability(random) : 0)
            .recurrentDropConnect(probability(random))
            .inputDropout(probability(random))
            .recurrentDropout(probability(random))
            .coupledGates(lstm && seldom(random))
            .gateClip(seldom(random) ? 0.3f + (float) random.nextDouble() : 0)
            .cellClip(lstm && seldom(random) ? 0.3f + (float) random.nextDouble() : 0);
    if (seldom(random)) {
      GateFunction[] functions = new GateFunction[cell.functions().size()];
      Arrays.setAll(functions, i -> function(random));
      options.activations(functions);
    }
    return options.build();
  }

  private static boolean seldom(SplittableRandom random) {
    return random.nextInt(4) == 0;
  }

  private static float probability(SplittableRandom random) {
    return seldom(random) ? 0.1f + 0.5f * (float) random.nextDouble() : 0;
  }

  /** A function with its usual constants or others. */
  public static GateFunction function(SplittableRandom random) {
    GateFunction.Kind[] kinds = GateFunction.Kind.values();
    GateFunction usual = GateFunction.of(kinds[random.nextInt(kinds.length)]);
    if (random.nextBoolean()) {
      return usual;
    }
    float alpha = (float) random.nextDouble(0.1, 1);
    float beta = (float) random.nextDouble(0.1, 1);
    return switch (usual.kind()) {
      case HARD_SIGMOID, AFFINE, SCALED_TANH -> new GateFunction(usual.kind(), alpha, beta);
      case LEAKY_RELU, THRESHOLDED_RELU, ELU -> new GateFunction(usual.kind(), alpha, 0);
      case SIGMOID, TANH, RELU, SOFTSIGN, SOFTPLUS -> usual;
    };
  }
}
