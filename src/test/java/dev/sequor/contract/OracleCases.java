package dev.sequor.contract;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.util.ArrayList;
import java.util.List;

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
}
