package dev.sequor.module;

import dev.sequor.backend.Philox;
import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * Modules over named values: a value itself, without weights and without a device. Each node reads
 * inputs of the network or what nodes before it have made, so the nodes stand in an order in which
 * they can run. A node's main output has the node's name; another output is {@code node.output}.
 *
 * <p>An encoder whose final state is the first of a decoder, through which the gradient flows back:
 *
 * <pre>{@code
 * Network network = Network.builder()
 *     .tokens("source", 5000)
 *     .tokens("target", 5000)
 *     .add("read", new Embedding(5000, 64), "source")
 *     .add("encoder", Recurrent.of(CellType.GRU_RESET_BEFORE, 64, 128), "read")
 *     .add("write", new Embedding(5000, 64), "target").sharing("read")
 *     .add("decoder", Recurrent.of(CellType.GRU_RESET_BEFORE, 64, 128), "write", "encoder.final_state")
 *     .add("logits", new Linear(128, 5000), "decoder")
 *     .build();
 * }</pre>
 *
 * @param inputs what passes are given
 * @param nodes in the order in which they run
 * @param outputs the values whose gradients passes are given in training
 */
public record Network(List<Input> inputs, List<Node> nodes, List<String> outputs) {
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*");

  /**
   * An input.
   *
   * @param name also the name of its time axis, if it brings one
   * @param shape what it is
   */
  public record Input(String name, ValueShape shape) {
    /** Checks that both are there. */
    public Input {
      Required.present("name", name);
      Required.present("shape", shape);
    }

    /** Whether a time axis begins with this input. */
    public boolean bringsAxis() {
      return !shape.axis().isEmpty() && shape.axis().equals(name);
    }
  }

  /**
   * A block of tensors that a node has in common with a node before it.
   *
   * @param tensor the first tensor of the node's own block
   * @param of the first tensor of the block that takes its place, {@code node.tensor}
   */
  public record Shared(String tensor, String of) {
    /** Checks that both are there. */
    public Shared {
      Required.present("tensor", tensor);
      Required.present("of", of);
    }
  }

  /**
   * A module at its place.
   *
   * @param name of the node, of its main output, and before the names of its tensors
   * @param module what it does
   * @param inputs the values that it reads
   * @param shared blocks of tensors that are those of a node before it
   */
  public record Node(String name, Module module, List<String> inputs, List<Shared> shared) {
    /** Copies the lists. */
    public Node {
      Required.present("name", name);
      Required.present("module", module);
      inputs = Shapes.copy("inputs", inputs);
      shared = Shapes.copy("shared", shared);
    }
  }

  /**
   * Checks that everything fits.
   *
   * @throws IllegalArgumentException naming the first node or input that does not, and why
   */
  public Network {
    inputs = Shapes.copy("inputs", inputs);
    nodes = Shapes.copy("nodes", nodes);
    outputs = Shapes.copy("outputs", outputs);
    Map<String, ValueShape> shapes = shapes(inputs, nodes);
    if (outputs.isEmpty()) {
      throw new IllegalArgumentException("the network has no output; needed at least 1");
    }
    Set<String> seen = new HashSet<>();
    for (String output : outputs) {
      require(shapes, output, "the network's outputs");
      if (!seen.add(output)) {
        throw new IllegalArgumentException("'" + output + "' is an output twice");
      }
      if (inputs.stream().anyMatch(input -> input.name().equals(output))) {
        throw new IllegalArgumentException(
            "'" + output + "' is an input and an output; needed something in between");
      }
    }
    NetworkLayout.of(nodes);
    requireStreams(nodes);
    requireSteps(fixedSteps(nodes), unpaddedAxes(nodes, shapes));
  }

  /** Beyond them lie the random numbers of other purposes, see {@link Philox.Stream}. */
  private static void requireStreams(List<Node> nodes) {
    long streams = nodes.stream().mapToLong(node -> node.module().randomStreams()).sum();
    int most = Philox.Stream.INITIALIZER.number();
    if (streams > most) {
      throw new IllegalArgumentException(
          "the network's dropouts need "
              + streams
              + " streams of random numbers; there are "
              + most);
    }
  }

  private static Map<String, ValueShape> shapes(List<Input> inputs, List<Node> nodes) {
    Map<String, ValueShape> shapes = new LinkedHashMap<>();
    Set<String> axes = new HashSet<>();
    for (Input input : inputs) {
      put(shapes, input.name(), input.shape());
      String axis = input.shape().axis();
      boolean alongTime = isAlongTime(input.shape());
      if (input.bringsAxis() && alongTime) {
        axes.add(axis);
      } else if (!axis.isEmpty() && !axes.contains(axis)) {
        throw new IllegalArgumentException(
            "input '"
                + input.name()
                + "' runs along '"
                + axis
                + "', which no input before it"
                + " brings; known: "
                + axes);
      } else if (axis.isEmpty() && alongTime) {
        throw new IllegalArgumentException("input '" + input.name() + "' has no time axis");
      }
    }
    Set<String> beginnings = new HashSet<>();
    shapes.keySet().forEach(name -> addBeginnings(name, beginnings));
    for (Node node : nodes) {
      if (beginnings.contains(node.name())) {
        throw new IllegalArgumentException(
            "node '" + node.name() + "': names before it begin with this one and a dot");
      }
      if (node.module() instanceof BringsSteps brings && !brings.axis().equals(node.name())) {
        throw new IllegalArgumentException(
            "node '"
                + node.name()
                + "' brings a time axis '"
                + brings.axis()
                + "'; needed one of its own name");
      }
      for (Module.Output output : outputsOf(node, shapes)) {
        put(shapes, output.name(), output.shape());
        addBeginnings(output.name(), beginnings);
      }
    }
    return shapes;
  }

  private static boolean isAlongTime(ValueShape shape) {
    return shape instanceof ValueShape.Tokens || shape instanceof ValueShape.Sequence;
  }

  /** What stands before each dot of {@code name}. */
  private static void addBeginnings(String name, Set<String> to) {
    for (int dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
      to.add(name.substring(0, dot));
    }
  }

  /**
   * The outputs of a node, under their full names.
   *
   * @param shapes of the values before it at least
   */
  static List<Module.Output> outputsOf(Node node, Map<String, ValueShape> shapes) {
    List<ValueShape> given = given(node, shapes);
    List<Module.Output> made;
    try {
      made = node.module().outputs(given);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("node '" + node.name() + "': " + e.getMessage(), e);
    }
    List<Module.Output> named = new ArrayList<>();
    for (int i = 0; i < made.size(); i++) {
      String name = i == 0 ? node.name() : node.name() + "." + made.get(i).name();
      named.add(new Module.Output(name, made.get(i).shape()));
    }
    return named;
  }

  private static void put(Map<String, ValueShape> shapes, String name, ValueShape shape) {
    if (!NAME.matcher(name).matches()) {
      throw new IllegalArgumentException(
          "'" + name + "' is no name; needed letters, digits, '_', '-', and dots between them");
    }
    if (shapes.putIfAbsent(name, shape) != null) {
      throw new IllegalArgumentException("two values are called '" + name + "'");
    }
  }

  private static ValueShape require(Map<String, ValueShape> shapes, String name, String reader) {
    ValueShape shape = shapes.get(name);
    if (shape == null) {
      throw new IllegalArgumentException(
          reader
              + " reads '"
              + name
              + "', which nothing before it makes; known: "
              + shapes.keySet());
    }
    return shape;
  }

  /** The shape of every value, inputs first. */
  public Map<String, ValueShape> shapes() {
    return Collections.unmodifiableMap(shapes(inputs, nodes));
  }

  /** Where each tensor lies in the flat parameters. */
  public NetworkLayout layout() {
    return NetworkLayout.of(nodes);
  }

  /**
   * An extent with the time axes that are brought by nodes, whose steps are fixed.
   *
   * @throws IllegalArgumentException if it has such an axis with another number of steps, or steps
   *     that a node reads by their numbers are not there
   */
  public Extent complete(Extent extent) {
    Extent all = Required.present("extent", extent).with(fixedSteps());
    requireSteps(all.timeSteps(), unpaddedAxes());
    return all;
  }

  /**
   * How many steps there have to be along the time axes that a node reads by the numbers of steps:
   * sequences are not to be padded along those.
   */
  public Map<String, ReadsSteps.Needed> unpaddedAxes() {
    return unpaddedAxes(nodes, shapes(inputs, nodes));
  }

  private static Map<String, ReadsSteps.Needed> unpaddedAxes(
      List<Node> nodes, Map<String, ValueShape> shapes) {
    Map<String, ReadsSteps.Needed> axes = new LinkedHashMap<>();
    for (Node node : nodes) {
      if (node.module() instanceof ReadsSteps reads) {
        String axis = given(node, shapes).get(0).axis();
        axes.merge(axis, reads.neededSteps(), (one, other) -> one.and(other, axis));
      }
    }
    return axes;
  }

  private static void requireSteps(
      Map<String, Integer> timeSteps, Map<String, ReadsSteps.Needed> needed) {
    timeSteps.forEach(
        (axis, steps) -> {
          ReadsSteps.Needed range = needed.get(axis);
          if (range != null) {
            range.require(axis, steps);
          }
        });
  }

  /** The steps of the time axes that are not brought by inputs, by the axes' names. */
  Map<String, Integer> fixedSteps() {
    return fixedSteps(nodes);
  }

  private static Map<String, Integer> fixedSteps(List<Node> nodes) {
    Map<String, Integer> steps = new LinkedHashMap<>();
    for (Node node : nodes) {
      if (node.module() instanceof BringsSteps brings) {
        steps.put(node.name(), brings.steps());
      }
    }
    return steps;
  }

  /**
   * The states that passes may carry from window to window, by the name of their node. A node that
   * is given a state which depends on an input of the network starts from that one each time, and
   * carries none; one whose given state depends on weights alone starts its sequences from there.
   */
  public Map<String, ValueShape.State> carriedStates() {
    Map<String, ValueShape> shapes = shapes(inputs, nodes);
    Set<String> varying = varying();
    Map<String, ValueShape.State> states = new LinkedHashMap<>();
    for (Node node : nodes) {
      ValueShape.State state = node.module().carriedState(given(node, shapes));
      if (state != null && givenStates(node, shapes).stream().noneMatch(varying::contains)) {
        states.put(node.name(), state);
      }
    }
    return states;
  }

  /** The nodes that carry a state, and start their sequences from one that they are given. */
  Set<String> startingNodes() {
    Map<String, ValueShape> shapes = shapes(inputs, nodes);
    Set<String> carrying = carriedStates().keySet();
    Set<String> starting = new LinkedHashSet<>();
    for (Node node : nodes) {
      if (carrying.contains(node.name()) && !givenStates(node, shapes).isEmpty()) {
        starting.add(node.name());
      }
    }
    return starting;
  }

  /**
   * Whether a window may hold the next steps of the sequences of the one before: not if some module
   * needs whole sequences, starts from a state that depends on an input, or repeats along the steps
   * of a window what the window's end decides.
   */
  public boolean canContinue() {
    Map<String, ValueShape> shapes = shapes(inputs, nodes);
    Set<String> carrying = carriedStates().keySet();
    Set<String> ofTime = dependingOn(input -> isAlongTime(input.shape()));
    for (Node node : nodes) {
      List<ValueShape> given = given(node, shapes);
      if (node.module() instanceof RepeatAlong && ofTime.contains(node.inputs().get(0))) {
        return false;
      }
      boolean carries = node.module().carriedState(given) != null;
      if (!node.module().canContinue(given) || (carries && !carrying.contains(node.name()))) {
        return false;
      }
    }
    return true;
  }

  /** The values that depend on an input of the network, and not on weights alone. */
  private Set<String> varying() {
    return dependingOn(input -> true);
  }

  private Set<String> dependingOn(Predicate<Input> which) {
    Map<String, ValueShape> shapes = new LinkedHashMap<>();
    Set<String> varying = new HashSet<>();
    for (Input input : inputs) {
      shapes.put(input.name(), input.shape());
      if (which.test(input)) {
        varying.add(input.name());
      }
    }
    for (Node node : nodes) {
      boolean varies = node.inputs().stream().anyMatch(varying::contains);
      for (Module.Output output : outputsOf(node, shapes)) {
        shapes.put(output.name(), output.shape());
        if (varies) {
          varying.add(output.name());
        }
      }
    }
    return varying;
  }

  private static List<String> givenStates(Node node, Map<String, ValueShape> shapes) {
    return node.inputs().stream()
        .filter(input -> shapes.get(input) instanceof ValueShape.State)
        .toList();
  }

  private static List<ValueShape> given(Node node, Map<String, ValueShape> shapes) {
    return node.inputs().stream()
        .map(input -> require(shapes, input, "node '" + node.name() + "'"))
        .toList();
  }

  /** Begins an empty network. */
  public static Builder builder() {
    return new Builder();
  }

  /** Collects a network; {@link #build()} checks it. */
  public static final class Builder {
    private final List<Input> inputs = new ArrayList<>();
    private final List<Node> nodes = new ArrayList<>();
    private final List<String> outputs = new ArrayList<>();

    private Builder() {}

    /** An input of tokens 0…V−1 {@code [T,B]}, which brings a time axis of its own. */
    public Builder tokens(String name, int vocabularySize) {
      return input(name, new ValueShape.Tokens(name, vocabularySize));
    }

    /** An input of real vectors {@code [T,B,width]}, which brings a time axis of its own. */
    public Builder vectors(String name, int width) {
      return input(name, new ValueShape.Sequence(name, width));
    }

    /** An input of any shape, for example along the time axis of another. */
    public Builder input(String name, ValueShape shape) {
      inputs.add(new Input(name, shape));
      return this;
    }

    /** A module that reads {@code values}. */
    public Builder add(String name, Module module, String... values) {
      nodes.add(
          new Node(name, module, Arrays.asList(Required.present("values", values)), List.of()));
      return this;
    }

    /**
     * Modules on top of each other: {@code name.0} reads {@code value}, {@code name.1} that, ...
     */
    public Builder addAll(String name, List<? extends Module> modules, String value) {
      Required.present("name", name);
      Shapes.copy("modules", modules);
      String below = value;
      for (int i = 0; i < modules.size(); i++) {
        add(name + "." + i, modules.get(i), below);
        below = name + "." + i;
      }
      return this;
    }

    /**
     * All tensors of the node added last are those of {@code node}.
     *
     * @throws IllegalStateException if no node has been added
     * @throws IllegalArgumentException if there is no such node, or it has other tensors
     */
    public Builder sharing(String node) {
      Node last = last();
      Node other =
          nodes.subList(0, nodes.size() - 1).stream()
              .filter(n -> n.name().equals(node))
              .findFirst()
              .orElseThrow(
                  () -> new IllegalArgumentException("there is no node '" + node + "' to share"));
      List<Module.Block> own = last.module().parameters();
      List<Module.Block> others = other.module().parameters();
      if (own.size() != others.size()) {
        throw new IllegalArgumentException(
            "'"
                + last.name()
                + "' has "
                + own.size()
                + " blocks of tensors, '"
                + node
                + "' "
                + others.size()
                + "; needed as many");
      }
      for (int i = 0; i < own.size(); i++) {
        sharing(
            own.get(i).tensors().get(0).name(), node + "." + others.get(i).tensors().get(0).name());
      }
      return this;
    }

    /**
     * One block of tensors of the node added last, named by its first tensor, is that of a node
     * before it: the output weights {@code [V,width]} of a language model, for example, may be its
     * embedding.
     *
     * @param tensor for example {@code weights}
     * @param of for example {@code embedding.weights}
     */
    public Builder sharing(String tensor, String of) {
      Node last = last();
      List<Shared> shared = new ArrayList<>(last.shared());
      shared.add(new Shared(tensor, of));
      nodes.set(nodes.size() - 1, new Node(last.name(), last.module(), last.inputs(), shared));
      return this;
    }

    private Node last() {
      if (nodes.isEmpty()) {
        throw new IllegalStateException("no node has been added that could share");
      }
      return nodes.get(nodes.size() - 1);
    }

    /** An output of the network; unless there is one, the main output of the last node is it. */
    public Builder output(String value) {
      outputs.add(Required.present("value", value));
      return this;
    }

    /**
     * The network.
     *
     * @throws IllegalArgumentException naming the first node or input that does not fit, and why
     */
    public Network build() {
      List<String> ends = outputs;
      if (outputs.isEmpty() && !nodes.isEmpty()) {
        ends = List.of(nodes.get(nodes.size() - 1).name());
      }
      return new Network(inputs, nodes, ends);
    }
  }
}
