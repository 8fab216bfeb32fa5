package dev.sequor.exchange.onnx;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.onnx.Value.Given;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.exchange.onnx.Value.Sorted;
import dev.sequor.exchange.onnx.Value.Sorting;
import dev.sequor.module.Concatenation;
import dev.sequor.module.InitialState;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Recurrent;
import dev.sequor.module.StateVectors;
import dev.sequor.module.TimeStep;
import dev.sequor.module.VectorsState;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The recurrent operators: RNN, GRU and LSTM. */
final class Recurrence {
  private static final Pattern LAYER = Pattern.compile("\\.\\d+$");

  private final OnnxNode node;
  private final Translation to;
  private final boolean isLstm;
  private final boolean batchFirst;
  private final int directions;
  private final String direction;
  private final int hiddenSize;
  private final CellType cell;

  /** The sequence, its dimensions step by step. */
  private Grid x;

  private Recurrence(OnnxNode node, Translation to) {
    this.node = node;
    this.to = to;
    this.isLstm = node.type().equals("LSTM");
    this.batchFirst = node.flag("layout", false);
    this.direction = node.text("direction", "forward");
    this.directions = direction.equals("bidirectional") ? 2 : 1;
    if (!List.of("forward", "reverse", "bidirectional").contains(direction)) {
      throw new IllegalArgumentException(
          "attribute 'direction' is '" + direction + "'; needed forward, reverse or bidirectional");
    }
    this.cell = cell();
    int gates = OnnxCell.gates(cell).length();
    int[] w = dims(1, 3);
    int[] r = dims(2, 3);
    this.hiddenSize = r[2];
    long said = node.integer("hidden_size", hiddenSize);
    if (said != hiddenSize
        || hiddenSize < 1
        || w[0] != directions
        || r[0] != directions
        || w[1] != gates * hiddenSize
        || r[1] != gates * hiddenSize) {
      throw new IllegalArgumentException(
          "has W "
              + Arrays.toString(w)
              + " and R "
              + Arrays.toString(r)
              + " with hidden_size "
              + said
              + "; needed ["
              + directions
              + ", "
              + gates
              + "·H, I] and ["
              + directions
              + ", "
              + gates
              + "·H, H]");
    }
    this.x = sequence(to, to.grid(node, 0), batchFirst, RnnSpec.of(cell, w[2], hiddenSize));
  }

  static void addTo(Map<String, Operator> operators) {
    for (String type : List.of("RNN", "GRU", "LSTM")) {
      operators.put(type, (node, to) -> new Recurrence(node, to).translate());
    }
  }

  private int[] dims(int input, int rank) {
    int[] dims = to.known(node, input).dims();
    if (dims.length != rank) {
      throw new IllegalArgumentException(
          "input "
              + input
              + " has the sizes "
              + Arrays.toString(dims)
              + "; needed "
              + rank
              + " dimensions");
    }
    return dims;
  }

  private CellType cell() {
    return switch (node.type()) {
      case "RNN" -> CellType.RNN_TANH;
      case "GRU" ->
          node.flag("linear_before_reset", false)
              ? CellType.GRU_RESET_AFTER
              : CellType.GRU_RESET_BEFORE;
      default -> to.optional(node, 7) == null ? CellType.LSTM : CellType.LSTM_PEEPHOLE;
    };
  }

  // ---- the sequence -----------------------------------------------------------------------------

  /** What a layer reads, its steps in a dimension of their own. */
  static Grid sequence(Translation to, Grid given, boolean batchFirst, RnnSpec layer) {
    Grid grid = given;
    if (grid.dims().size() != 3) {
      throw new IllegalArgumentException("input 0 is " + grid + "; needed three dimensions");
    }
    int stepsAt = batchFirst ? 1 : 0;
    int batchAt = 1 - stepsAt;
    settle(grid.dims().get(stepsAt), Kind.STEPS);
    settle(grid.dims().get(batchAt), Kind.BATCH);
    List<Atom> steps = grid.dims().get(stepsAt);
    if (steps.isEmpty()) {
      Atom one = Atom.columns(1);
      List<Atom> columns = new ArrayList<>(List.of(one));
      columns.addAll(grid.columns());
      List<List<Atom>> dims = new ArrayList<>(grid.dims());
      dims.set(stepsAt, List.of(one));
      grid = to.columnsAsSteps(grid.with(grid.value(), columns, dims), one);
    } else if (steps.size() == 1 && steps.get(0).isColumns()) {
      grid = to.columnsAsSteps(grid, steps.get(0));
    }
    steps = grid.dims().get(stepsAt);
    List<Atom> batch = grid.dims().get(batchAt);
    boolean fits =
        steps.size() == 1
            && steps.get(0).kind == Kind.STEPS
            && (batch.isEmpty() || (batch.size() == 1 && batch.get(0).kind == Kind.BATCH))
            && grid.dims().get(2).stream().allMatch(Atom::isColumns);
    if (!fits) {
      throw new IllegalArgumentException(
          "input 0 is "
              + grid
              + "; needed time steps, sequences and columns, each in a dimension of its own");
    }
    grid = to.innermost(grid, grid.dims().get(2));
    if (grid.width() != layer.inputSize()) {
      throw new IllegalArgumentException(
          "input 0 has " + grid.width() + " columns; its weights need " + layer.inputSize());
    }
    return grid;
  }

  /** A dimension of an input that was taken for something else. */
  private static void settle(List<Atom> parts, Kind kind) {
    if (parts.size() == 1 && parts.get(0).kind != kind) {
      Atom.Origin origin = parts.get(0).origin;
      if (origin != null) {
        throw new Reconsider(origin, kind, parts.get(0).size, origin.input());
      }
    }
  }

  /** Takes note of the lengths; whether there are any. */
  private boolean lengths() {
    Value lens = to.optional(node, 4);
    Atom steps = x.steps().orElseThrow();
    if (lens == null) {
      if (x.sortedBy() != null) {
        throw new IllegalArgumentException("reads sorted sequences without their lengths");
      }
      return false;
    }
    String input;
    if (lens instanceof Given given && given.dims().size() == 1 && x.sortedBy() == null) {
      settle(given.dims().get(0), Kind.BATCH);
      input = given.input();
    } else if (lens instanceof Sorted sorted
        && sorted.what() == Sorting.LENGTHS
        && sorted.lengths().equals(x.sortedBy())) {
      input = sorted.lengths();
    } else if (lens instanceof Known known && steps.size > 0 && known.numbers().isAll(steps.size)) {
      return false; // all of their whole length
    } else {
      throw new IllegalArgumentException(
          "has lengths that are "
              + Translation.describe(lens)
              + "; needed an input of the model, in the order of the sequences");
    }
    to.countSteps(input, steps);
    return true;
  }

  // ---- the layer --------------------------------------------------------------------------------

  /** Some directions, as one stack. */
  private record Part(RnnSpec stack, int first) {}

  private List<Part> parts() {
    List<List<GateFunction>> functions = Activations.of(node, cell.functions(), directions);
    List<Part> parts = new ArrayList<>();
    if (Set.copyOf(functions).size() == 1) {
      parts.add(
          new Part(
              stack(
                  Direction.valueOf(direction.toUpperCase(java.util.Locale.ROOT)),
                  functions.get(0)),
              0));
    } else {
      parts.add(new Part(stack(Direction.FORWARD, functions.get(0)), 0));
      parts.add(new Part(stack(Direction.REVERSE, functions.get(1)), 1));
    }
    return parts;
  }

  private RnnSpec stack(Direction which, List<GateFunction> functions) {
    boolean relu = functions.equals(CellType.RNN_RELU.functions());
    CellType kind = cell == CellType.RNN_TANH && relu ? CellType.RNN_RELU : cell;
    float clip = node.number("clip", 0);
    if (node.has("clip") && !(clip > 0)) {
      throw new IllegalArgumentException("attribute 'clip' is " + clip + "; needed more than 0");
    }
    CellOptions.Builder options = CellOptions.builder().gateClip(clip);
    if (isLstm) {
      options.coupledGates(node.flag("input_forget", false));
    }
    if (!functions.equals(kind.functions())) {
      options.activations(functions.toArray(GateFunction[]::new));
    }
    return RnnSpec.of(kind, x.width(), hiddenSize)
        .withDirection(which)
        .withOptions(options.build());
  }

  private void translate() {
    boolean hasLengths = lengths();
    List<Part> parts = parts();
    List<String> nodes = new ArrayList<>();
    String name = to.nodeName(to.known(node, 1), node.type().toLowerCase(java.util.Locale.ROOT));
    // A stack's weights have the number of their layer behind its name.
    name = LAYER.matcher(name).replaceFirst("");
    for (Part part : parts) {
      nodes.add(add(name, part));
    }
    outputs(nodes, hasLengths);
  }

  private String add(String name, Part part) {
    OnnxCell layout = new OnnxCell(part.stack());
    int count = part.stack().directions();
    OnnxCell.Tensors tensors =
        new OnnxCell.Tensors(
            Objects.requireNonNull(slice(1, part.first(), count)),
            Objects.requireNonNull(slice(2, part.first(), count)),
            slice(3, part.first(), count),
            isLstm ? slice(7, part.first(), count) : null);
    List<Object> key = new ArrayList<>(List.of(to.known(node, 1), to.known(node, 2), part.first()));
    for (int input : new int[] {3, 7}) {
      if (to.optional(node, input) != null && (input == 3 || isLstm)) {
        key.add(to.known(node, input));
      }
    }
    List<String> inputs = new ArrayList<>(List.of(x.value()));
    String state = state(part);
    if (state != null) {
      inputs.add(state);
    }
    return to.draft.add(
        name, new Recurrent(part.stack()), inputs, List.of(new Weights(key, layout.ours(tensors))));
  }

  /** Of an input {@code [D,…]} the directions of a part; null if it is left out. */
  private float @Nullable [] slice(int input, int first, int count) {
    if (to.optional(node, input) == null) {
      return null;
    }
    Numbers numbers = to.known(node, input);
    int gates = OnnxCell.gates(cell).length();
    int each = numbers.elements() / directions;
    int needed =
        switch (input) {
          case 3 -> 2 * gates * hiddenSize;
          case 7 -> 3 * hiddenSize;
          default -> each;
        };
    int[] dims = numbers.dims();
    int rank = input == 3 || input == 7 ? 2 : 3;
    if (dims.length != rank || dims[0] != directions || each != needed) {
      throw new IllegalArgumentException(
          "input "
              + input
              + " has the sizes "
              + Arrays.toString(dims)
              + "; needed ["
              + directions
              + ", "
              + needed
              + "]");
    }
    float[] all = to.reals(node, input);
    return directions == count
        ? all
        : Arrays.copyOfRange(all, first * each, (first + count) * each);
  }

  // ---- states -----------------------------------------------------------------------------------

  /** The state that a part starts from; null for zeros. */
  private @Nullable String state(Part part) {
    int states = isLstm ? 2 : 1;
    List<Value> given = new ArrayList<>();
    boolean any = false;
    boolean computed = false;
    for (int s = 0; s < states; s++) {
      Value value = to.optional(node, 5 + s);
      if (value != null && !(value instanceof Known) && !(value instanceof Grid)) {
        throw new IllegalArgumentException(
            "starts from " + Translation.describe(value) + "; needed real numbers");
      }
      boolean zero = value == null || (value instanceof Known known && known.numbers().isAll(0));
      given.add(zero ? Known.of(Numbers.of(new int[] {1, 1, 1}, new float[1])) : value);
      any |= !zero;
      computed |= value instanceof Grid;
    }
    if (!any) {
      return null;
    }
    int count = part.stack().directions();
    if (!computed) {
      float[] values = new float[count * states * hiddenSize];
      for (int s = 0; s < states; s++) {
        float[] one = learned(given.get(s), part);
        for (int d = 0; d < count; d++) {
          System.arraycopy(one, d * hiddenSize, values, (d * states + s) * hiddenSize, hiddenSize);
        }
      }
      List<Object> key = new ArrayList<>();
      given.forEach(value -> key.add(((Known) value).numbers().array()));
      key.add(part.first());
      return to.draft.add(
          to.stateName(((Known) given.get(0)).numbers()),
          new InitialState(count, states, hiddenSize),
          List.of(),
          List.of(new Weights(key, List.of(values))));
    }
    List<String> vectors = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      vectors.add(
          given.get(s) instanceof Grid grid
              ? vector(grid, part)
              : to.draft.add(
                  NetworkDraft.VECTOR,
                  new LearnedVector(count * hiddenSize),
                  List.of(to.draft.add("step", new TimeStep(0), x.value())),
                  List.of(Weights.of(learned(given.get(s), part)))));
    }
    return to.draft.add("state", new VectorsState(count, states, hiddenSize), vectors, List.of());
  }

  /** A state that is the same for every sequence: {@code [d,H]}. */
  private float[] learned(Value value, Part part) {
    Numbers numbers = ((Known) value).numbers();
    int count = part.stack().directions();
    float[] values = new float[count * hiddenSize];
    int[] dims = numbers.dims();
    if (dims.length != 3) {
      throw new IllegalArgumentException(
          "starts from a state of the sizes " + Arrays.toString(dims) + "; needed three");
    }
    int blocksAt = batchFirst ? 1 : 0;
    int batchAt = 1 - blocksAt;
    if (numbers.isAll(0)) {
      return values;
    }
    boolean fits =
        (dims[blocksAt] == 1 || dims[blocksAt] == directions)
            && (dims[2] == 1 || dims[2] == hiddenSize);
    if (!fits) {
      throw new IllegalArgumentException(
          "starts from a state of the sizes " + Arrays.toString(dims));
    }
    for (int d = 0; d < count; d++) {
      for (int j = 0; j < hiddenSize; j++) {
        for (int b = 0; b < dims[batchAt]; b++) {
          int block = dims[blocksAt] == 1 ? 0 : d + part.first();
          int outer = batchFirst ? b * dims[1] + block : block * dims[1] + b;
          float number = numbers.reals()[outer * dims[2] + (dims[2] == 1 ? 0 : j)];
          if (b > 0 && number != values[d * hiddenSize + j]) {
            throw new IllegalArgumentException(
                "starts from states that stand in the file, others for each of "
                    + dims[batchAt]
                    + " sequences; needed the same for all");
          }
          values[d * hiddenSize + j] = number;
        }
      }
    }
    return values;
  }

  /** A computed state {@code [D,B,H]} as {@code [B,d·H]}. */
  private String vector(Grid given, Part part) {
    if (given.dims().size() != 3 || given.likeliest()) {
      throw new IllegalArgumentException(
          "starts from " + given + "; needed three dimensions of real numbers");
    }
    int blocksAt = batchFirst ? 1 : 0;
    settle(given.dims().get(1 - blocksAt), Kind.BATCH);
    for (Atom atom : given.dims().get(blocksAt)) {
      if (!atom.isColumns() && atom.origin != null) {
        throw new Reconsider(atom.origin, Kind.COLUMNS, directions, "");
      }
    }
    if (!Objects.equals(given.sortedBy(), x.sortedBy())) {
      throw new IllegalArgumentException(
          "starts from states in another order than that of the sequences");
    }
    List<Atom> order = new ArrayList<>(given.dims().get(blocksAt));
    order.addAll(given.dims().get(2));
    boolean fits =
        order.stream().allMatch(Atom::isColumns)
            && given.steps().isEmpty()
            && Grid.width(given.dims().get(blocksAt)) == directions
            && Grid.width(given.dims().get(2)) == hiddenSize;
    if (!fits) {
      throw new IllegalArgumentException(
          "starts from " + given + "; needed " + directions + " states of " + hiddenSize);
    }
    Grid grid = to.ordered(given, order);
    int count = part.stack().directions();
    if (count < directions) {
      int[] columns = new int[count * hiddenSize];
      for (int i = 0; i < columns.length; i++) {
        columns[i] = part.first() * hiddenSize + i;
      }
      Atom atom = Atom.columns(columns.length);
      grid = to.columns(grid, columns, List.of(atom), List.of(List.of(atom)));
    }
    return grid.value();
  }

  // ---- outputs ----------------------------------------------------------------------------------

  private void outputs(List<String> nodes, boolean hasLengths) {
    Atom blocks = Atom.columns(directions);
    Atom hidden = Atom.columns(hiddenSize);
    List<Atom> columns = directions == 1 ? List.of(hidden) : List.of(blocks, hidden);
    List<Atom> block = directions == 1 ? List.of() : List.of(blocks);
    List<Atom> steps = x.dims().get(batchFirst ? 1 : 0);
    List<Atom> batch = x.dims().get(batchFirst ? 0 : 1);
    String y = joined(nodes);
    to.zeroAtEnds.add(y);
    if (hasLengths) {
      to.zeroPadded.add(y);
    }
    to.output(
        node,
        0,
        x.with(
            y,
            columns,
            batchFirst
                ? List.of(batch, steps, block, List.of(hidden))
                : List.of(steps, block, batch, List.of(hidden))));
    for (int s = 0; s < (isLstm ? 2 : 1); s++) {
      if (!node.hasOutput(1 + s)) {
        continue;
      }
      List<String> vectors = new ArrayList<>();
      for (String each : nodes) {
        vectors.add(to.draft.add("state", new StateVectors(s), each + "." + Recurrent.FINAL_STATE));
      }
      to.output(
          node,
          1 + s,
          x.with(
              joined(vectors),
              columns,
              batchFirst
                  ? List.of(batch, block, List.of(hidden))
                  : List.of(block, batch, List.of(hidden))));
    }
  }

  private String joined(List<String> values) {
    return values.size() == 1
        ? values.get(0)
        : to.draft.add("directions", new Concatenation(), values, List.of());
  }
}
