package dev.sequor.contract;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.RnnProblem;
import dev.sequor.reference.SampleOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** Problems that other libraries can solve too: every sequence has at least one step. */
final class OracleCases {
  private OracleCases() {}

  /** A problem with a name. */
  record Case(String name, RnnProblem problem) {
    @Override
    public String toString() {
      return name;
    }
  }

  /** Cells × {1,2,3 layers} × {1,2 directions} × {no lengths, lengths in any order}. */
  static List<Case> of(List<CellType> cells) {
    List<Case> cases = new ArrayList<>();
    for (CellType cell : cells) {
      for (int layers = 1; layers <= 3; layers++) {
        for (int directions = 1; directions <= 2; directions++) {
          for (boolean lengths : new boolean[] {false, true}) {
            RnnShape shape = new RnnShape(cell, layers, directions, 9, 6, 11, 19, 0f);
            int[] any = {4, 9, 1, 9, 7, 2};
            String name =
                String.format(
                    "%s L=%d D=%d %s",
                    cell.id(), layers, directions, lengths ? "lengths" : "no lengths");
            long seed = layers * 10L + directions;
            cases.add(new Case(name, RnnProblem.random(shape, lengths ? any : null, seed)));
          }
        }
      }
    }
    return cases;
  }

  /** Projected LSTMs: {1,2,3 layers} × {1,2 directions} × {no lengths, lengths in any order}. */
  static List<Case> projections() {
    List<Case> cases = new ArrayList<>();
    for (Case c : of(List.of(CellType.LSTM))) {
      RnnProblem p = c.problem;
      int width = 1 + 5 * p.shape.layers();
      RnnSpec stack =
          p.shape.stack().withOptions(CellOptions.builder().projectionSize(width).build());
      RnnShape shape = stack.shape(p.shape.timeSteps(), p.shape.batchSize());
      RnnProblem projected = RnnProblem.random(shape, p.lengths, p.dropoutOffset);
      cases.add(new Case(c.name.replace("lstm", "lstm P=" + width), projected));
    }
    return cases;
  }

  /**
   * Random options that ONNX has: every activation with constants of its own, clipping, coupled
   * gates; in every direction, with lengths or without.
   */
  static List<Case> randomOptionsOfOnnx(List<CellType> cells, int count, long seed) {
    List<Case> cases = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      SplittableRandom random = new SplittableRandom(seed + i);
      CellType cell = cells.get(i % cells.size());
      CellOptions.Builder options =
          CellOptions.builder()
              .coupledGates(cell.states() == 2 && random.nextInt(3) == 0)
              .gateClip(random.nextInt(3) == 0 ? 0 : 0.1f + (float) random.nextDouble());
      if (random.nextInt(4) > 0) {
        GateFunction[] functions = new GateFunction[cell.functions().size()];
        Arrays.setAll(functions, f -> SampleOptions.function(random));
        options.activations(functions);
      }
      RnnSpec stack =
          RnnSpec.of(cell, 1 + random.nextInt(20), 1 + random.nextInt(20))
              .withLayers(1 + random.nextInt(2))
              .withDirection(pick(random, Direction.values()))
              .withOptions(options.build());
      int steps = 1 + random.nextInt(9);
      int batch = 1 + random.nextInt(6);
      int[] lengths = random.ints(batch, 1, steps + 1).toArray();
      String name =
          String.format(
              "%d: %s L=%d %s %s %s",
              seed + i,
              cell.id(),
              stack.layers(),
              stack.direction(),
              stack.options(),
              random.nextBoolean() ? "lengths" : "no lengths");
      boolean ragged = !name.endsWith("no lengths");
      RnnProblem problem =
          RnnProblem.random(stack.shape(steps, batch), ragged ? lengths : null, seed + i);
      cases.add(new Case(name, problem));
    }
    return cases;
  }

  private static <T> T pick(SplittableRandom random, T[] values) {
    return values[random.nextInt(values.length)];
  }
}
