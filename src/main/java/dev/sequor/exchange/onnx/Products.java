package dev.sequor.exchange.onnx;

import dev.sequor.backend.Activation;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.onnx.Value.Ends;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.exchange.onnx.Value.Masked;
import dev.sequor.module.ColumnSum;
import dev.sequor.module.Each;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.Linear;
import dev.sequor.module.LogSoftmax;
import dev.sequor.module.Module;
import dev.sequor.module.Pool;
import dev.sequor.module.Softmax;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Operators that work on whole rows: products with matrices, sums, norms. */
final class Products {
  private Products() {}

  static void addTo(Map<String, Operator> operators) {
    operators.put("MatMul", Products::matMul);
    operators.put("Gemm", Products::gemm);
    operators.put("Softmax", (node, to) -> softmax(node, to, new Softmax()));
    operators.put("LogSoftmax", (node, to) -> softmax(node, to, new LogSoftmax()));
    operators.put("LayerNormalization", Products::layerNorm);
    operators.put("ReduceMean", (node, to) -> reduce(node, to, Pool.How.MEAN));
    operators.put("ReduceSum", (node, to) -> reduce(node, to, Pool.How.SUM));
    operators.put("ReduceMax", (node, to) -> reduce(node, to, Pool.How.MAXIMUM));
    operators.put("ArgMax", Products::argMax);
  }

  // ---- matrices ---------------------------------------------------------------------------------

  private static void matMul(OnnxNode node, Translation to) {
    Value a = to.input(node, 0);
    Value b = to.input(node, 1);
    if (a instanceof Known known && b instanceof Known) {
      to.output(node, ofRows(to, known, to.known(node, 1), false));
    } else if (a instanceof Grid && b instanceof Known) {
      to.output(node, linear(to, to.grid(node, 0), to.known(node, 1), false));
    } else if (a instanceof Known && b instanceof Grid) {
      // W x = (xᵀ Wᵀ)ᵀ
      Numbers matrix = to.known(node, 0);
      Grid x = to.grid(node, 1);
      int rank = x.dims().size();
      if (matrix.rank() != 2 || rank < 2) {
        throw new IllegalArgumentException("multiplies vectors from the left");
      }
      List<Integer> swapped = new ArrayList<>(IntStream.range(0, rank).boxed().toList());
      swapped.set(rank - 1, rank - 2);
      swapped.set(rank - 2, rank - 1);
      Grid turned = (Grid) Shaping.transposed(to, x, swapped);
      to.output(node, Shaping.transposed(to, linear(to, turned, matrix, true), swapped));
    } else {
      throw new IllegalArgumentException(
          "multiplies "
              + Translation.describe(a)
              + " by "
              + Translation.describe(b)
              + "; supported are matrices that stand in the file");
    }
  }

  private static Known product(Translation to, Numbers a, Numbers b) {
    if (a.rank() != 2 || b.rank() != 2 || a.dims()[1] != b.dims()[0]) {
      throw new IllegalArgumentException(
          "multiplies known tensors of the sizes "
              + Arrays.toString(a.dims())
              + " and "
              + Arrays.toString(b.dims()));
    }
    int m = a.dims()[0];
    int k = a.dims()[1];
    int n = b.dims()[1];
    int count = Numbers.count(m, n);
    to.room.take(count + (long) count * k / Allowance.PRODUCTS);
    float[] values = new float[count];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        double sum = 0;
        for (int l = 0; l < k; l++) {
          sum += (double) a.reals()[i * k + l] * b.reals()[l * n + j];
        }
        values[i * n + j] = (float) sum;
      }
    }
    return Known.of(Numbers.of(new int[] {m, n}, values));
  }

  private static void gemm(OnnxNode node, Translation to) {
    float alpha = node.number("alpha", 1);
    float beta = node.number("beta", 1);
    boolean transA = node.flag("transA", false);
    boolean transB = node.flag("transB", false);
    Value a = to.input(node, 0);
    @Nullable Value c = to.optional(node, 2);
    int rank = a.shape().size();
    int rankB = to.known(node, 1).rank();
    if (rank != 2 || rankB != 2) {
      throw new IllegalArgumentException(
          "multiplies tensors of " + rank + " and " + rankB + " dimensions; needed two each");
    }
    if (transA) {
      a = Shaping.transposed(to, a, List.of(1, 0));
    }
    Value product;
    if (a instanceof Known known) {
      product = ofRows(to, known, to.known(node, 1), transB);
    } else {
      product = linear(to, to.grid(a, "input 0"), to.known(node, 1), transB);
    }
    if (alpha != 1) {
      product = Arithmetic.scaled(to, product, alpha);
    }
    if (c != null) {
      product = Arithmetic.added(to, product, beta == 1 ? c : Arithmetic.scaled(to, c, beta));
    }
    to.output(node, product);
  }

  /** Rows that are all the same, of which it is not known how many there are. */
  private static Value ofRows(Translation to, Known known, Numbers matrix, boolean transposed) {
    Numbers b = transposed ? matrix.transposed(to.room, List.of(1, 0)) : matrix;
    if (known.isWhole() && known.numbers().rank() < 3) {
      return product(to, known.numbers(), b);
    }
    Numbers full = to.full(known);
    int[] dims = full.dims();
    int last = dims.length - 1;
    if (b.rank() != 2 || last < 1 || dims[last] != b.dims()[0]) {
      throw new IllegalArgumentException(
          "multiplies " + Translation.describe(known) + " by " + b + ", which do not go together");
    }
    Numbers rows = full.reshaped(full.elements() / dims[last], dims[last]);
    Numbers made = product(to, rows, b).numbers();
    dims[last] = b.dims()[1];
    List<Size> shape = new ArrayList<>(known.shape());
    shape.set(last, Size.of(dims[last]));
    return new Known(made.reshaped(dims), shape);
  }

  /** A product of the last dimension with a matrix {@code [K,N]}, or {@code [N,K]}. */
  private static Grid linear(Translation to, Grid grid, Numbers matrix, boolean transposed) {
    if (matrix.rank() < 2 || grid.dims().isEmpty()) {
      throw new IllegalArgumentException(
          "multiplies " + grid + " by " + matrix + "; needed a vector and a matrix at least");
    }
    int[] dims = matrix.dims();
    for (int d = 0; d < dims.length - 2; d++) {
      if (dims[d] != 1) {
        throw new IllegalArgumentException(
            "multiplies by " + dims[d] + " matrices, which is not supported");
      }
    }
    int rows = dims[dims.length - 2];
    int columns = dims[dims.length - 1];
    int k = transposed ? columns : rows;
    int n = transposed ? rows : columns;
    Grid x = rowsOf(to, grid, 1);
    List<Atom> last = x.dims().get(x.dims().size() - 1);
    if (Grid.width(last) != k) {
      throw new IllegalArgumentException(
          "multiplies " + grid + " by a matrix of " + k + " rows; needed as many as columns");
    }
    float[] weights = transposed ? matrix.reals() : to.turned(matrix, rows, columns);
    String value =
        each(
            to,
            to.nodeName(matrix, NetworkDraft.LINEAR),
            x,
            last,
            new Linear(k, n, Activation.NONE, false),
            List.of(new Weights(List.of(matrix, transposed), List.of(weights))));
    Atom made = Atom.columns(n);
    List<Atom> atoms = new ArrayList<>(x.columns().subList(0, x.columns().size() - last.size()));
    atoms.add(made);
    List<List<Atom>> result = new ArrayList<>(x.dims());
    result.set(result.size() - 1, List.of(made));
    return x.with(value, atoms, result);
  }

  /** The same with its last dimensions innermost, which then are columns. */
  private static Grid rowsOf(Translation to, Grid given, int dimensions) {
    Grid grid = given;
    for (Atom atom : lastParts(given, dimensions)) {
      if (atom.kind == Kind.STEPS && atom.size > 0) {
        grid = to.stepsAsColumns(grid);
      } else if (!atom.isColumns() && atom.origin != null && atom.size > 0) {
        throw new Reconsider(atom.origin, Kind.COLUMNS, atom.size, "");
      } else if (!atom.isColumns()) {
        throw new IllegalArgumentException(
            "works along the "
                + (atom.kind == Kind.BATCH ? "batch" : "time steps")
                + " of "
                + given
                + ", which is not supported");
      }
    }
    return to.innermost(grid, lastParts(grid, dimensions));
  }

  private static List<Atom> lastParts(Grid grid, int dimensions) {
    int rank = grid.dims().size();
    return grid.dims().subList(rank - dimensions, rank).stream().flatMap(List::stream).toList();
  }

  /** A module that works on rows, of the innermost columns. */
  private static String each(
      Translation to,
      String name,
      Grid grid,
      List<Atom> row,
      Module module,
      List<Weights> weights) {
    int parts = grid.width() / Grid.width(row);
    return to.draft.add(
        name, parts == 1 ? module : new Each(parts, module), List.of(grid.value()), weights);
  }

  // ---- rows -------------------------------------------------------------------------------------

  private static void softmax(OnnxNode node, Translation to, Module module) {
    Grid grid = to.grid(node, 0);
    int rank = grid.dims().size();
    boolean old = to.file.opset() < 13;
    int axis = Translation.dimension(node.integer("axis", old ? 1 : -1), rank);
    List<Atom> along = grid.dims().get(axis);
    if (!old && along.size() == 1 && along.get(0).kind == Kind.STEPS) {
      to.output(node, overSteps(to, grid, along.get(0), module));
      return;
    }
    if (!old && axis != rank - 1) {
      List<Integer> order = new ArrayList<>(IntStream.range(0, rank).boxed().toList());
      order.set(axis, rank - 1);
      order.set(rank - 1, axis);
      Grid turned = (Grid) Shaping.transposed(to, grid, order);
      to.output(node, Shaping.transposed(to, softmax(to, turned, 1, module), order));
      return;
    }
    to.output(node, softmax(to, grid, rank - axis, module));
  }

  private static Grid softmax(Translation to, Grid grid, int dimensions, Module module) {
    Grid x = rowsOf(to, grid, dimensions);
    return x.with(each(to, "softmax", x, lastParts(x, dimensions), module, List.of()));
  }

  /** {@code e^(x − max) / Σ e^(x − max)} of each column, over the time steps. */
  private static Grid overSteps(Translation to, Grid grid, Atom steps, Module module) {
    if (to.hasLengths(steps) || module instanceof LogSoftmax) {
      throw new IllegalArgumentException(
          "works along time steps, which is supported for a softmax without lengths");
    }
    Grid largest = pooled(to, grid, steps, Pool.How.MAXIMUM);
    Grid rest = Arithmetic.sum(to, grid, Arithmetic.affine(to, largest, -1, 0));
    Grid exponents = rest.with(Arithmetic.activate(to, Activation.EXP, rest));
    Grid sums = pooled(to, exponents, steps, Pool.How.SUM);
    Grid inverse = sums.with(Arithmetic.activate(to, Activation.RECIPROCAL, sums));
    return Arithmetic.product(to, exponents, inverse);
  }

  private static void layerNorm(OnnxNode node, Translation to) {
    Grid grid = to.grid(node, 0);
    int rank = grid.dims().size();
    int axis = Translation.dimension(node.integer("axis", -1), rank);
    float epsilon = node.number("epsilon", 1e-5f);
    node.integer("stash_type", 1);
    if (node.hasOutput(1) || node.hasOutput(2)) {
      throw new IllegalArgumentException("puts out its mean or deviation, which is not supported");
    }
    Grid x = rowsOf(to, grid, rank - axis);
    List<Atom> row = lastParts(x, rank - axis);
    int width = Grid.width(row);
    Numbers gain = to.known(node, 1);
    float[] bias = to.optional(node, 2) == null ? new float[width] : to.reals(node, 2);
    if (gain.elements() != width || bias.length != width) {
      throw new IllegalArgumentException(
          "has gains for " + gain.elements() + " columns; needed " + width);
    }
    String name = to.nodeName(gain, NetworkDraft.NORM);
    to.output(node, x.with(norm(to, name, x, row, epsilon, to.reals(node, 1), bias)));
  }

  private static String norm(
      Translation to,
      String name,
      Grid x,
      List<Atom> row,
      float epsilon,
      float[] gain,
      float[] bias) {
    LayerNorm module = new LayerNorm(Grid.width(row), epsilon);
    List<Weights> weights = new ArrayList<>();
    List<float[]> values = List.of(gain, bias);
    if (module.parameters().size() == 1) {
      weights.add(new Weights(values, values));
    } else {
      values.forEach(v -> weights.add(Weights.of(v)));
    }
    return each(to, name, x, row, module, weights);
  }

  private static void reduce(OnnxNode node, Translation to, Pool.How how) {
    boolean keeps = node.flag("keepdims", true);
    boolean noneForNone = node.flag("noop_with_empty_axes", false);
    int @Nullable [] given = Shaping.axes(node, to);
    @Nullable Masked masked = to.masked(node.input(0));
    Grid grid = masked == null ? to.grid(node, 0) : masked.grid();
    int rank = grid.dims().size();
    int[] axes = given == null ? new int[0] : given;
    if (axes.length == 0 && noneForNone) {
      to.output(node, grid);
      return;
    }
    if (axes.length == 0) {
      axes = IntStream.range(0, rank).toArray();
    }
    boolean[] drop = new boolean[rank];
    for (int axis : axes) {
      drop[Translation.dimension(axis, rank)] = true;
    }
    if (masked != null && axes.length == 1 && drop[0] && !keeps) {
      to.output(node, pooled(to, masked, how));
      return;
    }
    Grid result = reduced(to, masked == null ? grid : to.grid(node, 0), drop, how);
    if (!keeps) {
      result = (Grid) Shaping.squeezed(to, result, drop);
    }
    to.output(node, result);
  }

  /** Over the time steps of sequences with lengths, whose padding says what it counts. */
  private static Value pooled(Translation to, Masked masked, Pool.How how) {
    Grid grid = masked.grid();
    boolean isSum = how == Pool.How.SUM && masked.padding() == 0;
    boolean isMaximum = how == Pool.How.MAXIMUM && masked.padding() == Float.NEGATIVE_INFINITY;
    if (!isSum && !isMaximum) {
      throw new IllegalArgumentException(
          "reduces "
              + Translation.describe(masked)
              + "; supported are a sum of 0 and a maximum of -inf there");
    }
    String value = to.draft.add("pool", new Pool(how), grid.value());
    if (isSum) {
      to.sums.put(value, grid.value());
    }
    Grid made = grid.with(value, grid.columns(), grid.dims().subList(1, grid.dims().size()));
    return isSum ? made : new Ends(made);
  }

  /** With dimensions of 1 in the place of those that are reduced. */
  private static Grid reduced(Translation to, Grid given, boolean[] drop, Pool.How how) {
    Grid grid = given;
    List<Atom> columns = new ArrayList<>();
    for (int d = 0; d < drop.length; d++) {
      if (!drop[d]) {
        continue;
      }
      for (Atom atom : grid.dims().get(d)) {
        switch (atom.kind) {
          case BATCH -> {
            if (atom.origin != null && atom.origin.dimension() > 0) {
              throw new Reconsider(atom.origin, Kind.STEPS, atom.size, atom.origin.input());
            }
            throw new IllegalArgumentException("reduces the batch, which is not supported");
          }
          case STEPS -> grid = pooled(to, grid, atom, how);
          case COLUMNS -> columns.add(atom);
        }
      }
    }
    if (!columns.isEmpty()) {
      if (how == Pool.How.MAXIMUM) {
        for (Atom atom : columns) {
          if (atom.origin != null) {
            throw new Reconsider(atom.origin, Kind.STEPS, atom.size, atom.origin.input());
          }
        }
        throw new IllegalArgumentException(
            "takes the largest of columns; supported is that of time steps");
      }
      grid = to.innermost(grid, columns);
      String value =
          each(to, "mean", grid, columns, new ColumnSum(how == Pool.How.MEAN), List.of());
      List<Atom> rest = grid.columns().subList(0, grid.columns().size() - columns.size());
      List<List<Atom>> dims = new ArrayList<>();
      for (List<Atom> parts : grid.dims()) {
        dims.add(parts.stream().filter(atom -> !columns.contains(atom)).toList());
      }
      grid = grid.with(value, rest, dims);
    }
    return grid;
  }

  private static Grid pooled(Translation to, Grid grid, Atom steps, Pool.How how) {
    // With lengths there is padding, which the file's operator counts and ours does not.
    boolean exact =
        !to.hasLengths(steps) || (how == Pool.How.SUM && to.zeroPadded.contains(grid.value()));
    if (!exact) {
      throw new IllegalArgumentException(
          "reduces the time steps of sequences with lengths, padding included,"
              + " which is not supported");
    }
    String value = to.draft.add("pool", new Pool(how), grid.value());
    return grid.with(value, grid.columns(), Translation.replaced(grid.dims(), steps, List.of()));
  }

  private static void argMax(OnnxNode node, Translation to) {
    Grid grid = to.grid(node, 0);
    int rank = grid.dims().size();
    int axis = Translation.dimension(node.integer("axis", 0), rank);
    boolean keeps = node.flag("keepdims", true);
    if (node.flag("select_last_index", false)) {
      throw new IllegalArgumentException("takes the last of equals; supported is the first");
    }
    List<Atom> parts = grid.dims().get(axis);
    if (!parts.equals(grid.columns())) {
      throw new IllegalArgumentException(
          "takes the largest along dimension "
              + axis
              + " of "
              + grid
              + "; supported are all columns of a value");
    }
    List<List<Atom>> dims = new ArrayList<>(grid.dims());
    if (keeps) {
      dims.set(axis, List.of());
    } else {
      dims.remove(axis);
    }
    to.output(node, new Grid(grid.value(), grid.columns(), dims, grid.sortedBy(), true));
  }

  // ---- a layer norm in parts --------------------------------------------------------------------

  /**
   * Layer norms as they were written before there was an operator: {@code (x − mean) / √(mean((x −
   * mean)²) + ε)}. The division is where they end.
   *
   * @param makers which node makes each tensor
   * @return what the division makes; null if it is another one
   */
  static @Nullable Value norm(OnnxNode division, Map<String, OnnxNode> makers, Translation to) {
    OnnxNode centred = made(makers, division.input(0), "Sub");
    OnnxNode root = made(makers, division.input(1), "Sqrt");
    OnnxNode shifted = root == null ? null : made(makers, root.input(0), "Add");
    if (centred == null || shifted == null) {
      return null;
    }
    OnnxNode mean = made(makers, centred.input(1), "ReduceMean");
    if (mean == null || !mean.input(0).equals(centred.input(0))) {
      return null;
    }
    for (int i = 0; i < 2; i++) {
      OnnxNode variance = made(makers, shifted.input(i), "ReduceMean");
      OnnxNode square = variance == null ? null : makers.get(variance.input(0));
      if (variance == null
          || square == null
          || !isSquare(square, division.input(0), to)
          || !(to.value(shifted.input(1 - i)) instanceof Known epsilon)
          || epsilon.numbers().elements() != 1
          || !(to.value(centred.input(0)) instanceof Grid grid)
          || !isOverLast(mean, grid, to)
          || !isOverLast(variance, grid, to)) {
        continue;
      }
      Grid x = rowsOf(to, grid, 1);
      List<Atom> row = lastParts(x, 1);
      float[] gain = new float[Grid.width(row)];
      Arrays.fill(gain, 1);
      float e = (float) epsilon.numbers().scalar();
      if (e > 0) {
        return x.with(norm(to, NetworkDraft.NORM, x, row, e, gain, new float[gain.length]));
      }
    }
    return null;
  }

  private static @Nullable OnnxNode made(Map<String, OnnxNode> makers, String tensor, String type) {
    OnnxNode maker = makers.get(tensor);
    return maker != null && maker.type().equals(type) ? maker : null;
  }

  private static boolean isSquare(OnnxNode node, String of, Translation to) {
    return (node.type().equals("Mul") && node.input(0).equals(of) && node.input(1).equals(of))
        || (node.type().equals("Pow")
            && node.input(0).equals(of)
            && to.value(node.input(1)) instanceof Known power
            && power.numbers().isAll(2));
  }

  private static boolean isOverLast(OnnxNode mean, Grid grid, Translation to) {
    int @Nullable [] axes = Shaping.axes(mean, to);
    int last = grid.dims().size() - 1;
    return last >= 0
        && mean.flag("keepdims", true)
        && axes != null
        && axes.length == 1
        && (axes[0] == -1 || axes[0] == last)
        && grid.dims().get(last).stream().allMatch(Atom::isColumns);
  }
}
