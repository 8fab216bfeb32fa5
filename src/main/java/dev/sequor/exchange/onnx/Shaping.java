package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.TensorProto;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.onnx.Value.Counted;
import dev.sequor.exchange.onnx.Value.Counting;
import dev.sequor.exchange.onnx.Value.Given;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.exchange.onnx.Value.Numbering;
import dev.sequor.exchange.onnx.Value.Sizes;
import dev.sequor.io.TensorType;
import dev.sequor.module.TimeStep;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** Operators that give tensors other shapes, and those of shapes themselves. */
final class Shaping {
  private Shaping() {}

  static void addTo(Map<String, Operator> operators) {
    operators.put("Constant", Shaping::constant);
    operators.put("ConstantOfShape", Shaping::constantOfShape);
    operators.put("Shape", Shaping::shape);
    operators.put("Range", Shaping::range);
    operators.put("Identity", (node, to) -> to.output(node, to.input(node, 0)));
    operators.put("Dropout", Shaping::dropout);
    operators.put("Cast", Shaping::cast);
    operators.put("Transpose", Shaping::transpose);
    operators.put("Reshape", Shaping::reshape);
    operators.put("Flatten", Shaping::flatten);
    operators.put("Squeeze", Shaping::squeeze);
    operators.put("Unsqueeze", Shaping::unsqueeze);
    operators.put("Expand", Shaping::expand);
    operators.put("Tile", Shaping::tile);
    operators.put("ReduceProd", Shaping::reduceProd);
  }

  private static Numbers numbers(Translation to, TensorProto tensor) {
    try {
      return to.file.numbers(tensor);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void constant(OnnxNode node, Translation to) {
    @Nullable TensorProto tensor = node.tensor("value");
    @Nullable List<Long> integers = node.integers("value_ints");
    Numbers numbers;
    if (tensor != null) {
      numbers = numbers(to, tensor);
    } else if (node.has("value_int")) {
      numbers = Numbers.of(new int[0], new long[] {node.integer("value_int", 0)});
    } else if (node.has("value_float")) {
      numbers = Numbers.of(new int[0], new float[] {node.number("value_float", 0)});
    } else if (integers != null) {
      long[] all = integers.stream().mapToLong(Long::longValue).toArray();
      numbers = Numbers.of(new int[] {all.length}, all);
    } else if (node.has("value_floats")) {
      List<Float> reals = node.numbers("value_floats");
      float[] all = new float[reals.size()];
      for (int i = 0; i < all.length; i++) {
        all[i] = reals.get(i);
      }
      numbers = Numbers.of(new int[] {all.length}, all);
    } else {
      throw new IllegalArgumentException("has no numbers; needed a tensor, integers or reals");
    }
    to.output(node, Known.of(numbers));
  }

  private static void constantOfShape(OnnxNode node, Translation to) {
    @Nullable TensorProto tensor = node.tensor("value");
    Numbers value = tensor == null ? Numbers.of(new int[] {1}, new float[1]) : numbers(to, tensor);
    if (value.elements() != 1) {
      throw new IllegalArgumentException("repeats " + value.elements() + " numbers; needed 1");
    }
    List<Size> shape = to.sizes(node, 0);
    int[] ones = new int[shape.size()];
    Arrays.fill(ones, 1);
    to.output(node, whole(to, new Known(value.reshaped(ones), shape)));
  }

  /** Small tensors of integers with all their numbers, as sizes have to be. */
  private static Value whole(Translation to, Known known) {
    if (known.numbers().isReal()
        || known.shape().size() > 1
        || !known.shape().stream().allMatch(Size::isKnown)) {
      return known;
    }
    int[] dims = known.shape().stream().mapToInt(Size::count).toArray();
    return Known.of(known.numbers().expanded(to.room, dims));
  }

  private static void shape(OnnxNode node, Translation to) {
    List<Size> shape = to.input(node, 0).shape();
    int rank = shape.size();
    int start = clamped(node.integer("start", 0), rank);
    int end = clamped(node.integer("end", rank), rank);
    to.output(node, new Sizes(shape.subList(Math.min(start, end), end), false));
  }

  private static int clamped(long index, int rank) {
    return (int) Math.max(0, Math.min(rank, index < 0 ? index + rank : index));
  }

  private static void range(OnnxNode node, Translation to) {
    Size start = only(to.sizes(node, 0));
    Size limit = only(to.sizes(node, 1));
    Size step = only(to.sizes(node, 2));
    if (start.equals(Size.of(0))
        && step.equals(Size.of(1))
        && limit.factor() == 1
        && limit.unknown().size() == 1) {
      to.output(node, new Numbering(limit, false));
      return;
    }
    if (!start.isKnown() || !limit.isKnown() || !step.isKnown() || step.factor() == 0) {
      throw new IllegalArgumentException(
          "counts from " + start + " to " + limit + " by " + step + ", which is not supported");
    }
    // As a real number, which is exact where it matters.
    double count = Math.ceil(((double) limit.factor() - start.factor()) / step.factor());
    to.room.take((long) (Allowance.EACH_SIZE * Math.max(0, count)));
    List<Size> numbers = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      numbers.add(Size.of(start.factor() + i * step.factor()));
    }
    to.output(node, new Sizes(numbers, false));
  }

  private static Size only(List<Size> sizes) {
    if (sizes.size() != 1) {
      throw new IllegalArgumentException("is given the sizes " + sizes + "; needed one");
    }
    return sizes.get(0);
  }

  private static void reduceProd(OnnxNode node, Translation to) {
    boolean keeps = node.flag("keepdims", true);
    boolean noneForNone = node.flag("noop_with_empty_axes", false);
    int @Nullable [] axes = axes(node, to);
    if ((axes == null || axes.length == 0) ? noneForNone : axes.length != 1 || axes[0] != 0) {
      throw new IllegalArgumentException("multiplies along other axes than 0, not supported");
    }
    Size product = Size.of(1);
    for (Size size : to.sizes(node, 0)) {
      product = product.times(size);
    }
    to.output(node, new Sizes(List.of(product), !keeps));
  }

  private static void dropout(OnnxNode node, Translation to) {
    node.number("ratio", 0);
    node.input(1); // the ratio, and whether there is a training, which are nothing to a model
    node.input(2);
    node.integer("seed", 0);
    if (node.hasOutput(1)) {
      throw new IllegalArgumentException("puts out its mask, which is not supported");
    }
    to.output(node, to.input(node, 0));
  }

  private static void cast(OnnxNode node, Translation to) {
    Value value = to.input(node, 0);
    long number = node.integer("to", 0);
    node.flag("saturate", true);
    @Nullable TensorType type = OnnxFile.type((int) number);
    if (type == null) {
      throw new IllegalArgumentException("casts to type " + number + ", which is not supported");
    }
    boolean isReal = value instanceof Grid grid && !grid.likeliest();
    if (value instanceof Known known) {
      to.output(node, new Known(cast(to, known.numbers(), type), known.shape()));
    } else if (value instanceof Counted counted && counted.what() == Counting.AT_LEAST_ONE) {
      to.output(node, counted);
    } else if (isReal == type.isReal()
        || (value instanceof Grid whole && to.whole.contains(whole.value()))) {
      to.output(node, value);
    } else {
      throw new IllegalArgumentException(
          "casts " + Translation.describe(value) + " to " + type + ", which is not supported");
    }
  }

  private static Numbers cast(Translation to, Numbers numbers, TensorType type) {
    if (numbers.isReal() == type.isReal()) {
      return numbers;
    }
    int count = numbers.elements();
    to.room.take(count);
    if (type.isReal()) {
      float[] reals = new float[count];
      for (int i = 0; i < count; i++) {
        reals[i] = numbers.integers()[i];
      }
      return Numbers.of(numbers.dims(), reals);
    }
    long[] integers = new long[count];
    for (int i = 0; i < count; i++) {
      float real = numbers.reals()[i];
      integers[i] = type == TensorType.BOOL ? (real != 0 ? 1 : 0) : (long) real;
    }
    return Numbers.of(numbers.dims(), integers);
  }

  // ---- views ------------------------------------------------------------------------------------

  /** Values whose dimensions are known by their parts. */
  private static @Nullable List<List<Atom>> dims(Value value) {
    if (value instanceof Grid grid) {
      return grid.dims();
    }
    return value instanceof Given given ? given.dims() : null;
  }

  private static Value withDims(Value value, List<List<Atom>> dims) {
    if (value instanceof Grid grid) {
      return grid.withDims(dims);
    }
    return new Given(((Given) value).input(), dims);
  }

  private static IllegalArgumentException unsupported(Value value) {
    return new IllegalArgumentException(
        "is given " + Translation.describe(value) + ", which is not supported");
  }

  private static void transpose(OnnxNode node, Translation to) {
    Value value = to.input(node, 0);
    int rank = value.shape().size();
    @Nullable List<Long> given = node.integers("perm");
    List<Integer> order =
        given == null
            ? IntStream.range(0, rank).map(d -> rank - 1 - d).boxed().toList()
            : given.stream().map(d -> Translation.dimension(d, rank)).toList();
    if (!order.stream().sorted().toList().equals(IntStream.range(0, rank).boxed().toList())) {
      throw new IllegalArgumentException(
          "attribute 'perm' is " + given + "; needed each of " + rank + " dimensions once");
    }
    to.output(node, transposed(to, value, order));
  }

  static Value transposed(Translation to, Value value, List<Integer> order) {
    List<List<Atom>> dims = dims(value);
    if (dims != null) {
      return withDims(value, order.stream().map(dims::get).toList());
    } else if (value instanceof Known known) {
      return new Known(
          known.numbers().transposed(to.room, order),
          order.stream().map(known.shape()::get).toList());
    }
    throw unsupported(value);
  }

  static int @Nullable [] axes(OnnxNode node, Translation to) {
    int @Nullable [] given = node.counts("axes");
    if (given != null) {
      return given;
    }
    return to.optional(node, 1) == null ? null : to.integers(node, 1);
  }

  private static void unsqueeze(OnnxNode node, Translation to) {
    Value value = to.input(node, 0);
    int[] axes = axes(node, to);
    if (axes == null) {
      throw new IllegalArgumentException("has no axes; needed some");
    }
    if (value instanceof Counted counted) {
      to.output(node, Lengths.asColumn(counted, axes));
      return;
    }
    Sizes sizes = to.asSizes(value);
    @Nullable Numbering numbers = numbering(value, sizes);
    if (numbers != null && axes.length == 1 && (axes[0] == 1 || axes[0] == -1)) {
      to.output(node, new Numbering(numbers.count(), true));
      return;
    }
    int rank = value.shape().size() + axes.length;
    boolean[] isNew = new boolean[rank];
    for (int axis : axes) {
      int d = Translation.dimension(axis, rank);
      if (isNew[d]) {
        throw new IllegalArgumentException("has the axis " + axis + " twice");
      }
      isNew[d] = true;
    }
    if (sizes != null && rank == 1) {
      to.output(node, new Sizes(sizes.sizes(), false));
      return;
    }
    List<Integer> from = new ArrayList<>();
    for (int d = 0, old = 0; d < rank; d++) {
      from.add(isNew[d] ? -1 : old++);
    }
    to.output(node, picked(value, from));
  }

  /** The numbers from 0 on, which may be known; null for anything else. */
  private static @Nullable Numbering numbering(Value value, @Nullable Sizes sizes) {
    if (value instanceof Numbering numbers) {
      return numbers.isColumn() ? null : numbers;
    }
    if (sizes == null || sizes.isScalar()) {
      return null;
    }
    int count = sizes.sizes().size();
    for (int i = 0; i < count; i++) {
      if (!sizes.sizes().get(i).equals(Size.of(i))) {
        return null;
      }
    }
    return new Numbering(Size.of(count), false);
  }

  /** The dimensions of these numbers, and new ones where the number is −1. */
  private static Value picked(Value value, List<Integer> from) {
    List<List<Atom>> dims = dims(value);
    if (dims != null) {
      List<List<Atom>> result = new ArrayList<>();
      from.forEach(d -> result.add(d < 0 ? List.of() : dims.get(d)));
      return withDims(value, result);
    }
    if (value instanceof Known known) {
      int[] old = known.numbers().dims();
      int[] now = from.stream().mapToInt(d -> d < 0 ? 1 : old[d]).toArray();
      List<Size> shape = from.stream().map(d -> d < 0 ? Size.of(1) : known.shape().get(d)).toList();
      return new Known(known.numbers().reshaped(now), shape);
    }
    throw unsupported(value);
  }

  private static void squeeze(OnnxNode node, Translation to) {
    Value value = to.input(node, 0);
    int rank = value.shape().size();
    int[] axes = axes(node, to);
    boolean[] drop = new boolean[rank];
    for (int d = 0; d < rank; d++) {
      drop[d] = axes == null && value.shape().get(d).equals(Size.of(1));
    }
    if (axes != null) {
      for (int axis : axes) {
        drop[Translation.dimension(axis, rank)] = true;
      }
    }
    if (value instanceof Sizes sizes) {
      if (rank == 1 && drop[0] && sizes.sizes().size() != 1) {
        throw new IllegalArgumentException("squeezes a list of " + sizes.sizes().size());
      }
      to.output(node, new Sizes(sizes.sizes(), sizes.isScalar() || (rank == 1 && drop[0])));
      return;
    }
    to.output(node, squeezed(to, value, drop));
  }

  /** Without these dimensions, which have the size 1. */
  static Value squeezed(Translation to, Value given, boolean[] drop) {
    Value value = given;
    for (int d = 0; d < drop.length; d++) {
      if (drop[d] && !value.shape().get(d).equals(Size.of(1))) {
        @Nullable List<List<Atom>> known = dims(value);
        for (Atom atom : known == null ? List.<Atom>of() : known.get(d)) {
          if (atom.origin != null && atom.size == 0) {
            throw new Reconsider(atom.origin, atom.kind, 1, atom.axis);
          }
        }
        throw new IllegalArgumentException(
            "squeezes dimension " + d + " of " + Translation.describe(value) + "; needed one of 1");
      }
    }
    List<List<Atom>> dims = dims(value);
    if (dims == null) {
      List<Integer> from = new ArrayList<>();
      for (int d = 0; d < drop.length; d++) {
        if (!drop[d]) {
          from.add(d);
        }
      }
      return picked(value, from);
    }
    // Of what is dropped, a single step becomes no step, and a single sequence goes elsewhere.
    List<Atom> homeless = new ArrayList<>();
    List<List<Atom>> rest = new ArrayList<>();
    for (int d = 0; d < drop.length; d++) {
      if (!drop[d]) {
        rest.add(new ArrayList<>(dims.get(d)));
        continue;
      }
      for (Atom atom : dims.get(d)) {
        if (atom.kind == Kind.STEPS && value instanceof Grid) {
          value = withoutStep(to, (Grid) value);
        } else if (!atom.isColumns()) {
          homeless.add(atom);
        }
      }
    }
    if (value instanceof Grid grid) {
      List<Atom> columns = new ArrayList<>(grid.columns());
      for (int d = 0; d < drop.length; d++) {
        if (drop[d]) {
          columns.removeAll(dims.get(d));
        }
      }
      if (!homeless.isEmpty()) {
        if (rest.isEmpty()) {
          throw new IllegalArgumentException("squeezes all dimensions, which is not supported");
        }
        rest.get(0).addAll(0, homeless);
      }
      return grid.with(grid.value(), columns, rest);
    }
    return withDims(value, rest);
  }

  /** A value of one time step as one of none. */
  private static Grid withoutStep(Translation to, Grid grid) {
    return grid.with(to.draft.add("step", new TimeStep(0), grid.value()));
  }

  private static void flatten(OnnxNode node, Translation to) {
    Value value = to.input(node, 0);
    List<Size> shape = value.shape();
    long axis = node.integer("axis", 1);
    int at = axis == shape.size() ? shape.size() : Translation.dimension(axis, shape.size());
    Size left = product(shape.subList(0, at));
    Size right = product(shape.subList(at, shape.size()));
    to.output(node, reshaped(to, value, List.of(left, right)));
  }

  private static Size product(List<Size> sizes) {
    return sizes.stream().reduce(Size.of(1), Size::times);
  }

  private static void reshape(OnnxNode node, Translation to) {
    Value value = to.input(node, 0);
    boolean allowsZero = node.flag("allowzero", false);
    List<Size> asked = to.sizes(node, 1);
    if (value instanceof Sizes integers) {
      boolean one = asked.size() == 1;
      boolean none = asked.isEmpty() && integers.sizes().size() == 1;
      if (!one && !none) {
        throw unsupported(value);
      }
      to.output(node, new Sizes(integers.sizes(), none));
      return;
    }
    List<Size> shape = new ArrayList<>();
    for (int d = 0; d < asked.size(); d++) {
      boolean copies = asked.get(d).equals(Size.of(0)) && !allowsZero;
      if (copies && d >= value.shape().size()) {
        throw new IllegalArgumentException("copies dimension " + d + ", which is not there");
      }
      shape.add(copies ? value.shape().get(d) : asked.get(d));
    }
    to.output(node, reshaped(to, value, shape));
  }

  /** With these sizes, one of which may be −1 for what is left. */
  private static Value reshaped(Translation to, Value value, List<Size> asked) {
    int open = asked.indexOf(Size.of(-1));
    for (int d = 0; d < asked.size(); d++) {
      if (asked.get(d).factor() < 0 && d != open) {
        throw new IllegalArgumentException(
            "is to have the sizes " + asked + "; needed at least 0, but for one of -1");
      }
    }
    List<Size> shape = new ArrayList<>(asked);
    if (open >= 0) {
      List<Size> others = new ArrayList<>(asked);
      others.remove(open);
      Optional<Size> rest = product(value.shape()).dividedBy(product(others));
      if (rest.isPresent() && rest.get().factor() > 0) {
        shape.set(open, rest.get());
      }
    }
    if (value instanceof Known known) {
      if (shape.equals(known.shape())) {
        return known;
      }
      if (!known.isWhole()) {
        if (known.numbers().elements() == 1 && shape.stream().noneMatch(s -> s.factor() < 0)) {
          int[] ones = new int[shape.size()];
          Arrays.fill(ones, 1);
          return new Known(known.numbers().reshaped(ones), shape);
        }
        @Nullable Known same = regrouped(to, known, shape);
        return same != null ? same : regrouped(to, to.grid(value, "input 0"), shape);
      }
      int[] dims = shape.stream().mapToInt(Size::count).toArray();
      return Known.of(known.numbers().reshaped(dims));
    }
    List<List<Atom>> dims = dims(value);
    if (dims == null) {
      if (shape.size() == 1) {
        return value; // a list of sequences stays one
      }
      throw unsupported(value);
    }
    return value instanceof Grid grid
        ? regrouped(to, grid, shape)
        : new Given(
            ((Given) value).input(), regrouped(to, Grid.of("", List.of(), dims), shape).dims());
  }

  /**
   * Known numbers in other dimensions; null if one has both numbers and how often they are there.
   */
  private static @Nullable Known regrouped(Translation to, Known known, List<Size> shape) {
    int[] old = known.numbers().dims();
    List<Atom> atoms = new ArrayList<>();
    for (Size size : known.shape()) {
      atoms.add(size.isKnown() ? Atom.columns(size.count()) : to.open(size));
    }
    List<Atom> columns = atoms.stream().filter(Atom::isColumns).toList();
    List<List<Atom>> made =
        regrouped(to, Grid.of("", columns, atoms.stream().map(List::of).toList()), shape).dims();
    // What is the same however often it is there stays one, if it still is a dimension.
    Set<Atom> repeated = new HashSet<>();
    for (int d = 0; d < old.length; d++) {
      Atom atom = atoms.get(d);
      if (!atom.isColumns() || (old[d] == 1 && made.contains(List.of(atom)))) {
        repeated.add(atom);
      } else {
        old[d] = atom.size;
      }
    }
    int[] sizes = new int[made.size()];
    for (int d = 0; d < sizes.length; d++) {
      List<Atom> some = made.get(d).stream().filter(atom -> !repeated.contains(atom)).toList();
      sizes[d] = Grid.width(some);
      if (sizes[d] != 1 && some.size() != made.get(d).size()) {
        return null;
      }
    }
    return new Known(known.numbers().expanded(to.room, old).reshaped(sizes), Grid.sizes(made));
  }

  /** The same parts, in the same order, as other dimensions. */
  private static Grid regrouped(Translation to, Grid given, List<Size> shape) {
    Grid grid = given;
    List<Atom> atoms = new ArrayList<>();
    grid.dims().forEach(atoms::addAll);
    List<List<Atom>> dims = new ArrayList<>();
    int next = 0;
    for (int d = 0; d < shape.size(); d++) {
      Size need = shape.get(d);
      List<Atom> parts = new ArrayList<>();
      if (need.factor() < 0) {
        // What is left for the open dimension: all but what those behind it take.
        int behind = shape.size() - d - 1;
        while (next < atoms.size() - behind) {
          parts.add(atoms.get(next++));
        }
        dims.add(parts);
        continue;
      }
      // A part of size 1 is a dimension of 1, unless there are more of these than parts.
      if (need.equals(Size.of(1)) && next < atoms.size() && atoms.get(next).size == 1) {
        parts.add(atoms.get(next++));
      }
      while (!need.equals(Size.of(1))) {
        if (next >= atoms.size()) {
          throw unfit(given, shape);
        }
        Atom atom = atoms.get(next);
        Optional<Size> rest = need.dividedBy(atom.asSize());
        if (rest.isPresent()) {
          parts.add(atom);
          need = rest.get();
          next++;
        } else if (atom.isColumns()
            && need.isKnown()
            && need.factor() > 1
            && atom.size % need.factor() == 0) {
          int outer = (int) need.factor();
          Atom first = Atom.columns(outer);
          Atom second = Atom.columns(atom.size / outer);
          grid =
              new Grid(
                  grid.value(),
                  Translation.replaced(List.of(grid.columns()), atom, List.of(first, second))
                      .get(0),
                  Translation.replaced(grid.dims(), atom, List.of(first, second)),
                  grid.sortedBy(),
                  grid.likeliest());
          atoms.set(next, second);
          parts.add(first);
          need = Size.of(1);
        } else if (atom.kind == Kind.STEPS && atom.size > 0 && !grid.value().isEmpty()) {
          grid = to.stepsAsColumns(grid);
          atoms.set(next, grid.columns().get(0));
        } else if (atom.isColumns()
            && need.isKnown()
            && next + 1 < atoms.size()
            && atoms.get(next + 1).isColumns()) {
          // Two parts that are cut elsewhere than between them.
          Atom second = atoms.remove(next + 1);
          Atom both = Atom.columns(Grid.width(List.of(atom, second)));
          grid = joined(to, grid, atom, second, both);
          atoms.set(next, both);
        } else if (atom.size == 0 && atom.origin != null && need.isKnown() && need.factor() > 0) {
          // A size that was not fixed when the graph was made, and is a number here.
          throw new Reconsider(atom.origin, atom.kind, need.count(), atom.axis);
        } else {
          throw unfit(given, shape);
        }
      }
      dims.add(parts);
    }
    while (next < atoms.size()) {
      if (atoms.get(next).size != 1 || dims.isEmpty()) {
        throw unfit(given, shape);
      }
      dims.get(dims.size() - 1).add(atoms.get(next++));
    }
    return grid.withDims(dims);
  }

  /** With one part in the place of two, one within the other. */
  private static Grid joined(Translation to, Grid given, Atom outer, Atom inner, Atom both) {
    List<Atom> order = new ArrayList<>(given.columns());
    order.remove(inner);
    order.add(order.indexOf(outer) + 1, inner);
    Grid grid = to.ordered(given, order);
    return new Grid(
        grid.value(),
        Translation.replaced(
                Translation.replaced(List.of(order), inner, List.of()), outer, List.of(both))
            .get(0),
        Translation.replaced(
            Translation.replaced(grid.dims(), inner, List.of()), outer, List.of(both)),
        grid.sortedBy(),
        grid.likeliest());
  }

  private static IllegalArgumentException unfit(Grid grid, List<Size> shape) {
    return new IllegalArgumentException(
        "gives " + grid + " the sizes " + shape + ", which is not supported");
  }

  private static void tile(OnnxNode node, Translation to) {
    List<Size> old = to.input(node, 0).shape();
    List<Size> repeats = to.sizes(node, 1);
    if (repeats.size() != old.size()) {
      throw new IllegalArgumentException("repeats " + old + " by " + repeats + "; needed as many");
    }
    List<Size> shape = new ArrayList<>();
    for (int d = 0; d < old.size(); d++) {
      Size times = repeats.get(d);
      if (!old.get(d).equals(Size.of(1)) && !times.equals(Size.of(1))) {
        throw new IllegalArgumentException(
            "repeats dimension " + d + " of " + old + "; supported are dimensions of 1");
      }
      shape.add(old.get(d).times(times));
    }
    to.output(node, expanded(to, to.input(node, 0), shape));
  }

  private static void expand(OnnxNode node, Translation to) {
    to.output(node, expanded(to, to.input(node, 0), to.sizes(node, 1)));
  }

  /** With dimensions of 1 repeated, and new ones in front. */
  private static Value expanded(Translation to, Value value, List<Size> asked) {
    List<Size> old = value.shape();
    int rank = Math.max(asked.size(), old.size());
    List<Size> shape = new ArrayList<>();
    Size one = Size.of(1);
    for (int d = 0; d < rank; d++) {
      Size x = d < rank - old.size() ? one : old.get(d - (rank - old.size()));
      Size y = d < rank - asked.size() ? one : asked.get(d - (rank - asked.size()));
      if (!x.equals(one) && !y.equals(one) && !x.equals(y)) {
        throw new IllegalArgumentException(
            "expands " + Translation.describe(value) + " to " + asked);
      }
      shape.add(x.equals(one) ? y : x);
    }
    if (value instanceof Known known) {
      int[] dims = new int[rank];
      Arrays.fill(dims, 1);
      int[] own = known.numbers().dims();
      System.arraycopy(own, 0, dims, rank - own.length, own.length);
      return whole(to, new Known(known.numbers().reshaped(dims), shape));
    }
    if (!(value instanceof Grid grid)) {
      throw unsupported(value);
    }
    List<List<Atom>> dims = new ArrayList<>();
    for (int d = 0; d < rank; d++) {
      int ownDim = d - (rank - old.size());
      List<Atom> parts = ownDim < 0 ? List.of() : grid.dims().get(ownDim);
      if (shape.get(d).equals(Grid.size(parts))) {
        dims.add(parts);
      } else if (shape.get(d).isKnown() && shape.get(d).factor() > 0) {
        dims.add(List.of(Atom.columns(shape.get(d).count())));
      } else {
        dims.add(List.of(to.steps(shape.get(d))));
      }
    }
    return to.repeatedTo(grid, dims);
  }
}
