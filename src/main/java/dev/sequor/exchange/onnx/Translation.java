package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.NodeProto;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.onnx.Value.Counted;
import dev.sequor.exchange.onnx.Value.Ends;
import dev.sequor.exchange.onnx.Value.Given;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.exchange.onnx.Value.Masked;
import dev.sequor.exchange.onnx.Value.Numbering;
import dev.sequor.exchange.onnx.Value.Sizes;
import dev.sequor.io.TensorType;
import dev.sequor.module.Columns;
import dev.sequor.module.ColumnsToSteps;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Network;
import dev.sequor.module.RepeatAlong;
import dev.sequor.module.StepsToColumns;
import dev.sequor.module.TimeStep;
import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * What is known of the tensors of a graph while its nodes are translated one after the other, and
 * the network that comes of them. Nothing is computed but what follows from numbers in the file.
 */
final class Translation {
  private static final Pattern NAMED_VECTOR = Pattern.compile(NetworkDraft.VECTOR + "(_\\d+)?$");

  /** Behind the name of a learned state: which vector it is, and of which blocks. */
  private static final Pattern STATE_VALUES =
      Pattern.compile("\\.values\\.(h|c|\\d+)(\\.\\d+\\.\\d+)?$");

  /** How many tokens there are of which nothing says it. */
  private static final int ANY_TOKEN = Integer.MAX_VALUE;

  /** What the size is called of which it is not known how many sequences there are. */
  static final String BATCH = "batch";

  final NetworkDraft draft = new NetworkDraft();
  final OnnxFile file;

  /** For numbers that are worked out. */
  final Allowance room;

  private final Map<String, Value> values = new HashMap<>();

  /** By the graph's names: what the model takes. */
  private final Map<String, GraphInput> inputs = new LinkedHashMap<>();

  /** What weights are called in the file, for the names of nodes; by their numbers. */
  private final IdentityHashMap<Object, String> weightNames = new IdentityHashMap<>();

  /** By the graph's inputs that are lengths: the input whose steps they count. */
  final Map<String, String> lengths = new LinkedHashMap<>();

  /** Networks' values that are whole numbers, which casting does not change. */
  final Set<String> whole = new HashSet<>();

  /** Networks' values that are zero past the sequences' ends, in the file too. */
  final Set<String> zeroPadded = new HashSet<>();

  /** Networks' values that are zero past the ends, whatever they are in the file. */
  final Set<String> zeroAtEnds = new HashSet<>();

  /** Networks' values that are sums over time steps: what is summed up. */
  final Map<String, String> sums = new HashMap<>();

  /** An input of the graph that is no weight. */
  static final class GraphInput {
    final String name;
    final TensorType type;
    final List<Atom> dims;

    /** What the network's input is called. */
    String value = "";

    /** Whether the network has it; one of tokens only once something reads it. */
    boolean declared;

    GraphInput(String name, TensorType type, List<Atom> dims) {
      this.name = name;
      this.type = type;
      this.dims = dims;
    }
  }

  /** By tensor: the node of the graph that makes it. */
  private final Map<String, OnnxNode> makers;

  Translation(OnnxFile file, Map<String, OnnxNode> makers, Allowance room) {
    this.file = file;
    this.makers = makers;
    this.room = room;
  }

  // ---- what the graph has -----------------------------------------------------------------------

  void weight(String name, Numbers numbers) {
    values.put(name, Known.of(numbers));
    weightNames.putIfAbsent(numbers.array(), name);
    int dot = name.lastIndexOf('.');
    if (dot > 0) {
      draft.reserve(name.substring(0, dot));
    }
  }

  void input(GraphInput input) {
    inputs.put(input.name, input);
    input.value = draft.newName(input.name);
    List<List<Atom>> dims = input.dims.stream().map(List::of).toList();
    if (input.type.isInteger()) {
      values.put(input.name, new Given(input.name, dims));
      return;
    }
    List<Atom> columns = input.dims.stream().filter(Atom::isColumns).toList();
    draft.input(
        input.value,
        hasSteps(input)
            ? new ValueShape.Sequence(axis(input), Grid.width(columns))
            : new ValueShape.Vector("", Grid.width(columns)));
    input.declared = true;
    zeroAtEnds.add(input.value);
    values.put(input.name, Grid.of(input.value, columns, dims));
  }

  /** The network's name of the time axis of an input; its own name unless it follows another. */
  private String axis(GraphInput input) {
    String leader =
        input.dims.stream()
            .filter(atom -> atom.kind == Kind.STEPS)
            .map(atom -> atom.axis)
            .findFirst()
            .orElse(input.name);
    return graphInput(leader).value;
  }

  private static boolean hasSteps(GraphInput input) {
    return input.dims.stream().anyMatch(atom -> atom.kind == Kind.STEPS);
  }

  /** The tokens that an input is, as an input of the network. */
  String tokens(Given given, int vocabularySize) {
    GraphInput input = graphInput(given.input());
    declareTokens(input);
    ValueShape.Tokens known = (ValueShape.Tokens) draft.shape(input.value);
    if (known.vocabularySize() == ANY_TOKEN) {
      draft.inputIs(input.value, new ValueShape.Tokens(known.axis(), vocabularySize));
    } else if (known.vocabularySize() != vocabularySize) {
      throw new IllegalArgumentException(
          "input '"
              + input.name
              + "' chooses of "
              + vocabularySize
              + " rows here and of "
              + known.vocabularySize()
              + " elsewhere; needed as many");
    }
    return input.value;
  }

  /** Makes integers an input of the network: tokens, of which it may never be known how many. */
  private void declareTokens(GraphInput input) {
    if (!input.declared) {
      for (Atom atom : input.dims) {
        if (atom.isColumns() && atom.origin != null) {
          throw new Reconsider(atom.origin, Kind.STEPS, atom.size, input.name);
        }
      }
      String axis = hasSteps(input) ? axis(input) : input.value;
      draft.input(input.value, new ValueShape.Tokens(axis, ANY_TOKEN));
      input.declared = true;
    }
  }

  /** Makes inputs of the network of those that nothing has read: numbers of any size. */
  void declareUnread() {
    for (GraphInput input : inputs.values()) {
      if (!lengths.containsKey(input.name)) {
        declareTokens(input);
      }
    }
  }

  /** Takes note of the input that has the lengths along the time steps of another. */
  void countSteps(String input, String axis) {
    String before = lengths.putIfAbsent(input, axis);
    if (before != null && !before.equals(axis)) {
      throw new IllegalArgumentException(
          "has the lengths '" + input + "', which are those of '" + before + "' elsewhere");
    }
    long others = lengths.values().stream().filter(axis::equals).count();
    if (others > 1) {
      throw new IllegalArgumentException("has other lengths than a node before it");
    }
  }

  /** The same for time steps, which are to be those of an input. */
  void countSteps(String input, Atom steps) {
    if (steps.origin == null) {
      throw new IllegalArgumentException("has lengths of time steps that are none of an input's");
    }
    String before = lengths.get(input);
    if (before != null && !before.equals(steps.axis)) {
      throw new Reconsider(steps.origin, Kind.STEPS, steps.size, before); // one axis after all
    }
    countSteps(input, steps.axis);
  }

  /** The input that brings a time axis, or is one of tokens or lengths. */
  GraphInput graphInput(String name) {
    GraphInput input = inputs.get(name);
    if (input == null) {
      throw new IllegalArgumentException(
          "runs along the time steps of '" + name + "'; needed those of an input before it");
    }
    return input;
  }

  Map<String, GraphInput> inputs() {
    return inputs;
  }

  // ---- inputs and outputs of nodes --------------------------------------------------------------

  /** The node that makes a tensor; null if none does. */
  @Nullable NodeProto maker(String tensor) {
    OnnxNode maker = makers.get(tensor);
    return maker == null ? null : maker.proto();
  }

  /** The tensor of this name; null if nothing has made it. */
  @Nullable Value made(String name) {
    @Nullable Value value = values.get(name);
    // Zeros past the ends are nothing to say of what has them anyway.
    return value instanceof Masked masked
            && masked.padding() == 0
            && zeroAtEnds.contains(masked.grid().value())
        ? masked.grid()
        : value;
  }

  /** The same as it is in the file, with what it has past the ends of sequences. */
  @Nullable Masked masked(String name) {
    return values.get(name) instanceof Masked masked ? masked : null;
  }

  /** The tensor of this name. */
  Value value(String name) {
    Value value = made(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "reads '" + name + "', which nothing before it makes; needed nodes in their order");
    }
    return value;
  }

  /** Input {@code i} of a node; null if it is left out. */
  @Nullable Value optional(OnnxNode node, int i) {
    return node.input(i).isEmpty() ? null : value(node.input(i));
  }

  Value input(OnnxNode node, int i) {
    Value value = optional(node, i);
    if (value == null) {
      throw new IllegalArgumentException("has no input " + i + "; needed one");
    }
    return value;
  }

  /** Real numbers, or a value of the network. */
  Grid grid(OnnxNode node, int i) {
    return grid(input(node, i), "input " + i);
  }

  Grid grid(Value value, String what) {
    if (value instanceof Grid grid && !grid.likeliest()) {
      return grid;
    }
    if (value instanceof Known known && isInEachRow(known)) {
      return rows(known);
    }
    throw new IllegalArgumentException(
        what + " is " + describe(value) + "; needed real numbers of the model");
  }

  /** Numbers that are known, and how many there are. */
  Numbers known(OnnxNode node, int i) {
    Value value = input(node, i);
    if (value instanceof Known known && known.isWhole()) {
      return known.numbers();
    }
    if (value instanceof Sizes sizes && sizes.sizes().stream().allMatch(Size::isKnown)) {
      return numbers(sizes);
    }
    throw new IllegalArgumentException(
        "input " + i + " is " + describe(value) + "; needed numbers that stand in the file");
  }

  /** Real numbers that are known. */
  float[] reals(OnnxNode node, int i) {
    Numbers numbers = known(node, i);
    if (!numbers.isReal()) {
      throw new IllegalArgumentException(
          "input " + i + ", '" + node.input(i) + "', is " + numbers + "; needed real numbers");
    }
    return numbers.reals();
  }

  private static Numbers numbers(Sizes sizes) {
    long[] integers = sizes.sizes().stream().mapToLong(Size::factor).toArray();
    return Numbers.of(sizes.isScalar() ? new int[0] : new int[] {integers.length}, integers);
  }

  /** Integers that say sizes, known or not. */
  List<Size> sizes(OnnxNode node, int i) {
    Sizes sizes = asSizes(input(node, i));
    if (sizes == null) {
      throw new IllegalArgumentException(
          "input " + i + " is " + describe(input(node, i)) + "; needed integers that say sizes");
    }
    return sizes.sizes();
  }

  /** Integers of a list or alone; null for anything else. */
  @Nullable Sizes asSizes(Value value) {
    if (value instanceof Sizes sizes) {
      return sizes;
    }
    if (value instanceof Known known
        && known.isWhole()
        && !known.numbers().isReal()
        && known.numbers().rank() <= 1) {
      room.take((long) Allowance.EACH_SIZE * known.numbers().elements());
      List<Size> sizes = new ArrayList<>();
      for (long integer : known.numbers().integers()) {
        sizes.add(Size.of(integer));
      }
      return new Sizes(sizes, known.numbers().rank() == 0);
    }
    return null;
  }

  /** Integers that are known. */
  int[] integers(OnnxNode node, int i) {
    return sizes(node, i).stream()
        .mapToInt(
            size -> {
              if (!size.isKnown()) {
                throw new IllegalArgumentException(
                    "input " + i + " has " + size + "; needed a number that is known");
              }
              long number = size.factor();
              return (int) Math.max(Integer.MIN_VALUE, Math.min(Integer.MAX_VALUE, number));
            })
        .toArray();
  }

  static String describe(Value value) {
    if (value instanceof Grid grid) {
      return (grid.likeliest() ? "numbers of columns " : "computed, ") + grid;
    } else if (value instanceof Given given) {
      return "integers that the model is given, '" + given.input() + "'";
    } else if (value instanceof Known known) {
      return (known.numbers().isReal() ? "real numbers" : "integers") + " " + known.shape();
    } else if (value instanceof Sizes sizes) {
      return "sizes " + sizes.sizes();
    } else if (value instanceof Masked masked) {
      return "computed, " + masked.grid() + " with " + masked.padding() + " past the ends";
    } else if (value instanceof Ends ends) {
      return "of the last steps, " + ends.grid();
    } else if (value instanceof Counted counted) {
      return "numbers that follow from the lengths '" + counted.lengths().input() + "'";
    } else if (value instanceof Numbering numbering) {
      return "the numbers from 0 to " + numbering.count();
    }
    return "an order of the sequences";
  }

  void output(OnnxNode node, int i, Value value) {
    int rank = value.shape().size();
    if (rank > OnnxFile.MOST_DIMENSIONS) {
      throw new IllegalArgumentException(
          "makes a tensor of " + rank + " dimensions; needed at most " + OnnxFile.MOST_DIMENSIONS);
    }
    if (node.hasOutput(i) && values.put(node.outputs().get(i), value) != null) {
      throw new IllegalArgumentException(
          "makes '" + node.outputs().get(i) + "', which is there already");
    }
  }

  void output(OnnxNode node, Value value) {
    output(node, 0, value);
  }

  /** What numbers are called in the file; null if they have no name there. */
  @Nullable String weightName(Numbers weights) {
    return weightNames.get(weights.array());
  }

  /**
   * What the node that has these weights is to be called: what is before the last dot of their name
   * in the file, or else its kind.
   */
  String nodeName(Numbers weights, String kind) {
    String name = weightName(weights);
    int dot = name == null ? -1 : name.lastIndexOf('.');
    return name == null || dot < 1 ? kind : name.substring(0, dot);
  }

  /** What the node of a learned state is to be called, of which some vectors stand in the file. */
  String stateName(Numbers numbers) {
    String name = weightName(numbers);
    return name == null || !STATE_VALUES.matcher(name).find()
        ? "initial_state"
        : STATE_VALUES.matcher(name).replaceFirst("");
  }

  /** What the node of a vector is to be called: other nodes have the names of weights alone. */
  String vectorName(Numbers numbers) {
    String name = nodeName(numbers, NetworkDraft.VECTOR);
    return NAMED_VECTOR.matcher(name).find() ? name : name + "_" + NetworkDraft.VECTOR;
  }

  private final Map<Numbers, float[]> turned = new HashMap<>();

  /** A matrix the other way round, the same array each time. */
  float[] turned(Numbers matrix, int rows, int columns) {
    return turned.computeIfAbsent(
        matrix, m -> m.reshaped(rows, columns).transposed(room, List.of(1, 0)).reals());
  }

  // ---- values of the network --------------------------------------------------------------------

  /** {@code dimension} of {@code rank}, where negative ones count from the end. */
  static int dimension(long dimension, int rank) {
    if (dimension < -rank || dimension >= rank) {
      throw new IllegalArgumentException(
          "has the axis " + dimension + " of a tensor of " + rank + " dimensions");
    }
    return (int) (dimension < 0 ? dimension + rank : dimension);
  }

  /** The same with its columns in another order. */
  Grid ordered(Grid grid, List<Atom> order) {
    if (grid.columns().equals(order)) {
      return grid;
    }
    if (order.size() != grid.columns().size()
        || !new HashSet<>(order).equals(new HashSet<>(grid.columns()))) {
      throw new IllegalArgumentException(
          "orders the columns " + grid.columns() + " as " + order + ", which is not supported");
    }
    int[] strides = new int[order.size()];
    int stride = 1;
    for (int i = grid.columns().size() - 1; i >= 0; i--) {
      int place = order.indexOf(grid.columns().get(i));
      strides[place] = stride;
      stride *= grid.columns().get(i).size;
    }
    room.take(grid.width());
    int[] columns = new int[grid.width()];
    for (int w = 0; w < columns.length; w++) {
      int rest = w;
      for (int i = order.size() - 1; i >= 0; i--) {
        columns[w] += rest % order.get(i).size * strides[i];
        rest /= order.get(i).size;
      }
    }
    return columns(grid, columns, order, grid.dims());
  }

  /**
   * Columns of a value.
   *
   * @param columns which, in their new order
   * @param atoms what they are
   */
  Grid columns(Grid grid, int[] columns, List<Atom> atoms, List<List<Atom>> dims) {
    boolean all = columns.length == grid.width();
    for (int i = 0; i < columns.length; i++) {
      all &= columns[i] == i;
    }
    if (all) {
      return grid.with(grid.value(), atoms, dims);
    }
    String value = draft.add("columns", Columns.of(grid.width(), columns), grid.value());
    staysPadded(grid.value(), value);
    return grid.with(value, atoms, dims);
  }

  /** The same with the columns of some of its parts innermost, in this order. */
  Grid innermost(Grid grid, List<Atom> parts) {
    List<Atom> order = new ArrayList<>(grid.columns());
    order.removeAll(parts);
    order.addAll(parts);
    return ordered(grid, order);
  }

  /** The same with the columns of some of its parts outermost. */
  Grid outermost(Grid grid, List<Atom> parts) {
    List<Atom> order = new ArrayList<>(parts);
    grid.columns().stream().filter(atom -> !parts.contains(atom)).forEach(order::add);
    return ordered(grid, order);
  }

  /** Time steps of a fixed number as columns. */
  Grid stepsAsColumns(Grid grid) {
    Atom steps = grid.steps().orElseThrow();
    if (steps.size == 0) {
      throw new IllegalArgumentException(
          "works on single time steps, of which there may be any number; needed a fixed one");
    }
    Atom columns = Atom.columns(steps.size);
    String value = draft.add("steps", new StepsToColumns(steps.size), grid.value());
    List<Atom> all = new ArrayList<>(List.of(columns));
    all.addAll(grid.columns());
    return grid.with(value, all, replaced(grid.dims(), steps, List.of(columns)));
  }

  /** One of its parts as time steps. */
  Grid columnsAsSteps(Grid grid, Atom columns) {
    Grid first = outermost(grid, List.of(columns));
    String name = draft.newName("steps");
    draft.addNamed(name, new ColumnsToSteps(name, columns.size), List.of(first.value()), List.of());
    Atom steps = new Atom(Kind.STEPS, columns.size, name, null);
    return first.with(
        name,
        first.columns().subList(1, first.columns().size()),
        replaced(first.dims(), columns, List.of(steps)));
  }

  /** With others in the place of a part. */
  static List<List<Atom>> replaced(List<List<Atom>> dims, Atom old, List<Atom> others) {
    List<List<Atom>> result = new ArrayList<>();
    for (List<Atom> parts : dims) {
      List<Atom> atoms = new ArrayList<>();
      for (Atom atom : parts) {
        if (atom == old) {
          atoms.addAll(others);
        } else {
          atoms.add(atom);
        }
      }
      result.add(atoms);
    }
    return result;
  }

  /** With a part made two, one within the other. */
  static Grid split(Grid grid, Atom atom, int outer, int inner) {
    List<Atom> both = List.of(Atom.columns(outer), Atom.columns(inner));
    return new Grid(
        grid.value(),
        replaced(List.of(grid.columns()), atom, both).get(0),
        replaced(grid.dims(), atom, both),
        grid.sortedBy(),
        grid.likeliest());
  }

  // ---- two values that go together --------------------------------------------------------------

  /** Two values with the same rows and columns. */
  record Pair(Grid first, Grid second) {}

  /** The part that has this size, of which nothing more is known than that it is some axis. */
  Atom steps(Size size) {
    for (GraphInput input : inputs.values()) {
      for (Atom atom : input.dims) {
        if (atom.asSize().equals(size)) {
          return atom;
        }
      }
    }
    throw new IllegalArgumentException("has the size " + size + ", which is that of no input");
  }

  /** The part that has a size of which it is not known how large it is: a batch, or time steps. */
  Atom open(Size size) {
    return size.equals(Size.unknown(BATCH)) ? new Atom(Kind.BATCH, 0, "", null) : steps(size);
  }

  /** What is made of a value is zero past the ends if that is. */
  void staysPadded(String value, String made) {
    if (zeroPadded.contains(value)) {
      zeroPadded.add(made);
    }
    if (zeroAtEnds.contains(value)) {
      zeroAtEnds.add(made);
    }
  }

  /** Whether the sequences of a time axis have lengths. */
  boolean hasLengths(Atom steps) {
    return lengths.containsValue(steps.axis);
  }

  /**
   * Known numbers as a value with the rows of another.
   *
   * @param axis the dimension in which they may have another size
   */
  Grid constant(Known known, Grid example, int axis) {
    List<List<Atom>> dims = new ArrayList<>();
    List<Atom> columns = new ArrayList<>();
    if (known.shape().size() != example.dims().size()) {
      throw new IllegalArgumentException(
          "brings together " + example + " and known numbers " + known.shape());
    }
    for (int d = 0; d < example.dims().size(); d++) {
      List<Atom> parts = new ArrayList<>();
      Size size = known.shape().get(d);
      boolean same = size.equals(Grid.size(example.dims().get(d)));
      boolean isColumns = example.dims().get(d).stream().allMatch(Atom::isColumns);
      if (same && (!isColumns || d != axis)) {
        for (Atom atom : example.dims().get(d)) {
          parts.add(atom.isColumns() ? Atom.columns(atom.size) : atom);
        }
      } else if (size.isKnown() && size.factor() > 0) {
        parts.add(Atom.columns(size.count()));
      } else {
        throw new IllegalArgumentException(
            "brings together " + example + " and known numbers " + known.shape());
      }
      columns.addAll(parts.stream().filter(Atom::isColumns).toList());
      dims.add(parts);
    }
    // The dimension along which they are put together is outermost then.
    List<Atom> order = new ArrayList<>(dims.get(axis).stream().filter(Atom::isColumns).toList());
    columns.stream().filter(atom -> !order.contains(atom)).forEach(order::add);
    Grid grid = example.with(rows(example.value()), order, dims);
    float[] values = alongColumns(known.numbers(), grid);
    return grid.with(
        draft.add(
            vectorName(known.numbers()),
            new LearnedVector(values.length),
            List.of(grid.value()),
            List.of(Weights.of(values))));
  }

  /** A value with the same rows from which one is made, as far down as there is any. */
  private String rows(String value) {
    String below = value;
    while (draft.module(below) != null && !draft.inputsOf(below).isEmpty()) {
      ValueShape here = draft.shape(below);
      String next = draft.inputsOf(below).get(0);
      ValueShape there = draft.shape(next);
      if (!here.getClass().equals(there.getClass()) || !here.axis().equals(there.axis())) {
        break;
      }
      below = next;
    }
    return below;
  }

  /** {@code grid} with its columns in the order of {@code other}, but for one dimension. */
  Grid alignedBut(Grid grid, Grid other, int axis) {
    List<List<Atom>> left = new ArrayList<>(grid.dims());
    List<List<Atom>> right = new ArrayList<>(other.dims());
    List<Atom> own = left.remove(axis);
    List<Atom> its = right.remove(axis);
    // As if that dimension were no part of either.
    Grid a = new Grid(grid.value(), without(grid.columns(), own), left, grid.sortedBy(), false);
    Grid b = new Grid(other.value(), without(other.columns(), its), right, other.sortedBy(), false);
    for (int d = 0; d < left.size(); d++) {
      List<Atom> x = left.get(d);
      List<Atom> y = right.get(d);
      boolean same = x.size() == y.size();
      for (int i = 0; same && i < x.size(); i++) {
        same = x.get(i).isAlong(y.get(i));
      }
      if (!same) {
        for (int i = 0; i < Math.min(x.size(), y.size()); i++) {
          if (!x.get(i).isAlong(y.get(i))) {
            throw settle(y.get(i), x.get(i), grid, other);
          }
        }
        throw apart(grid, other);
      }
    }
    if (!Objects.equals(grid.sortedBy(), other.sortedBy())) {
      throw new IllegalArgumentException("brings together sequences in different orders");
    }
    Map<Atom, Atom> twins = new HashMap<>();
    for (int d = 0; d < left.size(); d++) {
      for (int i = 0; i < left.get(d).size(); i++) {
        twins.put(b.dims().get(d).get(i), a.dims().get(d).get(i));
      }
    }
    List<Atom> order = new ArrayList<>(own);
    b.columns().forEach(atom -> order.add(Objects.requireNonNull(twins.get(atom))));
    return ordered(grid, order);
  }

  private static List<Atom> without(List<Atom> atoms, List<Atom> others) {
    return atoms.stream().filter(atom -> !others.contains(atom)).toList();
  }

  /** Both with the same dimensions, repeated where one has fewer. */
  Pair together(Grid first, Grid second) {
    if (!Objects.equals(first.sortedBy(), second.sortedBy())) {
      throw new IllegalArgumentException("brings together sequences in different orders");
    }
    Grid a = withoutOnes(withRank(first, second.dims().size()));
    Grid b = withoutOnes(withRank(second, first.dims().size()));
    for (int d = 0; d < a.dims().size(); d++) {
      for (int i = 0; i < Math.max(a.dims().get(d).size(), b.dims().get(d).size()); i++) {
        List<Atom> left = a.dims().get(d);
        List<Atom> right = b.dims().get(d);
        if (left.isEmpty() || right.isEmpty()) {
          break; // repeated below
        }
        if (i >= left.size() || i >= right.size()) {
          throw apart(first, second);
        }
        Atom x = left.get(i);
        Atom y = right.get(i);
        if (x.isAlong(y)) {
          continue;
        }
        if (x.isColumns() && y.isColumns() && x.size > y.size && x.size % y.size == 0) {
          a = split(a, x, y.size, x.size / y.size);
        } else if (x.isColumns() && y.isColumns() && y.size > x.size && y.size % x.size == 0) {
          b = split(b, y, x.size, y.size / x.size);
        } else if (isFixedStep(x) && y.isColumns() && y.origin == null && x.size == y.size) {
          return together(stepsAsColumns(first), second);
        } else if (isFixedStep(y) && x.isColumns() && x.origin == null && x.size == y.size) {
          return together(first, stepsAsColumns(second));
        } else {
          throw settle(x, y, first, second);
        }
      }
    }
    Grid wideA = repeated(a, b);
    Grid wideB = repeated(b, a);
    return new Pair(wideA, inOrderOf(wideB, wideA));
  }

  /** Time steps of a fixed number as columns, if that is what another value has in their place. */
  Grid stepsAsColumnsOf(Grid grid, Grid other, int except) {
    for (int d = 0; d < Math.min(grid.dims().size(), other.dims().size()); d++) {
      List<Atom> parts = grid.dims().get(d);
      List<Atom> others = other.dims().get(d);
      if (d != except
          && parts.size() == 1
          && others.size() == 1
          && isFixedStep(parts.get(0))
          && others.get(0).isColumns()
          && others.get(0).origin == null
          && others.get(0).size == parts.get(0).size) {
        return stepsAsColumns(grid);
      }
    }
    return grid;
  }

  private static boolean isFixedStep(Atom atom) {
    return atom.kind == Kind.STEPS && atom.size > 0;
  }

  /** Without parts of one column, which may be repeated as dimensions of 1 are. */
  static Grid withoutOnes(Grid grid) {
    return grid.with(
        grid.value(),
        grid.columns().stream().filter(atom -> atom.size != 1).toList(),
        grid.dims().stream()
            .map(parts -> parts.stream().filter(a -> !a.isColumns() || a.size != 1).toList())
            .toList());
  }

  /** What has to be known anew of an input, so that two dimensions go together. */
  private RuntimeException settle(Atom x, Atom y, Grid first, Grid second) {
    boolean sizesMay = x.size == 0 || y.size == 0 || x.size == y.size;
    if (!sizesMay) {
      return apart(first, second);
    }
    // Columns become what the other is; of two others the second follows the first.
    Atom wrong = x.isColumns() || y.origin == null ? x : y;
    Atom right = wrong == x ? y : x;
    boolean isMade = right.kind == Kind.STEPS && !inputs.containsKey(right.axis);
    if (wrong.origin == null || isMade) {
      return apart(first, second);
    }
    return new Reconsider(wrong.origin, right.kind, right.size, right.axis);
  }

  private static IllegalArgumentException apart(Grid first, Grid second) {
    return new IllegalArgumentException(
        "brings together " + first + " and " + second + ", whose sizes do not go together");
  }

  private static Grid withRank(Grid grid, int rank) {
    List<List<Atom>> dims = new ArrayList<>();
    for (int i = grid.dims().size(); i < rank; i++) {
      dims.add(List.of());
    }
    dims.addAll(grid.dims());
    return grid.withDims(dims);
  }

  /**
   * A value with columns where it has dimensions of 1.
   *
   * @param dims what its dimensions are to be, the last ones its own or none
   */
  Grid repeatedTo(Grid grid, List<List<Atom>> dims) {
    Grid wide = withRank(grid, dims.size());
    return repeated(wide, wide.withDims(dims));
  }

  /** {@code grid} with what {@code other} has where it has dimensions of 1. */
  private Grid repeated(Grid grid, Grid other) {
    Grid result = grid;
    for (int d = 0; d < other.dims().size(); d++) {
      if (!grid.dims().get(d).isEmpty() || other.dims().get(d).isEmpty()) {
        continue;
      }
      for (Atom atom : other.dims().get(d)) {
        result = repeatedAlong(result, d, atom, other);
      }
    }
    return result;
  }

  private Grid repeatedAlong(Grid grid, int dimension, Atom atom, Grid other) {
    List<List<Atom>> dims = new ArrayList<>(grid.dims());
    List<Atom> parts = new ArrayList<>(dims.get(dimension));
    switch (atom.kind) {
      case STEPS -> {
        parts.add(atom);
        dims.set(dimension, parts);
        return grid.with(repeatedAlong(grid.value(), along(atom, other)), grid.columns(), dims);
      }
      case COLUMNS -> {
        Atom copies = Atom.columns(atom.size);
        parts.add(copies);
        dims.set(dimension, parts);
        int width = grid.width();
        int wide = Grid.width(List.of(Atom.columns(width), atom));
        room.take(wide);
        int[] columns = new int[wide];
        for (int i = 0; i < columns.length; i++) {
          columns[i] = i % width;
        }
        List<Atom> atoms = new ArrayList<>(List.of(copies));
        atoms.addAll(grid.columns());
        return columns(grid, columns, atoms, dims);
      }
      default ->
          throw new IllegalArgumentException(
              "repeats " + grid + " for each sequence of a batch; needed a value that has one");
    }
  }

  /** A value of the network that runs along a time axis. */
  private String along(Atom steps, Grid example) {
    if (draft.shape(example.value()) instanceof ValueShape.Sequence) {
      return example.value();
    }
    return leader(steps);
  }

  /** The network's input that a time axis is of. */
  private String leader(Atom steps) {
    GraphInput leader = graphInput(steps.axis);
    declareTokens(leader);
    return leader.value;
  }

  private String repeatedAlong(String vector, String sequence) {
    String value = draft.add("repeat", new RepeatAlong(), vector, sequence);
    zeroAtEnds.add(value);
    return value;
  }

  // ---- numbers that are the same in each row ----------------------------------------------------

  /** Whether known numbers are those of each sequence, of which there may be any number. */
  private boolean isInEachRow(Known known) {
    return known.numbers().isReal()
        && (fixedBatch() == 1
            || IntStream.range(0, known.shape().size()).anyMatch(d -> batchIn(known, d) != null));
  }

  /** How many sequences there are if that is fixed; otherwise 0. */
  private int fixedBatch() {
    return inputs.values().stream()
        .flatMap(input -> input.dims.stream())
        .filter(atom -> atom.kind == Kind.BATCH)
        .mapToInt(atom -> atom.size)
        .max()
        .orElse(0);
  }

  /** The sequences that a dimension is, along which the numbers are the same; null for others. */
  private @Nullable Atom batchIn(Known known, int dimension) {
    Size size = known.shape().get(dimension);
    if (size.equals(Size.unknown(BATCH))) {
      return new Atom(Kind.BATCH, 0, "", null);
    }
    int fixed = fixedBatch();
    return fixed > 1 && size.equals(Size.of(fixed)) && known.numbers().isSameAlong(dimension)
        ? new Atom(Kind.BATCH, fixed, "", null)
        : null;
  }

  /** Known numbers with each of those that it is known how many there are; 1 for the others. */
  Numbers full(Known known) {
    int[] dims = known.numbers().dims();
    for (int d = 0; d < dims.length; d++) {
      Size size = known.shape().get(d);
      dims[d] = size.isKnown() ? size.count() : 1;
    }
    return known.numbers().expanded(room, dims);
  }

  /** Known numbers as a value of the network, the same in each row. */
  private Grid rows(Known known) {
    List<List<Atom>> dims = new ArrayList<>();
    List<Atom> columns = new ArrayList<>();
    String example = "";
    boolean hasBatch = false;
    Numbers each = known.numbers();
    for (int d = 0; d < known.shape().size(); d++) {
      Size size = known.shape().get(d);
      Atom batch = hasBatch ? null : batchIn(known, d);
      if (batch != null) {
        hasBatch = true;
        dims.add(List.of(batch));
        each = each.dims()[d] == 1 ? each : each.select(room, d, new int[1]);
      } else if (size.isKnown()) {
        List<Atom> parts = size.count() == 1 ? List.of() : List.of(Atom.columns(size.count()));
        columns.addAll(parts);
        dims.add(parts);
      } else {
        Atom open = open(size);
        example = open.kind == Kind.STEPS ? leader(open) : example;
        dims.add(List.of(open));
      }
    }
    boolean hasSteps = !example.isEmpty();
    String shaped = hasSteps ? example : anyRows();
    float[] values = alongColumns(each, Grid.of(shaped, columns, dims));
    String value =
        draft.add(
            vectorName(known.numbers()),
            new LearnedVector(values.length),
            List.of(shaped),
            List.of(Weights.of(values)));
    boolean isVector = draft.shape(value) instanceof ValueShape.Vector;
    return Grid.of(
        hasSteps || isVector ? value : draft.add("step", new TimeStep(0), value), columns, dims);
  }

  /** An input of the network of which nothing is asked but the batch: a vector, if there is any. */
  private String anyRows() {
    for (Network.Input input : draft.inputs()) {
      if (input.shape() instanceof ValueShape.Vector) {
        return input.name();
      }
    }
    GraphInput first =
        inputs.values().stream()
            .filter(input -> input.type.isInteger() ? input.dims.size() > 1 : hasSteps(input))
            .findFirst()
            .orElseThrow(() -> new IllegalArgumentException("has the batch of no sequences"));
    declareTokens(first);
    return first.value;
  }

  /** Known numbers, the same at each step, as a sequence that ends where another does. */
  Grid repeatedRows(Known known) {
    Size size = known.shape().get(0);
    if (!isInEachRow(known) || size.isKnown() || known.numbers().dims()[0] != 1) {
      throw new IllegalArgumentException(
          "has " + describe(known) + "; needed the same numbers at each step");
    }
    Atom steps = steps(size);
    int[] dims = known.numbers().dims();
    Grid one =
        rows(
            new Known(
                known.numbers().reshaped(Arrays.copyOfRange(dims, 1, dims.length)),
                known.shape().subList(1, dims.length)));
    List<List<Atom>> all = new ArrayList<>(List.of(List.of(steps)));
    all.addAll(one.dims());
    return one.with(repeatedAlong(one.value(), leader(steps)), one.columns(), all);
  }

  /** The columns of {@code grid} in the order of those of a value with the same dimensions. */
  private Grid inOrderOf(Grid grid, Grid other) {
    Map<Atom, Atom> twins = new HashMap<>();
    for (int d = 0; d < grid.dims().size(); d++) {
      for (int i = 0; i < grid.dims().get(d).size(); i++) {
        twins.put(other.dims().get(d).get(i), grid.dims().get(d).get(i));
      }
    }
    return ordered(
        grid,
        other.columns().stream().map(atom -> Objects.requireNonNull(twins.get(atom))).toList());
  }

  /**
   * Known numbers as wide as a value: one for each of its columns.
   *
   * @param numbers whose dimensions are those of {@code grid}, or 1
   */
  float[] alongColumns(Numbers numbers, Grid grid) {
    int[] dims = numbers.dims();
    int rank = grid.dims().size();
    Map<Atom, Integer> strides = new HashMap<>();
    int stride = 1;
    boolean inOrder = true;
    int place = grid.columns().size() - 1;
    for (int d = rank - 1; d >= 0; d--) {
      int given = d - (rank - dims.length);
      List<Atom> parts = grid.dims().get(d);
      if (given < 0 || dims[given] == 1) {
        inOrder &= Grid.width(parts.stream().filter(Atom::isColumns).toList()) == 1;
        place -= (int) parts.stream().filter(Atom::isColumns).count();
        continue;
      }
      for (int i = parts.size() - 1; i >= 0; i--) {
        Atom atom = parts.get(i);
        if (!atom.isColumns()) {
          throw new IllegalArgumentException(
              "has numbers in the file for each "
                  + (atom.kind == Kind.BATCH ? "sequence" : "time step")
                  + " of "
                  + grid
                  + ", which is not supported");
        }
        inOrder &= place >= 0 && grid.columns().get(place) == atom;
        place--;
        strides.put(atom, stride);
        stride *= atom.size;
      }
    }
    float[] values = numbers.reals();
    if (inOrder && values.length == grid.width()) {
      return values;
    }
    room.take(grid.width());
    float[] wide = new float[grid.width()];
    for (int w = 0; w < wide.length; w++) {
      int rest = w;
      int at = 0;
      for (int i = grid.columns().size() - 1; i >= 0; i--) {
        Atom atom = grid.columns().get(i);
        at += rest % atom.size * strides.getOrDefault(atom, 0);
        rest /= atom.size;
      }
      wide[w] = values[at];
    }
    return wide;
  }
}
