package dev.sequor.contract;

import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import java.lang.ref.SoftReference;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/** A random problem of given sizes, and what the reference says of it. */
record ContractCase(
    CellType cell, int layers, int directions, Lengths lengths, int T, int B, int I, int H) {

  /** The kinds of sequence lengths. */
  enum Lengths {
    /** No lengths. */
    NONE,
    /** Any, in any order, with 0 and T among them where there are enough sequences. */
    MIXED,
    /** Rising, the opposite of the order in which packed sequences are usually wanted. */
    RISING
  }

  /** Every pair of values of every two of T, B, I, H; found as an orthogonal array. */
  private static final int[][] SHAPES = {
    {1, 1, 3, 33}, {1, 3, 31, 3}, {1, 31, 257, 31}, {1, 33, 1, 1}, {1, 257, 33, 257},
    {3, 1, 1, 3}, {3, 3, 33, 31}, {3, 31, 3, 1}, {3, 33, 31, 257}, {3, 257, 257, 33},
    {31, 1, 31, 31}, {31, 3, 257, 1}, {31, 31, 1, 257}, {31, 33, 33, 33}, {31, 257, 3, 3},
    {33, 1, 33, 1}, {33, 3, 3, 257}, {33, 31, 31, 33}, {33, 33, 257, 3}, {33, 257, 1, 31},
    {257, 1, 257, 257}, {257, 3, 1, 33}, {257, 31, 33, 3}, {257, 33, 3, 31}, {257, 257, 31, 1},
  };

  /** Above this many multiplications a step of the whole grid would take too long. */
  private static final long SMALL = 300_000;

  private static final Map<ContractCase, SoftReference<Expected>> EXPECTED =
      new ConcurrentHashMap<>();

  /**
   * Every cell × layers × directions × lengths on two small shapes each, and every cell on every
   * shape with the other choices taking turns.
   */
  static List<ContractCase> all() {
    List<int[]> small = new ArrayList<>();
    for (int[] s : SHAPES) {
      if (s[0] > 1 && s[1] > 1 && (long) s[0] * s[1] * s[3] * (s[2] + s[3]) < SMALL) {
        small.add(s);
      }
    }
    List<ContractCase> cases = new ArrayList<>();
    int turn = 0;
    for (CellType cell : CellType.values()) {
      List<ContractCase> grid = new ArrayList<>();
      for (int variant = 0; variant < 12; variant++) {
        for (int i = 0; i < 2; i++) {
          grid.add(of(cell, variant, small.get(turn++ % small.size())));
        }
      }
      for (int[] shape : SHAPES) {
        ContractCase candidate = of(cell, turn++ % 12, shape);
        if (!grid.contains(candidate)) {
          grid.add(candidate);
        }
      }
      cases.addAll(grid);
    }
    return cases;
  }

  private static ContractCase of(CellType cell, int variant, int[] s) {
    Lengths lengths = Lengths.values()[variant / 4];
    return new ContractCase(
        cell, 1 + variant % 2, 1 + variant / 2 % 2, lengths, s[0], s[1], s[2], s[3]);
  }

  RnnShape shape() {
    return new RnnShape(cell, layers, directions, T, B, I, H, 0f);
  }

  int @Nullable [] sequenceLengths() {
    if (lengths == Lengths.NONE) {
      return null;
    }
    int[] values = new SplittableRandom(T * 1000L + B).ints(B, 0, T + 1).toArray();
    if (lengths == Lengths.RISING) {
      Arrays.sort(values);
    } else if (B >= 3) {
      values[B / 3] = 0;
      values[2 * B / 3] = T;
    } else {
      values[0] = (T + 1) / 2;
    }
    return values;
  }

  RnnProblem problem() {
    return RnnProblem.random(shape(), sequenceLengths(), hashCode(cell, T, B, I, H));
  }

  private static long hashCode(CellType cell, int... sizes) {
    long hash = cell.id().hashCode();
    for (int size : sizes) {
      hash = hash * 31 + size;
    }
    return hash;
  }

  /** The reference's outputs and gradients. */
  record Expected(ReferenceRnn.Outputs outputs, ReferenceRnn.Gradients gradients) {}

  /** Computed once for all backends while memory lasts. */
  Expected expected(RnnProblem problem) {
    SoftReference<Expected> known = EXPECTED.get(this);
    Expected expected = known == null ? null : known.get();
    if (expected == null) {
      expected = new Expected(ReferenceRnn.forward(problem), ReferenceRnn.gradients(problem));
      EXPECTED.put(this, new SoftReference<>(expected));
    }
    return expected;
  }

  @Override
  public String toString() {
    return String.format(
        "%s L=%d D=%d lengths %s T=%d B=%d I=%d H=%d",
        cell.id(), layers, directions, lengths, T, B, I, H);
  }
}
