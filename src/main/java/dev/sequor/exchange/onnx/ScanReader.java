package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.sequor.backend.Direction;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.draft.GateRows;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.exchange.onnx.Value.Counted;
import dev.sequor.exchange.onnx.Value.Counting;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.exchange.onnx.Value.Known;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.InitialState;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Recurrent;
import dev.sequor.module.StateVectors;
import dev.sequor.module.TimeStep;
import dev.sequor.module.VectorsState;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A Scan that is a cell which ONNX does not have, as {@link ScanWriter} writes it: what the cell
 * may be is guessed, written again, and compared with the file. Any other Scan is refused.
 */
final class ScanReader {
  /** Behind the name of a stack, which layer and direction weights are of. */
  private static final Pattern PLACE =
      Pattern.compile("\\.layers\\.\\d+\\.(forward|backward)\\..*$");

  /** More nodes than there are between a sequence and what a Scan gets of it. */
  private static final int MOST_BEFORE = 8;

  private final OnnxNode node;
  private final Translation to;
  private final GraphProto body;
  private final int states;
  private final int products;
  private final @Nullable Counted mask;
  private final boolean backward;
  private final Map<String, NodeProto> bodyMakers = new HashMap<>();
  private final RnnSpec one;

  private ScanReader(OnnxNode node, Translation to) {
    this.node = node;
    this.to = to;
    this.body = node.graph("body");
    int inputs = node.inputs().size();
    int scans = (int) Math.max(0, Math.min(inputs, node.integer("num_scan_inputs", 0)));
    this.states = inputs - scans;
    Value last = to.input(node, Math.max(0, inputs - 1));
    this.mask = last instanceof Counted counted ? counted : null;
    this.products = scans - (mask == null ? 0 : 1);
    List<Long> directions = directions("scan_input_directions");
    List<Long> outputs = directions("scan_output_directions");
    this.backward = outputs.contains(1L);
    boolean fits =
        states > 0
            && products > 0
            && body.getInputCount() == inputs
            && body.getOutputCount() == states + 1
            && body.getInitializerCount() == 0
            && directions.equals(Collections.nCopies(scans, backward ? 1L : 0L))
            && outputs.equals(List.of(backward ? 1L : 0L))
            && (mask == null || (mask.what() == Counting.STEPS && mask.isColumn()));
    if (!fits) {
      throw ScanGuess.none();
    }
    body.getNodeList().forEach(n -> n.getOutputList().forEach(o -> bodyMakers.put(o, n)));
    this.one =
        new ScanGuess(body, this::numbers)
            .cell(states, products, inputSize())
            .withDirection(backward ? Direction.REVERSE : Direction.FORWARD);
  }

  static void addTo(Map<String, Operator> operators) {
    operators.put("Scan", (node, to) -> new ScanReader(node, to).translate());
  }

  private List<Long> directions(String attribute) {
    @Nullable List<Long> given = node.integers(attribute);
    return given == null ? List.of() : given;
  }

  private @Nullable Numbers numbers(String name) {
    return to.made(name) instanceof Known known && known.isWhole() ? known.numbers() : null;
  }

  private @Nullable NodeProto maker(String tensor) {
    @Nullable NodeProto inBody = bodyMakers.get(tensor);
    return inBody != null ? inBody : to.maker(tensor);
  }

  /** The rows of the matrix that the sequence is multiplied with. */
  private int inputSize() {
    String tensor = node.input(states);
    for (int i = 0; i < MOST_BEFORE; i++) {
      @Nullable NodeProto maker = to.maker(tensor);
      if (maker == null || maker.getInputCount() == 0) {
        break;
      }
      @Nullable Numbers matrix = maker.getInputCount() > 1 ? numbers(maker.getInput(1)) : null;
      if (maker.getOpType().equals("MatMul") && matrix != null && matrix.rank() == 2) {
        return matrix.dims()[0];
      }
      tensor = maker.getInput(0);
    }
    throw ScanGuess.none();
  }

  // ---- the comparison ---------------------------------------------------------------------------

  /** What a cell has in the file. */
  private record Found(String x, Map<ScanCell.Part, Numbers> parts) {}

  private Found found() {
    GraphDraft draft = new GraphDraft(to.file.opset(), Set.of("x"));
    ScanCell cell = new ScanCell(draft, one, "scan", zeros());
    List<String> given = cell.inputProducts("x");
    GraphProto step = cell.body(mask != null);
    Set<String> open = new HashSet<>();
    cell.parts().forEach(part -> open.add(part.weights()));
    GraphMatch match = new GraphMatch(draft.build("scan"), open, this::maker, this::numbers);
    match.addBody(step);
    for (int i = 0; i < body.getInputCount(); i++) {
      match.name(step.getInput(i).getName(), body.getInput(i).getName());
    }
    boolean same =
        match.areSame(names(step.getOutputList()), names(body.getOutputList()))
            && match.areSame(given, node.inputs().subList(states, states + products));
    if (!same) {
      throw ScanGuess.none();
    }
    Map<ScanCell.Part, Numbers> parts = new LinkedHashMap<>();
    for (ScanCell.Part part : cell.parts()) {
      parts.put(part, Objects.requireNonNull(numbers(match.nameOf(part.weights()))));
    }
    return new Found(match.nameOf("x"), parts);
  }

  private static List<String> names(List<ValueInfoProto> tensors) {
    return tensors.stream().map(ValueInfoProto::getName).toList();
  }

  /** Tensors of the cell's sizes, of which it does not matter what is in them. */
  private List<NamedTensor> zeros() {
    List<NamedTensor> tensors = new ArrayList<>();
    for (TensorRegion region : Parameters.regions(one.parameterLayout())) {
      to.room.take(region.elements());
      float[] values = new float[Math.toIntExact(region.elements())];
      tensors.add(new NamedTensor(region.name(), region.shape(), values));
    }
    return tensors;
  }

  /** The tensors of the stack's block, in its order. */
  private Weights weights(Found found) {
    ParameterLayout layout = one.parameterLayout();
    Map<ParameterLayout.Kind, float[]> tensors = new EnumMap<>(ParameterLayout.Kind.class);
    for (ParameterLayout.Kind kind : ParameterLayout.Kind.values()) {
      if (layout.elements(kind, 0) > 0) {
        tensors.put(kind, new float[Math.toIntExact(layout.elements(kind, 0))]);
      }
    }
    List<Object> key = new ArrayList<>(List.of(one.cell()));
    found
        .parts()
        .forEach(
            (part, numbers) -> {
              int columns = layout.columns(part.kind(), 0);
              float[] rows =
                  part.kind().isMatrix()
                      ? GateRows.transposed(numbers.reals(), columns)
                      : numbers.reals();
              float[] all = Objects.requireNonNull(tensors.get(part.kind()));
              System.arraycopy(rows, 0, all, part.first() * columns, rows.length);
              key.add(numbers.array());
            });
    return new Weights(key, List.copyOf(tensors.values()));
  }

  // ---- the layer --------------------------------------------------------------------------------

  private void translate() {
    Found found = found();
    Grid x = Recurrence.sequence(to, to.grid(to.value(found.x()), "its sequence"), false, one);
    Atom steps = x.steps().orElseThrow();
    if (mask != null) {
      if (!steps.asSize().equals(mask.steps())) {
        throw ScanGuess.none();
      }
      to.countSteps(mask.lengths().input(), steps);
    }
    List<String> inputs = new ArrayList<>(List.of(x.value()));
    @Nullable String state = state(x);
    if (state != null) {
      inputs.add(state);
    }
    Numbers recurrent =
        found.parts().entrySet().stream()
            .filter(e -> e.getKey().kind() == ParameterLayout.Kind.RECURRENT_WEIGHTS)
            .map(Map.Entry::getValue)
            .findFirst()
            .orElseThrow(ScanGuess::none);
    String called = to.weightName(recurrent);
    String name = called == null ? "" : PLACE.matcher(called).replaceFirst("");
    String layer =
        to.draft.add(
            name.isEmpty() ? one.cell().name().toLowerCase(Locale.ROOT) : name,
            new Recurrent(one),
            inputs,
            List.of(weights(found)));
    outputs(x, layer);
  }

  private int width(int vector) {
    return vector == 0 ? one.stateSize() : one.hiddenSize();
  }

  /** The state to start from; null for zeros. */
  private @Nullable String state(Grid x) {
    List<Value> given = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      given.add(to.input(node, s));
    }
    if (given.stream().allMatch(v -> v instanceof Known known && known.numbers().isAll(0))) {
      return null;
    }
    int hidden = one.hiddenSize();
    if (given.stream().allMatch(Known.class::isInstance)) {
      float[] values = new float[states * hidden];
      List<Object> key = new ArrayList<>();
      for (int s = 0; s < states; s++) {
        float[] vector = learned((Known) given.get(s), width(s));
        System.arraycopy(vector, 0, values, s * hidden, vector.length);
        key.add(((Known) given.get(s)).numbers().array());
      }
      return to.draft.add(
          to.stateName(((Known) given.get(0)).numbers()),
          new InitialState(1, states, hidden),
          List.of(),
          List.of(new Weights(key, List.of(values))));
    }
    List<String> vectors = new ArrayList<>();
    for (int s = 0; s < states; s++) {
      vectors.add(vector(given.get(s), x, width(s)));
    }
    return to.draft.add("state", new VectorsState(1, states, hidden), vectors, List.of());
  }

  /** A vector that is the same for every sequence, which stands in the file. */
  private float[] learned(Known known, int width) {
    Numbers numbers = known.numbers();
    if (numbers.rank() != 2
        || !known.shape().get(1).equals(Size.of(width))
        || !numbers.isSameAlong(0)) {
      throw new IllegalArgumentException(
          "starts from " + Translation.describe(known) + "; needed the same for all sequences");
    }
    Numbers one = numbers.dims()[0] == 1 ? numbers : numbers.select(to.room, 0, new int[1]);
    return one.expanded(to.room, new int[] {1, width}).reals();
  }

  /** A vector {@code [B,W]} as one of the hidden size. */
  private String vector(Value given, Grid x, int width) {
    if (given instanceof Known known && known.numbers().isAll(0)) {
      return constant(x, new float[one.hiddenSize()]);
    }
    Grid grid = to.grid(given, "its state");
    boolean fits =
        grid.dims().size() == 2
            && grid.steps().isEmpty()
            && grid.dims().get(1).stream().allMatch(Atom::isColumns)
            && grid.width() == width
            && Objects.equals(grid.sortedBy(), x.sortedBy());
    if (!fits) {
      throw new IllegalArgumentException(
          "starts from " + grid + "; needed a vector of " + width + " for each sequence");
    }
    String value = to.ordered(grid, grid.dims().get(1)).value();
    int missing = one.hiddenSize() - width;
    if (missing == 0) {
      return value;
    }
    // What is behind the state is not read, so it may be what is there.
    Columns some = Columns.range(one.hiddenSize(), 0, width);
    return some.equals(to.draft.module(value))
        ? to.draft.inputsOf(value).get(0)
        : to.draft.add(
            "state",
            new Concatenation(),
            List.of(value, constant(x, new float[missing])),
            List.of());
  }

  private String constant(Grid x, float[] values) {
    return to.draft.add(
        NetworkDraft.VECTOR,
        new LearnedVector(values.length),
        List.of(to.draft.add("step", new TimeStep(0), x.value())),
        List.of(Weights.of(values)));
  }

  private void outputs(Grid x, String layer) {
    List<Atom> batch = x.dims().get(1);
    for (int s = 0; s < states; s++) {
      if (!node.hasOutput(s)) {
        continue;
      }
      String vector =
          to.draft.add("state", new StateVectors(s), layer + "." + Recurrent.FINAL_STATE);
      Atom all = Atom.columns(one.hiddenSize());
      Grid whole = x.with(vector, List.of(all), List.of(batch, List.of(all)));
      Atom some = Atom.columns(width(s));
      int[] columns = java.util.stream.IntStream.range(0, width(s)).toArray();
      to.output(node, s, to.columns(whole, columns, List.of(some), List.of(batch, List.of(some))));
    }
    to.zeroAtEnds.add(layer);
    if (mask != null) {
      to.zeroPadded.add(layer);
    }
    Atom width = Atom.columns(one.stateSize());
    to.output(
        node,
        states,
        x.with(layer, List.of(width), List.of(x.dims().get(0), batch, List.of(width))));
  }
}
