package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.TensorProto.DataType;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.module.BringsSteps;
import dev.sequor.module.LastStep;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Module;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.Pool;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatAlong;
import dev.sequor.module.Reverse;
import dev.sequor.module.ValueShape;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A network on its way into a graph. Its values are tensors as the network has them: sequences
 * {@code [T,B,W]}, tokens {@code [T,B]}, vectors {@code [B,W]}, states as {@link StateTensors} has
 * them. Of a sequence what is past an end is as the network has it only if something {@linkplain
 * #observed looks at it}.
 */
final class Writing {
  static final String BATCH = "batch";

  /** One value, in each of the forms that it has been needed in so far. */
  private static final class Written {
    @Nullable String tensor;

    /** A vector as so many blocks, {@code [blocks,B,W/blocks]}. */
    final Map<Integer, String> blocks = new HashMap<>();

    /** {@code [W]}, the same in every row. */
    @Nullable String everywhere;

    @Nullable StateTensors state;
  }

  /** A dimension of a tensor whose size is a size that the file leaves open. */
  private record Measured(String tensor, int dimension) {}

  final GraphDraft graph;
  final Network network;
  private final Map<String, ValueShape> shapes;
  private final Map<String, NamedTensor> parameters = new HashMap<>();
  private final Map<String, Network.Node> nodes = new HashMap<>();
  private final Map<String, Written> values = new HashMap<>();

  /** Sizes that the file does not leave open: of time axes, and of the batch. */
  private final Map<String, Integer> fixed = new HashMap<>();

  private final Map<String, Measured> measures = new HashMap<>();
  private final Map<String, String> measured = new HashMap<>();

  /** By time axis, {@code [B]} of INT64. */
  private final Map<String, String> lengths = new HashMap<>();

  private final Map<String, String> casts = new HashMap<>();
  private final Map<String, String> masks = new HashMap<>();
  private final Set<String> observed;

  /** The nodes that an output depends on. */
  final List<Network.Node> needed;

  Writing(GraphDraft graph, ExchangedModel model) {
    this.graph = graph;
    this.network = model.network();
    this.shapes = network.shapes();
    model.parameters().forEach(tensor -> parameters.put(tensor.name(), tensor));
    for (Network.Node node : network.nodes()) {
      nodes.put(node.name(), node);
      if (node.module() instanceof BringsSteps brings) {
        fixed.put(brings.axis(), brings.steps());
      }
    }
    this.needed = neededNodes(network);
    this.observed = observed(network, needed);
  }

  /** The nodes that an output depends on. */
  private static List<Network.Node> neededNodes(Network network) {
    Set<String> read = new HashSet<>(network.outputs());
    List<Network.Node> needed = new ArrayList<>();
    List<Network.Node> nodes = network.nodes();
    for (int i = nodes.size() - 1; i >= 0; i--) {
      Network.Node node = nodes.get(i);
      boolean isRead =
          read.stream().anyMatch(v -> v.equals(node.name()) || v.startsWith(node.name() + "."));
      if (isRead) {
        needed.add(0, node);
        read.addAll(node.inputs());
      }
    }
    return needed;
  }

  // ---- what is past the ends --------------------------------------------------------------------

  /** The values of which something reads what is past the ends of sequences. */
  private static Set<String> observed(Network network, List<Network.Node> needed) {
    Set<String> observed = new HashSet<>(network.outputs());
    for (int i = needed.size() - 1; i >= 0; i--) {
      Network.Node node = needed.get(i);
      Module module = node.module();
      boolean knowsEnds =
          module instanceof Recurrent
              || module instanceof LastStep
              || module instanceof Pool
              || module instanceof Reverse
              || module instanceof RepeatAlong
              || module instanceof LearnedVector;
      boolean isObserved =
          observed.contains(node.name())
              || !(network.shapes().get(node.name()) instanceof ValueShape.Sequence
                  || network.shapes().get(node.name()) instanceof ValueShape.Tokens);
      if (isObserved && !knowsEnds) {
        observed.addAll(node.inputs());
      }
    }
    return observed;
  }

  /** Whether something reads what is past the ends of {@code value}. */
  boolean isObserved(String value) {
    return observed.contains(value);
  }

  /** Whether what is past the ends of {@code value} is to be as the network has it. */
  boolean needsEnds(String value) {
    return observed.contains(value) && lengths.containsKey(shape(value).axis());
  }

  /** {@code tensor [T,B,W]} of {@code value} with zeros past the ends, if that matters. */
  String zeroedIfObserved(String value, String tensor) {
    return needsEnds(value) ? zeroed(shape(value).axis(), tensor, value) : tensor;
  }

  /** {@code tensor [T,B,W]} with zeros past the ends of the sequences of an axis. */
  String zeroed(String axis, String tensor, String wanted) {
    return where(mask(axis), tensor, graph.number(0), wanted);
  }

  String where(String condition, String yes, String no, String wanted) {
    return graph.add("Where", wanted, List.of(condition, yes, no));
  }

  /** {@code [T,B,1]}: which steps are there. */
  String mask(String axis) {
    String length = Objects.requireNonNull(lengths.get(axis));
    return masks.computeIfAbsent(
        axis,
        name -> {
          String steps =
              graph.add(
                  "Range",
                  name + ".numbers",
                  List.of(graph.integer(0), scalar(size(name)), graph.integer(1)));
          String column =
              graph.add("Unsqueeze", name + ".steps", List.of(steps, graph.integers(1)));
          String there = graph.add("Less", name + ".there", List.of(column, length));
          return graph.add("Unsqueeze", name + ".mask", List.of(there, graph.integers(2)));
        });
  }

  /** {@code [B]} of INT64; null if all sequences have all steps. */
  @Nullable String lengths(String axis) {
    return lengths.get(axis);
  }

  void putLengths(String axis, String tensor) {
    lengths.put(axis, tensor);
  }

  /** {@code [B]} of INT32, as the recurrent operators have it; empty for none. */
  String sequenceLengths(String axis) {
    @Nullable String length = lengths.get(axis);
    return length == null
        ? ""
        : casts.computeIfAbsent(axis, name -> cast(length, DataType.INT32, name + ".int32"));
  }

  /** {@code [B,1]}: which sequences have a step. */
  String hasSteps(String axis) {
    String length = Objects.requireNonNull(lengths.get(axis));
    return masks.computeIfAbsent(
        axis + " any",
        key -> {
          String any = graph.add("Greater", axis + ".any", List.of(length, graph.integer(0)));
          return graph.add("Unsqueeze", axis + ".any", List.of(any, graph.integers(1)));
        });
  }

  String cast(String tensor, DataType type, String wanted) {
    return graph.add(
        "Cast", wanted, List.of(tensor), GraphDraft.attribute("to", (long) type.getNumber()));
  }

  // ---- sizes ------------------------------------------------------------------------------------

  /** Takes note of a size that is not open. */
  void fix(String name, int size) {
    Integer known = fixed.putIfAbsent(name, size);
    if (known != null && known != size) {
      throw new IllegalArgumentException(
          "'" + name + "' has the size " + known + " and the size " + size);
    }
  }

  /** Takes note of where an open size can be read. */
  void measure(String name, String tensor, int dimension) {
    measures.putIfAbsent(name, new Measured(tensor, dimension));
  }

  /** The size of a time axis, or of the batch. */
  Dim size(String name) {
    Integer known = fixed.get(name);
    return known == null ? Dim.open(name) : Dim.of(known);
  }

  Dim batch() {
    return size(BATCH);
  }

  /** The dimensions of a value's tensor, of a state those of one vector. */
  List<Dim> dims(ValueShape shape) {
    if (shape instanceof ValueShape.Tokens) {
      return List.of(size(shape.axis()), batch());
    }
    Dim width = Dim.of(shape.width());
    if (shape instanceof ValueShape.Sequence) {
      return List.of(size(shape.axis()), batch(), width);
    }
    return shape instanceof ValueShape.State state
        ? List.of(Dim.of(state.blocks()), batch(), width)
        : List.of(batch(), width);
  }

  /** {@code [1]} of INT64: an open size. */
  private String measured(String name) {
    return measured.computeIfAbsent(
        name,
        key -> {
          Measured at = measures.get(key);
          if (at == null) {
            throw new IllegalArgumentException(
                "the size '" + key + "' is that of no dimension of an input");
          }
          String shape = graph.add("Shape", key + ".shape", List.of(at.tensor()));
          return graph.add("Gather", key + ".size", List.of(shape, graph.integers(at.dimension())));
        });
  }

  /** One size, without dimensions. */
  private String scalar(Dim size) {
    return size.isKnown()
        ? graph.integer(size.count())
        : graph.add("Squeeze", size.said() + ".scalar", List.of(vector(size), graph.integers(0)));
  }

  /** One size, {@code [1]}. */
  private String vector(Dim size) {
    if (size.isKnown()) {
      return graph.integers(size.count());
    }
    @Nullable String product = size.count() == 1 ? null : graph.integers(size.count());
    for (String name : size.open()) {
      String factor = measured(name);
      product = product == null ? factor : graph.add("Mul", "size", List.of(product, factor));
    }
    return Objects.requireNonNull(product);
  }

  /** {@code [n]} of INT64: sizes. */
  String sizes(List<Dim> dims) {
    if (dims.stream().allMatch(Dim::isKnown)) {
      return graph.integers(dims.stream().mapToLong(Dim::count).toArray());
    }
    List<String> parts = dims.stream().map(this::vector).toList();
    return parts.size() == 1
        ? parts.get(0)
        : graph.add("Concat", "sizes", parts, GraphDraft.attribute("axis", 0));
  }

  // ---- views ------------------------------------------------------------------------------------

  /** The same elements in other dimensions. */
  String reshape(String tensor, List<Dim> from, List<Dim> to, String wanted) {
    if (from.equals(to)) {
      return tensor;
    }
    long[] said = new long[to.size()];
    int open = 0;
    for (int d = 0; d < said.length; d++) {
      Dim size = to.get(d);
      if (size.isKnown()) {
        said[d] = size.count();
      } else if (d < from.size() && from.get(d).equals(size)) {
        said[d] = 0;
      } else {
        said[d] = -1;
        open++;
      }
    }
    String sizes = open <= 1 ? graph.integers(said) : sizes(to);
    return graph.add("Reshape", wanted, List.of(tensor, sizes));
  }

  String transpose(String tensor, List<Integer> order, String wanted) {
    return order.equals(IntStream.range(0, order.size()).boxed().toList())
        ? tensor
        : graph.add("Transpose", wanted, List.of(tensor), GraphDraft.integers("perm", order));
  }

  String squeeze(String tensor, int dimension, String wanted) {
    return graph.add("Squeeze", wanted, List.of(tensor, graph.integers(dimension)));
  }

  String unsqueeze(String tensor, int dimension, String wanted) {
    return graph.add("Unsqueeze", wanted, List.of(tensor, graph.integers(dimension)));
  }

  /** Some of a dimension. */
  String slice(String tensor, int dimension, long first, long end, String wanted) {
    return graph.add(
        "Slice",
        wanted,
        List.of(tensor, graph.integers(first), graph.integers(end), graph.integers(dimension)));
  }

  /** One of a dimension, which is gone then. */
  String pick(String tensor, int dimension, long index, String wanted) {
    return graph.add(
        "Gather",
        wanted,
        List.of(tensor, graph.integer(index)),
        GraphDraft.attribute("axis", dimension));
  }

  String concat(List<String> tensors, int dimension, String wanted) {
    return tensors.size() == 1
        ? tensors.get(0)
        : graph.add("Concat", wanted, tensors, GraphDraft.attribute("axis", dimension));
  }

  // ---- weights ----------------------------------------------------------------------------------

  /** The node that a block of tensors belongs to, which may be one before this, and its tensors. */
  record Block(String node, List<NamedTensor> tensors) {
    String name(int tensor) {
      return tensors.get(tensor).name();
    }
  }

  /** Block number {@code number} of a node's tensors. */
  Block block(Network.Node node, int number) {
    List<TensorSpec> own = node.module().parameters().get(number).tensors();
    for (Network.Shared shared : node.shared()) {
      if (shared.tensor().equals(own.get(0).name())) {
        return shared(shared.of());
      }
    }
    return new Block(
        node.name(),
        own.stream()
            .map(spec -> Objects.requireNonNull(parameters.get(node.name() + "." + spec.name())))
            .toList());
  }

  private Block shared(String of) {
    for (Network.Node node : network.nodes()) {
      List<Module.Block> blocks = node.module().parameters();
      for (int i = 0; i < blocks.size(); i++) {
        if (of.equals(node.name() + "." + blocks.get(i).tensors().get(0).name())) {
          return block(node, i);
        }
      }
    }
    throw new IllegalArgumentException("shares '" + of + "', which is not there");
  }

  /** A tensor of the network in the file, as it is. */
  String weights(NamedTensor tensor) {
    return graph.weights(tensor.name(), tensor.shape(), tensor::values);
  }

  // ---- values -----------------------------------------------------------------------------------

  ValueShape shape(String value) {
    return Objects.requireNonNull(shapes.get(value), value);
  }

  private Written written(String value) {
    return Objects.requireNonNull(values.get(value), value);
  }

  private Written make(String value) {
    Written made = new Written();
    values.put(value, made);
    return made;
  }

  /** Says which tensor a value is. */
  void put(String value, String tensor) {
    make(value).tensor = tensor;
  }

  /** Says which tensors a state is. */
  void putState(String value, StateTensors state) {
    make(value).state = state;
  }

  /** Says which tensor a vector is, seen as blocks {@code [blocks,B,W/blocks]}. */
  void putBlocks(String value, int blocks, String tensor) {
    make(value).blocks.put(blocks, tensor);
  }

  /** Says which numbers {@code [W]} all rows of a value are. */
  void putEverywhere(String value, String weights) {
    make(value).everywhere = weights;
  }

  /** What all rows of a value are, {@code [W]}; null if it has rows of its own. */
  @Nullable String everywhere(String value) {
    return written(value).everywhere;
  }

  /** The tensor that a value is; not for states. */
  String tensor(String value) {
    Written made = written(value);
    @Nullable String known = made.tensor;
    if (known != null) {
      return known;
    }
    ValueShape shape = shape(value);
    List<Dim> dims = dims(shape);
    String tensor;
    if (made.everywhere != null) {
      tensor = graph.add("Expand", value, List.of(made.everywhere, sizes(dims)));
    } else {
      int blocks = made.blocks.keySet().iterator().next();
      String parts = Objects.requireNonNull(made.blocks.get(blocks));
      if (blocks == 1) {
        tensor = squeeze(parts, 0, value);
      } else {
        Dim count = Dim.of(blocks);
        Dim width = Dim.of(shape.width() / blocks);
        String turned = transpose(parts, List.of(1, 0, 2), value + ".turned");
        tensor = reshape(turned, List.of(batch(), count, width), dims, value);
      }
    }
    made.tensor = tensor;
    return tensor;
  }

  /** The tensors that a value is: of a state one for each vector, otherwise one. */
  List<String> tensors(String value) {
    Written made = written(value);
    if (!(shape(value) instanceof ValueShape.State state)) {
      return List.of(tensor(value));
    }
    if (made.state == null) {
      String each =
          graph.add(
              "Expand",
              value,
              List.of(Objects.requireNonNull(made.everywhere), sizes(dims(state))));
      made.state =
          StateTensors.of(graph, value, state, java.util.Collections.nCopies(state.states(), each));
    }
    return made.state.all();
  }

  /** Says which tensors a value is: the inverse of {@link #tensors}. */
  void putAll(String value, List<String> tensors) {
    if (shape(value) instanceof ValueShape.State state) {
      putState(value, StateTensors.of(graph, value, state, tensors));
    } else {
      put(value, tensors.get(0));
    }
  }

  /** The tensors of a state. */
  StateTensors state(String value) {
    tensors(value);
    return Objects.requireNonNull(written(value).state);
  }

  /** A state whose tensors need not all be made. */
  StateTensors lazyState(String value) {
    @Nullable StateTensors state = written(value).state;
    return state == null ? state(value) : state;
  }

  /** A vector as blocks, {@code [blocks,B,W/blocks]}. */
  String blocks(String value, int blocks) {
    Written made = written(value);
    @Nullable String known = made.blocks.get(blocks);
    if (known != null) {
      return known;
    }
    Dim count = Dim.of(blocks);
    Dim width = Dim.of(shape(value).width() / blocks);
    String tensor;
    if (made.everywhere != null) {
      String one =
          graph.add(
              "Reshape",
              value + ".blocks",
              List.of(made.everywhere, graph.integers(blocks, 1, width.count())));
      tensor =
          graph.add(
              "Expand", value + ".blocks", List.of(one, sizes(List.of(count, batch(), width))));
    } else if (blocks == 1) {
      tensor = unsqueeze(tensor(value), 0, value + ".blocks");
    } else {
      String parts =
          reshape(
              tensor(value), dims(shape(value)), List.of(batch(), count, width), value + ".parts");
      tensor = transpose(parts, List.of(1, 0, 2), value + ".blocks");
    }
    made.blocks.put(blocks, tensor);
    return tensor;
  }

  /** The recurrent stack that a value is the sequence of; null if it is none's. */
  Network.@Nullable Node recurrent(String value) {
    Network.Node node = nodes.get(value);
    return node != null && node.module() instanceof Recurrent ? node : null;
  }

  /** Whether a table of embeddings is this tensor. */
  boolean isTable(String tensor) {
    for (Network.Node node : network.nodes()) {
      if (node.module() instanceof dev.sequor.module.Embedding
          && block(node, 0).name(0).equals(tensor)) {
        return true;
      }
    }
    return false;
  }
}
