package dev.sequor.exchange.onnx;

import dev.sequor.backend.Activation;
import dev.sequor.exchange.draft.Functions;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.onnx.Value.Counted;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.exchange.onnx.Value.Sizes;
import dev.sequor.module.Activate;
import dev.sequor.module.Affine;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Product;
import dev.sequor.module.Sum;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.function.DoubleUnaryOperator;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/** Operators that work on each element. */
final class Arithmetic {
  private static final float SELU_ALPHA = 1.6732632f;
  private static final float SELU_GAMMA = 1.050701f;

  private Arithmetic() {}

  /** Operators of two tensors. */
  private enum Two {
    ADD,
    SUB,
    MUL,
    DIV,
    POW,
    EQUAL;

    double of(double a, double b) {
      return switch (this) {
        case ADD -> a + b;
        case SUB -> a - b;
        case MUL -> a * b;
        case DIV -> a / b;
        case POW -> Math.pow(a, b);
        case EQUAL -> a == b ? 1 : 0;
      };
    }

    long of(long a, long b) {
      if (this == DIV && b == 0) {
        throw new IllegalArgumentException("divides an integer by 0");
      }
      return switch (this) {
        case ADD -> a + b;
        case SUB -> a - b;
        case MUL -> a * b;
        case DIV -> a / b;
        case POW -> (long) Math.pow((double) a, (double) b);
        case EQUAL -> a == b ? 1 : 0;
      };
    }
  }

  static void addTo(Map<String, Operator> operators) {
    operators.put("Add", (node, to) -> two(node, to, Two.ADD));
    operators.put("Sub", (node, to) -> two(node, to, Two.SUB));
    operators.put("Mul", (node, to) -> two(node, to, Two.MUL));
    operators.put("Div", (node, to) -> two(node, to, Two.DIV));
    operators.put("Pow", (node, to) -> two(node, to, Two.POW));
    operators.put("Equal", (node, to) -> two(node, to, Two.EQUAL));
    operators.put("Where", Arithmetic::where);
    operators.put("Sum", Arithmetic::sum);
    one(operators, "Sigmoid", Activation.SIGMOID, x -> 1 / (1 + Math.exp(-x)));
    one(operators, "Tanh", Activation.TANH, Math::tanh);
    one(operators, "Relu", Activation.RELU, x -> Math.max(0, x));
    one(operators, "Exp", Activation.EXP, Math::exp);
    one(operators, "Sqrt", Activation.SQRT, Math::sqrt);
    one(operators, "Reciprocal", Activation.RECIPROCAL, x -> 1 / x);
    one(operators, "Softplus", Activation.SOFTPLUS, x -> Math.log1p(Math.exp(x)));
    one(operators, "Softsign", Activation.SOFTSIGN, x -> x / (1 + Math.abs(x)));
    operators.put("Elu", Arithmetic::elu);
    operators.put("Selu", Arithmetic::selu);
    operators.put("LeakyRelu", Arithmetic::leakyRelu);
    operators.put("HardSigmoid", Arithmetic::hardSigmoid);
    operators.put("HardSwish", Arithmetic::hardSwish);
    operators.put("Clip", Arithmetic::clip);
    operators.put("BatchNormalization", Arithmetic::batchNorm);
    operators.put("Neg", (node, to) -> affine(node, to, -1, 0));
  }

  private static void one(
      Map<String, Operator> operators, String name, Activation function, DoubleUnaryOperator f) {
    operators.put(name, (node, to) -> apply(node, to, function, f));
  }

  private static void apply(
      OnnxNode node, Translation to, Activation function, DoubleUnaryOperator f) {
    Value value = to.input(node, 0);
    if (value instanceof Known known && known.numbers().isReal()) {
      to.output(node, mapped(to, known, f));
      return;
    }
    Grid grid = to.grid(node, 0);
    to.output(node, grid.with(activate(to, function, grid)));
  }

  static String activate(Translation to, Activation function, Grid grid) {
    String value =
        to.draft.add(
            function.name().toLowerCase(Locale.ROOT), new Activate(function), grid.value());
    boolean keepsZero =
        switch (function) {
          case TANH, RELU, SQRT, ELU, SELU, SOFTSIGN, LEAKY_RELU -> true;
          default -> false;
        };
    if (keepsZero) {
      to.staysPadded(grid.value(), value);
    }
    return value;
  }

  private static Known mapped(Translation to, Known known, DoubleUnaryOperator f) {
    float[] from = known.numbers().reals();
    to.room.take(from.length);
    float[] values = new float[from.length];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) f.applyAsDouble(from[i]);
    }
    return new Known(Numbers.of(known.numbers().dims(), values), known.shape());
  }

  /** Functions that are put together of others, with their constants. */
  private static void composed(
      OnnxNode node, Translation to, UnaryOperator<Grid> of, DoubleUnaryOperator f) {
    Value value = to.input(node, 0);
    to.output(
        node,
        value instanceof Known known && known.numbers().isReal()
            ? mapped(to, known, f)
            : of.apply(to.grid(node, 0)));
  }

  private static void elu(OnnxNode node, Translation to) {
    float alpha = node.number("alpha", 1);
    composed(node, to, x -> elu(to, x, alpha), x -> x > 0 ? x : alpha * Math.expm1(x));
  }

  private static Grid elu(Translation to, Grid x, float alpha) {
    return x.with(new Functions(to.draft, "elu").elu(alpha, x.value()));
  }

  private static void selu(OnnxNode node, Translation to) {
    float alpha = node.number("alpha", SELU_ALPHA);
    float gamma = node.number("gamma", SELU_GAMMA);
    boolean isUsual = alpha == SELU_ALPHA && gamma == SELU_GAMMA;
    composed(
        node,
        to,
        x ->
            isUsual
                ? x.with(activate(to, Activation.SELU, x))
                : affine(to, elu(to, x, alpha), gamma, 0),
        x -> gamma * (x > 0 ? x : alpha * Math.expm1(x)));
  }

  private static void leakyRelu(OnnxNode node, Translation to) {
    float alpha = node.number("alpha", 0.01f);
    composed(
        node,
        to,
        x -> {
          if (alpha == 0.01f) {
            return x.with(activate(to, Activation.LEAKY_RELU, x));
          }
          String value = new Functions(to.draft, "leaky_relu").leakyRelu(alpha, x.value());
          to.staysPadded(x.value(), value);
          return x.with(value);
        },
        x -> x >= 0 ? x : alpha * x);
  }

  private static void hardSigmoid(OnnxNode node, Translation to) {
    float alpha = node.number("alpha", 0.2f);
    float beta = node.number("beta", 0.5f);
    composed(
        node,
        to,
        x -> hardSigmoid(to, x, alpha, beta),
        x -> Math.max(0, Math.min(1, alpha * x + beta)));
  }

  private static Grid hardSigmoid(Translation to, Grid x, float alpha, float beta) {
    if (beta == 0.5f && alpha == 0.2f) {
      return x.with(activate(to, Activation.HARD_SIGMOID, x));
    } else if (beta == 0.5f && alpha == 1 / 6f) {
      return x.with(activate(to, Activation.HARD_SIGMOID_RELU6, x));
    }
    return clipped(to, affine(to, x, alpha, beta), 0, 1);
  }

  private static void hardSwish(OnnxNode node, Translation to) {
    composed(
        node,
        to,
        x -> product(to, x, hardSigmoid(to, x, 1 / 6f, 0.5f)),
        x -> x * Math.max(0, Math.min(1, x / 6 + 0.5)));
  }

  private static void clip(OnnxNode node, Translation to) {
    float least = bound(node, to, 1, "min", Float.NEGATIVE_INFINITY);
    float most = bound(node, to, 2, "max", Float.POSITIVE_INFINITY);
    composed(node, to, x -> clipped(to, x, least, most), x -> Math.max(least, Math.min(most, x)));
  }

  private static float bound(
      OnnxNode node, Translation to, int input, String attribute, float otherwise) {
    return to.optional(node, input) != null
        ? (float) to.known(node, input).scalar()
        : node.number(attribute, otherwise);
  }

  /** {@code least + relu(x − least) − relu(x − most)}. */
  private static Grid clipped(Translation to, Grid x, float least, float most) {
    Grid result = x;
    if (Float.isFinite(least)) {
      Grid above = affine(to, x, 1, -least);
      result = affine(to, x.with(activate(to, Activation.RELU, above)), 1, least);
    }
    if (Float.isFinite(most)) {
      Grid above = affine(to, x, 1, -most);
      Grid excess = x.with(activate(to, Activation.RELU, above));
      result = sum(to, result, affine(to, excess, -1, 0));
    }
    return result;
  }

  private static void batchNorm(OnnxNode node, Translation to) {
    float epsilon = node.number("epsilon", 1e-5f);
    node.number("momentum", 0.9f);
    if (node.flag("training_mode", false) || node.hasOutput(1)) {
      throw new IllegalArgumentException("normalises by the batch; supported are known means");
    }
    Grid grid = to.grid(node, 0);
    float[] scale = to.reals(node, 1);
    float[] bias = to.reals(node, 2);
    float[] mean = to.reals(node, 3);
    float[] variance = to.reals(node, 4);
    int rank = grid.dims().size();
    int channels = scale.length;
    if (rank < 2
        || bias.length != channels
        || mean.length != channels
        || variance.length != channels) {
      throw new IllegalArgumentException(
          "is given "
              + grid
              + " with "
              + List.of(channels, bias.length, mean.length, variance.length)
              + " gains, offsets, means and variances; needed two dimensions and as many of each");
    }
    float[] gain = new float[scale.length];
    float[] offset = new float[scale.length];
    for (int i = 0; i < gain.length; i++) {
      gain[i] = (float) (scale[i] / Math.sqrt((double) variance[i] + epsilon));
      offset[i] = (float) (bias[i] - (double) mean[i] * gain[i]);
    }
    int[] dims = new int[rank - 1];
    Arrays.fill(dims, 1);
    dims[0] = gain.length;
    Grid scaled = product(to, grid, Numbers.of(dims, gain));
    to.output(node, sum(to, scaled, Numbers.of(dims, offset)));
  }

  private static void affine(OnnxNode node, Translation to, float factor, float offset) {
    Value value = to.input(node, 0);
    Sizes sizes = to.asSizes(value);
    if (sizes != null) {
      to.output(
          node,
          new Sizes(
              sizes.sizes().stream().map(s -> s.times(Size.of((long) factor))).toList(),
              sizes.isScalar()));
    } else if (value instanceof Known known && known.numbers().isReal()) {
      to.output(node, mapped(to, known, x -> factor * x + offset));
    } else {
      to.output(node, affine(to, to.grid(node, 0), factor, offset));
    }
  }

  /** {@code factor·x + offset}. */
  static Grid affine(Translation to, Grid grid, float factor, float offset) {
    if (factor == 1 && offset == 0) {
      return grid;
    }
    if (factor == 1
        && to.draft.module(grid.value()) instanceof Affine first
        && first.offset() == 0) {
      // A product and then a sum, which is what the module does.
      String x = to.draft.inputsOf(grid.value()).get(0);
      return grid.with(to.draft.add("affine", new Affine(first.factor(), offset), x));
    }
    String value = to.draft.add("affine", new Affine(factor, offset), grid.value());
    if (offset == 0) {
      to.staysPadded(grid.value(), value);
    }
    return grid.with(value);
  }

  /** A tensor times a number. */
  static Value scaled(Translation to, Value value, float factor) {
    return value instanceof Known known
        ? mapped(to, known, x -> factor * x)
        : affine(to, to.grid(value, "an input"), factor, 0);
  }

  /** The sum of two tensors. */
  static Value added(Translation to, Value a, Value b) {
    return of(to, Two.ADD, a, b);
  }

  private static void sum(OnnxNode node, Translation to) {
    Value all = to.input(node, 0);
    for (int i = 1; i < node.inputs().size(); i++) {
      all = of(to, Two.ADD, all, to.input(node, i));
    }
    to.output(node, all);
  }

  private static void two(OnnxNode node, Translation to, Two operator) {
    if (operator == Two.EQUAL) {
      @Nullable Grid oneHot = Picking.oneHot(to, to.input(node, 0), to.input(node, 1));
      if (oneHot != null) {
        to.output(node, oneHot);
        return;
      }
    }
    Value a = to.input(node, 0);
    Value b = to.input(node, 1);
    @Nullable Value byLengths =
        switch (operator) {
          case SUB -> Lengths.last(a, b);
          case DIV -> Lengths.mean(to, a, b);
          default -> null;
        };
    to.output(node, byLengths != null ? byLengths : of(to, operator, a, b));
  }

  private static Value of(Translation to, Two operator, Value a, Value b) {
    Sizes left = to.asSizes(a);
    Sizes right = to.asSizes(b);
    if (left != null && right != null) {
      return ofSizes(to, operator, left, right);
    }
    if (a instanceof Known x && b instanceof Known y) {
      return ofKnown(to, operator, x, y);
    }
    if (a instanceof Grid x && b instanceof Known y) {
      return withKnown(to, operator, to.grid(x, "input 0"), y);
    }
    if (a instanceof Known x && b instanceof Grid y) {
      return withKnownBefore(to, operator, x, to.grid(y, "input 1"));
    }
    if (a instanceof Grid x && b instanceof Grid y) {
      return ofGrids(to, operator, to.grid(x, "input 0"), to.grid(y, "input 1"));
    }
    throw new IllegalArgumentException(
        "is given "
            + Translation.describe(a)
            + " and "
            + Translation.describe(b)
            + ", which is not supported");
  }

  // ---- of sizes
  // -----------------------------------------------------------------------------------

  private static Sizes ofSizes(Translation to, Two operator, Sizes a, Sizes b) {
    int count = Math.max(a.sizes().size(), b.sizes().size());
    if ((a.sizes().size() != count && a.sizes().size() != 1)
        || (b.sizes().size() != count && b.sizes().size() != 1)) {
      throw new IllegalArgumentException(
          "is given " + a.sizes() + " and " + b.sizes() + ", which do not go together");
    }
    to.room.take((long) Allowance.EACH_SIZE * count);
    List<Size> sizes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      sizes.add(
          ofSizes(
              operator,
              a.sizes().get(a.sizes().size() == 1 ? 0 : i),
              b.sizes().get(b.sizes().size() == 1 ? 0 : i)));
    }
    return new Sizes(sizes, a.isScalar() && b.isScalar());
  }

  private static Size ofSizes(Two operator, Size a, Size b) {
    if (a.isKnown() && b.isKnown()) {
      return Size.of(operator.of(a.factor(), b.factor()));
    }
    Optional<Size> result =
        switch (operator) {
          case MUL -> Optional.of(a.times(b));
          case DIV -> a.dividedBy(b);
          case ADD -> a.equals(Size.of(0)) ? Optional.of(b) : zeroLeaves(a, b);
          case SUB -> a.equals(b) ? Optional.of(Size.of(0)) : zeroLeaves(a, b);
          // A size is never negative, and no size is another times a number but by chance.
          case EQUAL ->
              a.equals(b)
                  ? Optional.of(Size.of(1))
                  : a.factor() < 0 || b.factor() < 0 ? Optional.of(Size.of(0)) : Optional.empty();
          case POW -> Optional.empty();
        };
    return result.orElseThrow(
        () ->
            new IllegalArgumentException(
                "is given the sizes " + a + " and " + b + ", of which nothing is known before"));
  }

  private static Optional<Size> zeroLeaves(Size a, Size b) {
    return b.equals(Size.of(0)) ? Optional.of(a) : Optional.empty();
  }

  private static void where(OnnxNode node, Translation to) {
    Value condition = to.input(node, 0);
    if (condition instanceof Counted counted) {
      to.output(node, Lengths.where(to, counted, to.input(node, 1), to.input(node, 2)));
      return;
    }
    if (condition instanceof Known known && known.isWhole() && known.numbers().isAll(1)) {
      to.output(node, to.input(node, 1));
      return;
    }
    if (condition instanceof Known known && known.isWhole() && known.numbers().isAll(0)) {
      to.output(node, to.input(node, 2));
      return;
    }
    Sizes asked = to.asSizes(condition);
    Sizes a = to.asSizes(to.input(node, 1));
    Sizes b = to.asSizes(to.input(node, 2));
    if (asked == null || a == null || b == null) {
      throw new IllegalArgumentException(
          "chooses by " + Translation.describe(condition) + ", which is not supported");
    }
    int count = Math.max(asked.sizes().size(), Math.max(a.sizes().size(), b.sizes().size()));
    to.room.take((long) Allowance.EACH_SIZE * count);
    List<Size> sizes = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Size chosen = at(asked, i);
      if (!chosen.isKnown()) {
        throw new IllegalArgumentException("chooses by " + chosen + ", which is not known before");
      }
      sizes.add(chosen.factor() != 0 ? at(a, i) : at(b, i));
    }
    to.output(node, new Sizes(sizes, asked.isScalar() && a.isScalar() && b.isScalar()));
  }

  private static Size at(Sizes sizes, int i) {
    if (i >= sizes.sizes().size() && sizes.sizes().size() != 1) {
      throw new IllegalArgumentException("is given lists of sizes that do not go together");
    }
    return sizes.sizes().get(sizes.sizes().size() == 1 ? 0 : i);
  }

  // ---- of numbers that are known ----------------------------------------------------------------

  private static Known ofKnown(Translation to, Two operator, Known x, Known y) {
    Numbers a = x.numbers();
    Numbers b = y.numbers();
    if (a.isReal() != b.isReal()) {
      throw new IllegalArgumentException("is given real numbers and integers; needed one kind");
    }
    int[] dims = Numbers.broadcast(a.dims(), b.dims());
    Numbers left = a.expanded(to.room, dims);
    Numbers right = b.expanded(to.room, dims);
    int count = left.elements();
    to.room.take(count);
    List<Size> shape = shape(x.shape(), y.shape());
    if (a.isReal() && operator != Two.EQUAL) {
      float[] values = new float[count];
      for (int i = 0; i < count; i++) {
        values[i] = (float) operator.of((double) left.reals()[i], right.reals()[i]);
      }
      return new Known(Numbers.of(dims, values), shape);
    }
    long[] values = new long[count];
    for (int i = 0; i < count; i++) {
      values[i] =
          a.isReal()
              ? (long) operator.of((double) left.reals()[i], right.reals()[i])
              : operator.of(left.integers()[i], right.integers()[i]);
    }
    return new Known(Numbers.of(dims, values), shape);
  }

  /** The sizes of a result of which the operands' dimensions of size 1 are repeated. */
  private static List<Size> shape(List<Size> a, List<Size> b) {
    List<Size> shape = new ArrayList<>();
    int rank = Math.max(a.size(), b.size());
    Size one = Size.of(1);
    for (int d = 0; d < rank; d++) {
      Size x = d < rank - a.size() ? one : a.get(d - (rank - a.size()));
      Size y = d < rank - b.size() ? one : b.get(d - (rank - b.size()));
      if (!x.equals(y) && !x.equals(one) && !y.equals(one)) {
        throw new IllegalArgumentException(
            "brings together tensors of the sizes " + a + " and " + b);
      }
      shape.add(x.equals(one) ? y : x);
    }
    return shape;
  }

  // ---- of values of the network
  // -------------------------------------------------------------------

  private static Value withKnown(Translation to, Two operator, Grid grid, Known known) {
    Numbers numbers = known.numbers();
    if (!numbers.isReal()) {
      throw new IllegalArgumentException("is given real numbers and integers; needed one kind");
    }
    Grid wide = widened(to, grid, known);
    if (numbers.elements() == 1) {
      return withScalar(to, operator, wide, (float) numbers.scalar());
    }
    return switch (operator) {
      case ADD -> sum(to, wide, numbers);
      case SUB -> sum(to, wide, negated(to, numbers, x -> -x));
      case MUL -> numbers.isAll(0) ? zeros(wide) : product(to, wide, numbers);
      case DIV -> product(to, wide, negated(to, numbers, x -> 1 / x));
      default -> throw unsupported(operator);
    };
  }

  private static IllegalArgumentException unsupported(Two operator) {
    return new IllegalArgumentException(
        "works on computed numbers, and "
            + operator.name().toLowerCase(Locale.ROOT)
            + " of them is not supported");
  }

  private static Numbers negated(Translation to, Numbers numbers, DoubleUnaryOperator f) {
    return mapped(to, Known.of(numbers), f).numbers();
  }

  private static Known zeros(Grid grid) {
    int[] dims = new int[grid.dims().size()];
    Arrays.fill(dims, 1);
    return new Known(Numbers.of(dims, new float[1]), grid.shape());
  }

  private static Value withScalar(Translation to, Two operator, Grid grid, float number) {
    return switch (operator) {
      case ADD -> affine(to, grid, 1, number);
      case SUB -> affine(to, grid, 1, -number);
      case MUL -> number == 0 ? zeros(grid) : affine(to, grid, number, 0);
      case DIV -> affine(to, grid, 1 / number, 0);
      case POW -> power(to, grid, number);
      case EQUAL -> throw unsupported(operator);
    };
  }

  private static Grid power(Translation to, Grid grid, float number) {
    if (number == 1) {
      return grid;
    } else if (number == 2) {
      return product(to, grid, grid);
    } else if (number == 3) {
      return product(to, product(to, grid, grid), grid);
    } else if (number == 0.5f) {
      return grid.with(activate(to, Activation.SQRT, grid));
    } else if (number == -1) {
      return grid.with(activate(to, Activation.RECIPROCAL, grid));
    }
    throw new IllegalArgumentException(
        "is a power of " + number + "; supported are −1, 0.5, 1, 2 and 3");
  }

  private static Value withKnownBefore(Translation to, Two operator, Known known, Grid grid) {
    return switch (operator) {
      case ADD, MUL -> withKnown(to, operator, grid, known);
      case SUB -> withKnown(to, Two.ADD, affine(to, grid, -1, 0), known);
      case DIV ->
          withKnown(to, Two.MUL, grid.with(activate(to, Activation.RECIPROCAL, grid)), known);
      default -> throw unsupported(operator);
    };
  }

  /** A value with what numbers have where it has dimensions of 1. */
  private static Grid widened(Translation to, Grid grid, Known known) {
    int rank = Math.max(grid.dims().size(), known.shape().size());
    List<List<Atom>> dims = new ArrayList<>();
    boolean wider = false;
    for (int d = 0; d < rank; d++) {
      int own = d - (rank - grid.dims().size());
      int given = d - (rank - known.shape().size());
      List<Atom> parts = own < 0 ? List.of() : grid.dims().get(own);
      Size size = given < 0 ? Size.of(1) : known.shape().get(given);
      Size ownSize = Grid.size(parts);
      if (size.equals(Size.of(1)) || size.equals(ownSize)) {
        dims.add(parts);
      } else if (parts.isEmpty() && size.isKnown() && size.factor() > 0) {
        dims.add(List.of(Atom.columns(size.count())));
        wider = true;
      } else {
        throw new IllegalArgumentException(
            "brings together " + grid + " and " + known.shape() + ", which do not go together");
      }
    }
    if (!wider) {
      return grid.withDims(dims);
    }
    // Only what the dimensions are is asked of the second.
    return to.repeatedTo(grid, dims);
  }

  private static Grid sum(Translation to, Grid grid, Numbers numbers) {
    if (numbers.isAll(0)) {
      return grid;
    }
    float[] values = to.alongColumns(numbers, grid);
    return grid.with(
        to.draft.add("sum", new Sum(), grid.value(), vector(to, grid, numbers, values)));
  }

  private static Grid product(Translation to, Grid grid, Numbers numbers) {
    float[] values = to.alongColumns(numbers, grid);
    return grid.with(
        to.draft.add("product", new Product(), grid.value(), vector(to, grid, numbers, values)));
  }

  private static String vector(Translation to, Grid grid, Numbers numbers, float[] values) {
    return to.draft.add(
        to.vectorName(numbers),
        new LearnedVector(grid.width()),
        List.of(grid.value()),
        List.of(Weights.of(values)));
  }

  static Grid product(Translation to, Grid a, Grid b) {
    Translation.Pair pair = to.together(a, b);
    String value =
        to.draft.add("product", new Product(), pair.first().value(), pair.second().value());
    if (to.zeroPadded.contains(pair.first().value())
        || to.zeroPadded.contains(pair.second().value())) {
      to.zeroPadded.add(value);
    }
    return pair.first().with(value);
  }

  private static Grid ofGrids(Translation to, Two operator, Grid a, Grid b) {
    return switch (operator) {
      case ADD -> sum(to, a, b);
      case SUB -> sum(to, a, affine(to, b, -1, 0));
      case MUL -> product(to, a, b);
      case DIV -> product(to, a, b.with(activate(to, Activation.RECIPROCAL, b)));
      default -> throw unsupported(operator);
    };
  }

  static Grid sum(Translation to, Grid a, Grid b) {
    Translation.Pair pair = to.together(a, b);
    @Nullable String first = pair.first().value();
    String second = Objects.requireNonNull(pair.second().value());
    String value = to.draft.add("sum", new Sum(), first, second);
    if (to.zeroPadded.contains(first) && to.zeroPadded.contains(second)) {
      to.zeroPadded.add(value);
    }
    return pair.first().with(value);
  }
}
