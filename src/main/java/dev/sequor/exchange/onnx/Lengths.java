package dev.sequor.exchange.onnx;

import dev.sequor.backend.Direction;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.onnx.Value.Counted;
import dev.sequor.exchange.onnx.Value.Counting;
import dev.sequor.exchange.onnx.Value.Ends;
import dev.sequor.exchange.onnx.Value.Given;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.exchange.onnx.Value.Masked;
import dev.sequor.exchange.onnx.Value.Numbering;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.LastStep;
import dev.sequor.module.Module;
import dev.sequor.module.Pool;
import dev.sequor.module.Reverse;
import dev.sequor.module.TimeStep;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What graphs work out of the lengths of sequences: which steps are there, where sequences end, how
 * many steps to divide by. Modules know their sequences' lengths, so all of it stands for them.
 */
final class Lengths {
  private Lengths() {}

  static void addTo(Map<String, Operator> operators) {
    operators.put("Less", Lengths::less);
    operators.put("Greater", Lengths::greater);
    operators.put("Max", Lengths::max);
    operators.put("GatherND", Lengths::gatherEnds);
    operators.put("ReverseSequence", Lengths::reverse);
  }

  private static IllegalArgumentException unsupported(OnnxNode node, Translation to, String what) {
    return new IllegalArgumentException(
        "is given "
            + Translation.describe(to.input(node, 0))
            + " and "
            + Translation.describe(to.input(node, 1))
            + "; supported "
            + what);
  }

  /** Whether a tensor is one number, perhaps with dimensions of 1. */
  private static boolean is(Value value, double number) {
    return value instanceof Known known
        && known.numbers().elements() == 1
        && known.numbers().scalar() == number;
  }

  /** Lengths: one integer for each sequence; null for anything else. */
  private static @Nullable Given lengths(Value value) {
    if (!(value instanceof Given given) || given.dims().size() != 1) {
      return null;
    }
    for (Atom atom : given.dims().get(0)) {
      if (atom.kind != Kind.BATCH && atom.origin != null) {
        throw new Reconsider(atom.origin, Kind.BATCH, 0, "");
      }
    }
    return given;
  }

  private static boolean follows(Value value, Counting what) {
    return value instanceof Counted counted && counted.what() == what;
  }

  // ---- of the lengths alone ---------------------------------------------------------------------

  private static void less(OnnxNode node, Translation to) {
    @Nullable Given lengths = lengths(to.input(node, 1));
    if (lengths == null || !(to.input(node, 0) instanceof Numbering steps) || !steps.isColumn()) {
      throw unsupported(node, to, "are the numbers of time steps [T,1] and lengths");
    }
    to.output(node, new Counted(lengths, Counting.STEPS, steps.count(), false));
  }

  private static void greater(OnnxNode node, Translation to) {
    @Nullable Given lengths = lengths(to.input(node, 0));
    if (lengths == null || !is(to.input(node, 1), 0)) {
      throw unsupported(node, to, "are lengths and 0");
    }
    to.output(node, new Counted(lengths, Counting.ANY, null, false));
  }

  private static void max(OnnxNode node, Translation to) {
    Value of = to.input(node, 0);
    @Nullable Given lengths = lengths(of);
    if (node.inputs().size() == 2 && lengths != null && is(to.input(node, 1), 1)) {
      to.output(node, new Counted(lengths, Counting.AT_LEAST_ONE, null, false));
    } else if (node.inputs().size() == 2
        && of instanceof Counted last
        && last.what() == Counting.LAST
        && is(to.input(node, 1), 0)) {
      to.output(node, new Counted(last.lengths(), Counting.LAST_OR_FIRST, null, last.isColumn()));
    } else {
      throw new IllegalArgumentException(
          "takes the largest of "
              + Translation.describe(of)
              + " and others; supported are lengths and 1, and lengths less 1 and 0");
    }
  }

  /** The numbers of the last steps; null if it is something else that is subtracted. */
  static @Nullable Value last(Value from, Value number) {
    @Nullable Given lengths = is(number, 1) ? lengths(from) : null;
    return lengths == null ? null : new Counted(lengths, Counting.LAST, null, false);
  }

  /** With a dimension of 1 behind its own. */
  static Counted asColumn(Counted counted, int[] axes) {
    int rank = counted.shape().size();
    if (counted.isColumn() || axes.length != 1 || (axes[0] != rank && axes[0] != -1)) {
      throw new IllegalArgumentException(
          "gives another dimension to "
              + Translation.describe(counted)
              + "; supported is one behind its own");
    }
    return new Counted(counted.lengths(), counted.what(), counted.steps(), true);
  }

  // ---- of sequences -----------------------------------------------------------------------------

  /** Sequences {@code [T,B,…]}, or batch by batch; their steps. */
  private static Atom steps(Grid grid, int stepsAt) {
    for (int d = 0; d < 2; d++) {
      Kind kind = d == stepsAt ? Kind.STEPS : Kind.BATCH;
      List<Atom> parts = grid.dims().size() > 2 ? grid.dims().get(d) : List.of();
      if (parts.size() == 1 && parts.get(0).kind != kind && parts.get(0).origin != null) {
        Atom.Origin origin = parts.get(0).origin;
        throw new Reconsider(origin, kind, parts.get(0).size, origin.input());
      }
      if (parts.size() != 1 || parts.get(0).kind != kind) {
        throw new IllegalArgumentException(
            "is given " + grid + "; needed time steps in dimension " + stepsAt + ", and sequences");
      }
    }
    return grid.dims().get(stepsAt).get(0);
  }

  /** A choice by lengths. */
  static Value where(Translation to, Counted by, Value yes, Value no) {
    boolean isZero = is(no, 0);
    if (follows(by, Counting.STEPS)
        && by.isColumn()
        && (isZero || is(no, Float.NEGATIVE_INFINITY))) {
      Grid grid = yes instanceof Known known ? to.repeatedRows(known) : to.grid(yes, "input 1");
      Atom steps = steps(grid, 0);
      if (!steps.asSize().equals(by.steps())) {
        throw new IllegalArgumentException(
            "leaves out of " + grid + " what is past " + by.steps() + "; needed steps of its own");
      }
      to.countSteps(by.lengths().input(), steps);
      return new Masked(grid, isZero ? 0 : Float.NEGATIVE_INFINITY);
    }
    if (follows(by, Counting.ANY) && by.isColumn() && isZero) {
      Grid grid = yes instanceof Ends ends ? ends.grid() : to.grid(yes, "input 1");
      return grid.with(orZeros(to, grid.value(), by.lengths().input()));
    }
    throw new IllegalArgumentException(
        "chooses "
            + Translation.describe(yes)
            + " or "
            + Translation.describe(no)
            + " by "
            + Translation.describe(by)
            + "; supported are zeros and -inf past the ends, and zeros without a step");
  }

  /** What has zeros for sequences without a step, of something that need not. */
  private static String orZeros(Translation to, String value, String lengths) {
    @Nullable Module module = to.draft.module(value);
    List<String> inputs = module == null ? List.of() : to.draft.inputsOf(value);
    if (module instanceof LastStep || module instanceof Pool) {
      to.countSteps(lengths, axis(to, inputs.get(0)));
      return value;
    } else if (module instanceof TimeStep step && step.step() == 0) {
      to.countSteps(lengths, axis(to, inputs.get(0)));
      return to.draft.add("last", new LastStep(Direction.REVERSE), inputs.get(0));
    } else if (module instanceof Columns columns) {
      return to.draft.add("columns", columns, orZeros(to, inputs.get(0), lengths));
    } else if (module instanceof Concatenation) {
      List<String> parts = new ArrayList<>();
      inputs.forEach(part -> parts.add(orZeros(to, part, lengths)));
      @Nullable String both = ofBothDirections(to, parts);
      return both != null
          ? to.draft.add("last", new LastStep(Direction.BIDIRECTIONAL), both)
          : to.draft.add("concatenation", new Concatenation(), parts, List.of());
    }
    throw new IllegalArgumentException(
        "has zeros for sequences without a step in a value that is "
            + (module == null ? "an input" : module)
            + "; supported are last and first steps, and pools");
  }

  /** The input whose time axis a sequence has. */
  private static String axis(Translation to, String sequence) {
    String axis = to.draft.shape(sequence).axis();
    return to.inputs().values().stream()
        .filter(input -> input.value.equals(axis))
        .map(input -> input.name)
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "has lengths of time steps that are none of an input's"));
  }

  /** The sequence of two directions whose ends these are; null if they are not. */
  private static @Nullable String ofBothDirections(Translation to, List<String> parts) {
    @Nullable String sequence = null;
    for (int d = 0; d < parts.size(); d++) {
      if (!(to.draft.module(parts.get(d)) instanceof Columns columns)) {
        return null;
      }
      String last = to.draft.inputsOf(parts.get(d)).get(0);
      Direction direction = d == 0 ? Direction.FORWARD : Direction.REVERSE;
      int width = columns.inputWidth() / 2;
      if (!new LastStep(direction).equals(to.draft.module(last))
          || !columns.equals(Columns.range(2 * width, d * width, width))) {
        return null;
      }
      String of = to.draft.inputsOf(last).get(0);
      if (sequence != null && !sequence.equals(of)) {
        return null;
      }
      sequence = of;
    }
    return parts.size() == 2 ? sequence : null;
  }

  /** The last step of each sequence. */
  private static void gatherEnds(OnnxNode node, Translation to) {
    Value given = to.input(node, 0);
    if (node.integer("batch_dims", 0) != 1
        || !(to.input(node, 1) instanceof Counted last)
        || last.what() != Counting.LAST_OR_FIRST
        || !last.isColumn()) {
      throw unsupported(node, to, "are sequences [B,T,W] and the numbers of their last steps");
    }
    Grid grid = to.grid(given, "input 0");
    to.countSteps(last.lengths().input(), steps(grid, 1));
    String value = to.draft.add("last", new LastStep(Direction.FORWARD), grid.value());
    List<List<Atom>> dims = new ArrayList<>(grid.dims());
    dims.remove(1);
    to.output(node, new Ends(grid.with(value, grid.columns(), dims)));
  }

  private static void reverse(OnnxNode node, Translation to) {
    long time = node.integer("time_axis", 0);
    long batch = node.integer("batch_axis", 1);
    Grid grid = to.grid(node, 0);
    Value by = to.input(node, 1);
    @Nullable Given lengths =
        by instanceof Counted counted
                && counted.what() == Counting.AT_LEAST_ONE
                && !counted.isColumn()
            ? counted.lengths()
            : lengths(by);
    if (lengths == null || Math.min(time, batch) != 0 || Math.max(time, batch) != 1) {
      throw unsupported(node, to, "are sequences and their lengths");
    }
    to.countSteps(lengths.input(), steps(grid, (int) time));
    String value = to.draft.add("reverse", new Reverse(), grid.value());
    to.zeroAtEnds.add(value);
    to.output(node, grid.with(value));
  }

  /** A sum over time steps divided by how many there are; null if it is another division. */
  static @Nullable Grid mean(Translation to, Value sum, Value count) {
    if (!follows(count, Counting.AT_LEAST_ONE)
        || !((Counted) count).isColumn()
        || !(sum instanceof Grid grid)) {
      return null;
    }
    @Nullable String sequence = to.sums.get(grid.value());
    if (sequence == null
        || !axis(to, sequence).equals(to.lengths.get(((Counted) count).lengths().input()))) {
      throw new IllegalArgumentException(
          "divides "
              + grid
              + " by "
              + Translation.describe(count)
              + "; supported is a sum over the steps of the same sequences");
    }
    return grid.with(to.draft.add("pool", new Pool(Pool.How.MEAN), sequence));
  }
}
