package dev.sequor.exchange.draft;

import dev.sequor.module.Module;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.ValueShape;
import dev.sequor.rnn.TensorRegion;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A network in the making, with its weights: nodes are added in the order in which they can run,
 * and each is said what its tensors hold. Blocks of one key are one block that their nodes share.
 * What nothing reads falls away at the end, and nodes that one module can do together become one
 * ({@link Fusion}).
 */
public final class NetworkDraft {
  /**
   * What a block of tensors of a node holds.
   *
   * @param key equal for blocks that are the same
   * @param tensors the values of each, in the order of the block
   */
  public record Weights(Object key, List<float[]> tensors) {
    /** One tensor, which is shared with whoever has the same array. */
    @SuppressWarnings("ArrayAsKeyOfSetOrMap") // Identity is what is meant.
    public static Weights of(float[] values) {
      return new Weights(values, List.of(values));
    }
  }

  /**
   * A node.
   *
   * @param name of the node
   * @param module what it does
   * @param inputs the values that it reads
   * @param weights of each of the module's blocks
   */
  record Step(String name, Module module, List<String> inputs, List<Weights> weights) {
    Step {
      inputs = List.copyOf(inputs);
      weights = List.copyOf(weights);
    }

    Step reading(String old, String other) {
      return new Step(
          name,
          module,
          inputs.stream().map(input -> input.equals(old) ? other : input).toList(),
          weights);
    }
  }

  /**
   * The network, and its weights.
   *
   * @param network what was drafted
   * @param parameters of all its tensors
   * @param outputs what the outputs are called, in the order in which they were asked for
   */
  public record Finished(Network network, List<NamedTensor> parameters, List<String> outputs) {}

  /** How nodes are called whose matrix has no name in the file. */
  public static final String LINEAR = "linear";

  /** How norms are called whose weights have no name in the file. */
  public static final String NORM = "norm";

  /** How nodes are called whose vector has no name in the file; behind the name if it has one. */
  public static final String VECTOR = "vector";

  private final List<Network.Input> inputs = new ArrayList<>();
  private final List<Step> steps = new ArrayList<>();
  private final Map<String, Step> byName = new HashMap<>();
  private final Map<String, ValueShape> shapes = new LinkedHashMap<>();
  private final Set<String> names = new HashSet<>();

  /** Names that weights in the file have, until their nodes are made. */
  private final Set<String> reserved = new HashSet<>();

  /** The last number that was put behind a name. */
  private final Map<String, Integer> numbers = new HashMap<>();

  /** An empty network. */
  public NetworkDraft() {}

  /**
   * Adds an input.
   *
   * @param name must be a name that networks take, and not be there
   */
  public void input(String name, ValueShape shape) {
    inputs.add(new Network.Input(name, shape));
    names.add(name);
    shapes.put(name, shape);
  }

  /** Says of an input what it is after all; nothing that reads it may depend on the difference. */
  public void inputIs(String name, ValueShape shape) {
    inputs.replaceAll(input -> input.name().equals(name) ? new Network.Input(name, shape) : input);
    shapes.put(name, shape);
  }

  /** The inputs so far. */
  public List<Network.Input> inputs() {
    return List.copyOf(inputs);
  }

  /**
   * A name like {@code wanted} that is not taken: letters, digits, {@code _} and {@code -} of it,
   * with a number behind if need be. It is taken from now on.
   */
  public String newName(String wanted) {
    String base = clean(wanted);
    reserved.remove(base);
    String name = base;
    while (reserved.contains(name) || !names.add(name)) {
      // Of thousands of nodes of one name none tries the numbers of those before it.
      name = base + "_" + numbers.merge(base, 2, (last, first) -> last + 1);
    }
    return name;
  }

  /** Keeps a name for whoever asks for just this one, so that no other with a number takes it. */
  public void reserve(String wanted) {
    String name = clean(wanted);
    if (!names.contains(name)) {
      reserved.add(name);
    }
  }

  private static String clean(String wanted) {
    StringBuilder clean = new StringBuilder();
    for (int i = 0; i < wanted.length() && clean.length() < 64; i++) {
      char c = wanted.charAt(i);
      boolean known = c < 128 && (Character.isLetterOrDigit(c) || c == '-');
      if (known) {
        clean.append(c);
      } else if (clean.length() > 0 && clean.charAt(clean.length() - 1) != '_') {
        clean.append('_');
      }
    }
    while (clean.length() > 0 && clean.charAt(clean.length() - 1) == '_') {
      clean.setLength(clean.length() - 1);
    }
    return clean.length() == 0 ? "value" : clean.toString();
  }

  /** What makes the main output of a node; null for other values. */
  public @Nullable Module module(String value) {
    Step step = byName.get(value);
    return step == null ? null : step.module();
  }

  /** The values that a node reads. */
  public List<String> inputsOf(String node) {
    return Objects.requireNonNull(byName.get(node), node).inputs();
  }

  /** What a value is. */
  public ValueShape shape(String value) {
    return Objects.requireNonNull(shapes.get(value), value);
  }

  /** The same as {@link #addNamed} under a new name like {@code wanted}. */
  public String add(String wanted, Module module, List<String> values, List<Weights> weights) {
    return addNamed(newName(wanted), module, values, weights);
  }

  /** A module without weights. */
  public String add(String wanted, Module module, String... values) {
    return add(wanted, module, List.of(values), List.of());
  }

  /**
   * Adds a node.
   *
   * @param name from {@link #newName}
   * @param weights of each of the module's blocks
   * @return the name of its main output, which is the node's
   * @throws IllegalArgumentException if the module cannot read the values, or other weights than
   *     these belong to it
   */
  public String addNamed(String name, Module module, List<String> values, List<Weights> weights) {
    List<Module.Block> blocks = module.parameters();
    if (blocks.size() != weights.size()) {
      throw new IllegalArgumentException(
          module + " has " + blocks.size() + " blocks of tensors; given " + weights.size());
    }
    for (int i = 0; i < blocks.size(); i++) {
      List<TensorSpec> tensors = blocks.get(i).tensors();
      for (int j = 0; j < tensors.size(); j++) {
        long given = weights.get(i).tensors().get(j).length;
        if (given != tensors.get(j).elements()) {
          throw new IllegalArgumentException(
              "'"
                  + tensors.get(j).name()
                  + "' of "
                  + module
                  + " has "
                  + given
                  + " numbers; needed "
                  + tensors.get(j).elements());
        }
      }
    }
    Step step = new Step(name, module, values, weights);
    takeShapes(step);
    steps.add(step);
    byName.put(name, step);
    return name;
  }

  private void takeShapes(Step step) {
    List<ValueShape> given = step.inputs().stream().map(this::shape).toList();
    List<Module.Output> made = step.module().outputs(given);
    for (int i = 0; i < made.size(); i++) {
      String value = i == 0 ? step.name() : step.name() + "." + made.get(i).name();
      shapes.put(value, made.get(i).shape());
    }
  }

  /**
   * What has been added, without what no output needs.
   *
   * @throws IllegalArgumentException if it is no network
   */
  public Finished finish(List<String> outputs) {
    Fusion.Fused fused = Fusion.of(needed(steps, outputs), outputs);
    return build(needed(fused.steps(), fused.outputs()), fused.outputs());
  }

  /** The steps that lead to {@code outputs}. */
  private static List<Step> needed(List<Step> steps, List<String> outputs) {
    Map<String, Step> byName = new HashMap<>();
    steps.forEach(step -> byName.put(step.name(), step));
    Set<String> wanted = new HashSet<>();
    Deque<String> open = new ArrayDeque<>(outputs);
    while (!open.isEmpty()) {
      Step step = byName.get(node(open.pop()));
      if (step != null && wanted.add(step.name())) {
        open.addAll(step.inputs());
      }
    }
    return steps.stream().filter(step -> wanted.contains(step.name())).toList();
  }

  /** The node, or the input, that a value is of; names have no dots but these. */
  static String node(String value) {
    int dot = value.indexOf('.');
    return dot < 0 ? value : value.substring(0, dot);
  }

  private Finished build(List<Step> kept, List<String> outputs) {
    List<Network.Node> nodes = new ArrayList<>();
    Map<Object, String> owners = new HashMap<>();
    Map<String, float[]> values = new HashMap<>();
    for (Step step : kept) {
      List<Network.Shared> shared = new ArrayList<>();
      List<Module.Block> blocks = step.module().parameters();
      for (int i = 0; i < blocks.size(); i++) {
        List<TensorSpec> tensors = blocks.get(i).tensors();
        Weights weights = step.weights().get(i);
        String first = tensors.get(0).name();
        // The same numbers in another shape are other tensors.
        Object key = List.of(weights.key(), tensors.stream().map(TensorSpec::shape).toList());
        @Nullable String owner = owners.putIfAbsent(key, step.name() + "." + first);
        if (owner != null) {
          shared.add(new Network.Shared(first, owner));
          continue;
        }
        for (int j = 0; j < tensors.size(); j++) {
          values.put(step.name() + "." + tensors.get(j).name(), weights.tensors().get(j));
        }
      }
      nodes.add(new Network.Node(step.name(), step.module(), step.inputs(), shared));
    }
    // What brings a time axis is before what follows it.
    List<Network.Input> leadersFirst = new ArrayList<>();
    inputs.stream().filter(Network.Input::bringsAxis).forEach(leadersFirst::add);
    inputs.stream().filter(input -> !input.bringsAxis()).forEach(leadersFirst::add);
    List<String> distinct = List.copyOf(new LinkedHashSet<>(outputs));
    Network network = new Network(leadersFirst, nodes, distinct);
    NetworkLayout layout = network.layout();
    List<NamedTensor> parameters = new ArrayList<>();
    for (TensorRegion region : layout.regions()) {
      parameters.add(
          new NamedTensor(
              region.name(), region.shape(), Objects.requireNonNull(values.get(region.name()))));
    }
    return new Finished(network, parameters, outputs);
  }
}
