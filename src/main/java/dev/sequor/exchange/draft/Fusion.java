package dev.sequor.exchange.draft;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.draft.NetworkDraft.Step;
import dev.sequor.exchange.draft.NetworkDraft.Weights;
import dev.sequor.module.Activate;
import dev.sequor.module.Columns;
import dev.sequor.module.Concatenation;
import dev.sequor.module.InitialState;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Linear;
import dev.sequor.module.Module;
import dev.sequor.module.Product;
import dev.sequor.module.Recurrent;
import dev.sequor.module.StateVectors;
import dev.sequor.module.Sum;
import dev.sequor.module.VectorsState;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Nodes that one module can do together: a product, its bias and its function are a dense layer;
 * recurrent layers of one kind on top of each other are one stack, which runs as one plan. Other
 * libraries' files have these apart.
 */
final class Fusion {
  private static final Pattern NAMED_VECTOR =
      Pattern.compile("_" + NetworkDraft.VECTOR + "(_\\d+)?$");

  private final Map<String, Step> steps = new LinkedHashMap<>();

  /** By value: the steps that read it. */
  private final Map<String, Set<String>> readers = new HashMap<>();

  private final Set<String> outputs;

  /** What outputs are called that other steps make now. */
  private final Map<String, String> renamed = new HashMap<>();

  private Fusion(List<Step> all, List<String> outputs) {
    this.outputs = new HashSet<>(outputs);
    all.forEach(this::put);
  }

  /**
   * A network with fewer steps.
   *
   * @param steps in an order in which they can run
   * @param outputs what the outputs are called now, in their order
   */
  record Fused(List<Step> steps, List<String> outputs) {}

  static Fused of(List<Step> all, List<String> outputs) {
    Fusion fusion = new Fusion(all, outputs);
    fusion.each(fusion::stateOfItsVectors);
    fusion.each(fusion::bias);
    fusion.each(fusion::normGain);
    fusion.each(fusion::normBias);
    fusion.each(fusion::function);
    fusion.each(fusion::bothDirections);
    fusion.each(fusion::stack);
    fusion.each(fusion::columnsOfColumns);
    fusion.each(fusion::joinedColumns);
    fusion.each(fusion::stateOfItsVectors);
    List<String> now = outputs.stream().map(fusion::nameNow).toList();
    return new Fused(fusion.inOrder(now), now);
  }

  private String nameNow(String output) {
    String name = output;
    while (renamed.containsKey(name)) {
      name = Objects.requireNonNull(renamed.get(name));
    }
    return name;
  }

  private interface Rule {
    void apply(Step step);
  }

  private void each(Rule rule) {
    for (String name : List.copyOf(steps.keySet())) {
      Step step = steps.get(name);
      if (step != null) {
        rule.apply(step);
      }
    }
  }

  // ---- the steps --------------------------------------------------------------------------------

  private void put(Step step) {
    Step before = steps.put(step.name(), step);
    if (before != null) {
      before.inputs().forEach(input -> readersOf(input).remove(before.name()));
    }
    step.inputs().forEach(input -> readersOf(input).add(step.name()));
  }

  private void remove(Step step) {
    steps.remove(step.name());
    step.inputs().forEach(input -> readersOf(input).remove(step.name()));
  }

  private Set<String> readersOf(String value) {
    return readers.computeIfAbsent(value, v -> new LinkedHashSet<>());
  }

  /** Whoever reads the one value reads the other from now on. */
  private void redirect(String from, String to) {
    for (String reader : List.copyOf(readersOf(from))) {
      put(Objects.requireNonNull(steps.get(reader)).reading(from, to));
    }
  }

  /** One value is another now, for readers and for the network's outputs. */
  private void rename(String from, String to) {
    redirect(from, to);
    if (outputs.remove(from)) {
      outputs.add(to);
      renamed.put(from, to);
    }
  }

  /** Whether only these read a value. */
  private boolean isReadBy(String value, String... names) {
    return !outputs.contains(value) && Set.of(names).containsAll(readersOf(value));
  }

  private @Nullable Module module(String value) {
    Step step = steps.get(value);
    return step == null ? null : step.module();
  }

  /** One step in the place of two. */
  private void replace(String name, Step first, Step last, Module module, List<Weights> weights) {
    remove(first);
    remove(last);
    put(new Step(name, module, first.inputs(), weights));
    rename(last.name(), name);
  }

  /** Every step after those that it reads, in an order that follows from what reads what alone. */
  private List<Step> inOrder(List<String> ends) {
    Map<String, Step> done = new LinkedHashMap<>();
    Set<String> begun = new HashSet<>();
    Deque<Step> open = new ArrayDeque<>();
    for (String end : ends) {
      Step last = steps.get(NetworkDraft.node(end));
      if (last == null || done.containsKey(last.name())) {
        continue;
      }
      open.push(last);
      while (!open.isEmpty()) {
        Step step = open.peek();
        begun.add(step.name());
        Step below = below(step, done);
        if (below == null) {
          open.pop();
          done.put(step.name(), step);
        } else if (begun.contains(below.name())) {
          throw new IllegalStateException("steps read each other: " + step + " and " + below);
        } else {
          open.push(below);
        }
      }
    }
    return List.copyOf(done.values());
  }

  /** The first step that a step reads and that is not done. */
  private @Nullable Step below(Step step, Map<String, Step> done) {
    for (String input : step.inputs()) {
      Step below = steps.get(NetworkDraft.node(input));
      if (below != null && !done.containsKey(below.name())) {
        return below;
      }
    }
    return null;
  }

  // ---- dense layers and norms -------------------------------------------------------------------

  /** The vector that a step adds to a value or multiplies it with; null if it does not. */
  private @Nullable Step vector(Step step, String value) {
    if (step.inputs().size() != 2) {
      return null;
    }
    String other = step.inputs().get(0).equals(value) ? step.inputs().get(1) : step.inputs().get(0);
    Step vector = steps.get(other);
    return vector != null
            && vector.module() instanceof LearnedVector
            && isReadBy(other, step.name())
            && isReadBy(value, step.name(), other)
        ? vector
        : null;
  }

  /** Of the names of two steps one may be of the file, and the other of the kind of step. */
  private String name(Step step, String kind, Step vector) {
    String named = NAMED_VECTOR.matcher(vector.name()).replaceFirst("");
    boolean isFree =
        !named.equals(vector.name()) && !steps.containsKey(named) && readersOf(named).isEmpty();
    return step.name().startsWith(kind) && isFree ? named : step.name();
  }

  /** {@code x Wᵀ} and then {@code + b}. */
  private void bias(Step step) {
    if (!(step.module() instanceof Sum)) {
      return;
    }
    for (String input : step.inputs()) {
      if (module(input) instanceof Linear linear
          && !linear.bias()
          && linear.activation() == Activation.NONE) {
        Step product = Objects.requireNonNull(steps.get(input));
        Step vector = vector(step, input);
        if (vector != null) {
          remove(vector);
          replace(
              name(product, NetworkDraft.LINEAR, vector),
              product,
              step,
              new Linear(linear.inputSize(), linear.outputSize()),
              List.of(product.weights().get(0), vector.weights().get(0)));
          return;
        }
      }
    }
  }

  /** A dense layer and then a function of each element. */
  private void function(Step step) {
    if (step.module() instanceof Activate activate
        && module(step.inputs().get(0)) instanceof Linear linear
        && linear.activation() == Activation.NONE
        && isReadBy(step.inputs().get(0), step.name())) {
      Step dense = Objects.requireNonNull(steps.get(step.inputs().get(0)));
      replace(
          dense.name(),
          dense,
          step,
          new Linear(linear.inputSize(), linear.outputSize(), activate.function(), linear.bias()),
          dense.weights());
    }
  }

  private void normGain(Step step) {
    if (step.module() instanceof Product) {
      norm(step, true);
    }
  }

  private void normBias(Step step) {
    if (step.module() instanceof Sum) {
      norm(step, false);
    }
  }

  /** A layer norm and then a gain, or a bias. */
  private void norm(Step step, boolean isGain) {
    for (String input : step.inputs()) {
      Step vector = module(input) instanceof LayerNorm ? vector(step, input) : null;
      if (vector == null) {
        continue;
      }
      Step norm = Objects.requireNonNull(steps.get(input));
      float[] values = vector.weights().get(0).tensors().get(0);
      float[] gain = norm.weights().get(0).tensors().get(0).clone();
      float[] bias = norm.weights().get(0).tensors().get(1).clone();
      for (int i = 0; i < values.length; i++) {
        gain[i] *= isGain ? values[i] : 1;
        bias[i] = isGain ? bias[i] * values[i] : bias[i] + values[i];
      }
      List<float[]> both = List.of(gain, bias);
      remove(vector);
      // Of the same norm and the same vector it is the same again.
      Object key = List.of(norm.weights().get(0).key(), vector.weights().get(0).key(), isGain);
      replace(
          name(norm, NetworkDraft.NORM, vector),
          norm,
          step,
          norm.module(),
          List.of(new Weights(key, both)));
      return;
    }
  }

  // ---- recurrent layers -------------------------------------------------------------------------

  /** A state that is made of the vectors of a state is that state. */
  private void stateOfItsVectors(Step step) {
    if (!(step.module() instanceof VectorsState made)) {
      return;
    }
    String state = null;
    for (int s = 0; s < step.inputs().size(); s++) {
      Step vectors = steps.get(step.inputs().get(s));
      if (vectors == null
          || !vectors.module().equals(new StateVectors(s))
          || (state != null && !state.equals(vectors.inputs().get(0)))) {
        return;
      }
      state = vectors.inputs().get(0);
    }
    if (state != null
        && module(NetworkDraft.node(state)) instanceof Recurrent recurrent
        && made.equals(
            new VectorsState(
                recurrent.stack().layers() * recurrent.stack().directions(),
                recurrent.stack().cell().states(),
                recurrent.stack().hiddenSize()))) {
      remove(step);
      rename(step.name(), state);
    }
  }

  /** A recurrent layer on top of one of the same kind. */
  private void stack(Step top) {
    Step below = steps.get(top.inputs().isEmpty() ? "" : top.inputs().get(0));
    if (below == null
        || !(top.module() instanceof Recurrent upper)
        || !(below.module() instanceof Recurrent lower)
        || !isReadBy(below.name(), top.name())
        || !statesAreVectors(top)
        || !statesAreVectors(below)) {
      return;
    }
    RnnSpec all = lower.stack().withLayers(lower.stack().layers() + upper.stack().layers());
    if (like(lower.stack(), upper.stack()) && fits(all, below, top)) {
      joined(all, below, top, top);
    }
  }

  /** Two directions of one layer, side by side. */
  private void bothDirections(Step step) {
    Step forward = step.inputs().isEmpty() ? null : steps.get(step.inputs().get(0));
    Step reverse = step.inputs().size() != 2 ? null : steps.get(step.inputs().get(1));
    if (!(step.module() instanceof Concatenation)
        || forward == null
        || reverse == null
        || !(forward.module() instanceof Recurrent there)
        || !(reverse.module() instanceof Recurrent back)
        || there.stack().layers() != 1
        || there.stack().direction() != Direction.FORWARD
        || !there.stack().withDirection(Direction.REVERSE).equals(back.stack())
        || !forward.inputs().get(0).equals(reverse.inputs().get(0))
        || !isReadBy(forward.name(), step.name())
        || !isReadBy(reverse.name(), step.name())
        || !statesAreVectors(forward)
        || !statesAreVectors(reverse)) {
      return;
    }
    RnnSpec both = there.stack().withDirection(Direction.BIDIRECTIONAL);
    if (fits(both, forward, reverse) && joined(both, forward, reverse, step)) {
      remove(step);
    }
  }

  /** Whether the final state of a recurrent step is read as vectors alone. */
  private boolean statesAreVectors(Step recurrent) {
    return !outputs.contains(recurrent.name() + "." + Recurrent.FINAL_STATE)
        && vectorsOnly(recurrent);
  }

  /**
   * One step in the place of two, whose blocks stand one after the other in its own.
   *
   * @param end what has been the sequence of both
   * @return whether the states that they start from allow it
   */
  private boolean joined(RnnSpec all, Step first, Step second, Step end) {
    @Nullable String state = state(first, second);
    if (state == null && (first.inputs().size() > 1 || second.inputs().size() > 1)) {
      return false;
    }
    List<String> inputs = new ArrayList<>(List.of(first.inputs().get(0)));
    if (state != null) {
      inputs.add(state);
    }
    List<Step> firstVectors = vectors(first);
    List<Step> secondVectors = vectors(second);
    RnnSpec lower = ((Recurrent) first.module()).stack();
    String name = first.name();
    remove(first);
    remove(second);
    put(
        new Step(
            name,
            new Recurrent(all),
            inputs,
            List.of(joined(first.weights().get(0), second.weights().get(0)))));
    rename(end.name(), name);
    int blocks = lower.layers() * lower.directions();
    int own = blocks * lower.hiddenSize();
    int total = all.layers() * all.directions() * lower.hiddenSize();
    firstVectors.forEach(v -> part(v, name, Columns.range(total, 0, own)));
    secondVectors.forEach(v -> part(v, name, Columns.range(total, own, total - own)));
    return true;
  }

  /** Whether layers differ in nothing but what they read. */
  private static boolean like(RnnSpec lower, RnnSpec upper) {
    RnnSpec same =
        new Recurrent(RnnSpec.of(lower.cell(), upper.inputSize(), lower.hiddenSize()))
            .stack()
            .withLayers(upper.layers())
            .withDirection(lower.direction())
            .withDropout(lower.dropout())
            .withOptions(lower.options());
    return same.equals(upper)
        && lower.outputSize() == upper.inputSize()
        && lower.layers() + upper.layers() <= RnnSpec.MOST_LAYERS;
  }

  /** Whether the tensors of both, one after the other, are those of all. */
  private static boolean fits(RnnSpec all, Step below, Step top) {
    List<List<Integer>> shapes = new ArrayList<>(shapes(below.module()));
    shapes.addAll(shapes(top.module()));
    return shapes.equals(shapes(new Recurrent(all)));
  }

  private static List<List<Integer>> shapes(Module module) {
    return module.parameters().get(0).tensors().stream().map(TensorSpec::shape).toList();
  }

  private static Weights joined(Weights first, Weights second) {
    List<float[]> tensors = new ArrayList<>(first.tensors());
    tensors.addAll(second.tensors());
    return new Weights(List.of(first.key(), second.key()), tensors);
  }

  private boolean vectorsOnly(Step recurrent) {
    return readersOf(recurrent.name() + "." + Recurrent.FINAL_STATE).stream()
        .allMatch(reader -> module(reader) instanceof StateVectors);
  }

  private List<Step> vectors(Step recurrent) {
    return readersOf(recurrent.name() + "." + Recurrent.FINAL_STATE).stream()
        .map(reader -> Objects.requireNonNull(steps.get(reader)))
        .toList();
  }

  /** The vectors of some layers, as columns of those of all. */
  private void part(Step vectors, String stack, Columns columns) {
    // One step for those of each kind, so that parts of it are known to be of one value.
    String all = stack + "_vectors_" + ((StateVectors) vectors.module()).state();
    String name = newName("columns");
    // It may be the step of a smaller stack that has the name now.
    remove(vectors);
    rename(vectors.name(), name);
    put(new Step(all, vectors.module(), List.of(stack + "." + Recurrent.FINAL_STATE), List.of()));
    put(new Step(name, columns, List.of(all), List.of()));
  }

  /** A name that is not taken; as readers call steps of its kind. */
  private String newName(String kind) {
    String name = kind;
    for (int i = 2; steps.containsKey(name); i++) {
      name = kind + "_" + i;
    }
    return name;
  }

  /** What a stack of both starts from; null if it cannot be said, or is zero. */
  private @Nullable String state(Step below, Step top) {
    if (below.inputs().size() != 2 || top.inputs().size() != 2) {
      return null;
    }
    Step first = steps.get(below.inputs().get(1));
    Step second = steps.get(top.inputs().get(1));
    if (first == null || second == null || outputs.contains(second.name())) {
      return null;
    }
    if (first.module() instanceof InitialState lower
        && second.module() instanceof InitialState upper) {
      float[] a = first.weights().get(0).tensors().get(0);
      float[] b = second.weights().get(0).tensors().get(0);
      float[] both = Arrays.copyOf(a, a.length + b.length);
      System.arraycopy(b, 0, both, a.length, b.length);
      Object key = List.of(first.weights().get(0).key(), second.weights().get(0).key());
      // Called as the first, so that it is called the same whenever it is put together again.
      String name = isReadBy(first.name(), below.name()) ? first.name() : newName(first.name());
      put(
          new Step(
              name,
              new InitialState(lower.blocks() + upper.blocks(), lower.states(), lower.width()),
              List.of(),
              List.of(new Weights(key, List.of(both)))));
      return name;
    }
    if (first.module() instanceof VectorsState lower
        && second.module() instanceof VectorsState upper) {
      List<String> vectors = new ArrayList<>();
      for (int s = 0; s < lower.states(); s++) {
        String name = newName("concatenation");
        put(
            new Step(
                name,
                new Concatenation(),
                List.of(first.inputs().get(s), second.inputs().get(s)),
                List.of()));
        vectors.add(name);
      }
      String name = newName("state");
      put(
          new Step(
              name,
              new VectorsState(lower.blocks() + upper.blocks(), lower.states(), lower.width()),
              vectors,
              List.of()));
      return name;
    }
    return null;
  }

  /** A range of a range of columns. */
  private void columnsOfColumns(Step step) {
    Columns.Range inner = range(step);
    Step below = inner == null ? null : steps.get(step.inputs().get(0));
    Columns.Range outer = below == null ? null : range(below);
    if (inner != null && below != null && outer != null) {
      int width = ((Columns) below.module()).inputWidth();
      Columns both = Columns.range(width, outer.first() + inner.first(), inner.count());
      put(new Step(step.name(), both, below.inputs(), List.of()));
      columnsOfColumns(Objects.requireNonNull(steps.get(step.name())));
    }
  }

  /** The only range of columns that a step takes; null if it does something else. */
  private static Columns.@Nullable Range range(Step step) {
    return step.module() instanceof Columns columns && columns.ranges().size() == 1
        ? columns.ranges().get(0)
        : null;
  }

  /** Columns of one value that are put side by side again. */
  private void joinedColumns(Step step) {
    if (!(step.module() instanceof Concatenation)) {
      return;
    }
    // Neighbours of one value become one range of it.
    List<String> joined = new ArrayList<>();
    Columns last = null;
    String lastOf = "";
    for (String input : step.inputs()) {
      Step part = steps.get(input);
      Columns.Range range = part == null ? null : range(part);
      if (part == null || range == null) {
        joined.add(input);
        last = null;
        continue;
      }
      Columns now = (Columns) part.module();
      if (last != null
          && lastOf.equals(part.inputs().get(0))
          && last.ranges().get(0).first() + last.ranges().get(0).count() == range.first()) {
        Columns.Range before = last.ranges().get(0);
        last = Columns.range(now.inputWidth(), before.first(), before.count() + range.count());
        joined.remove(joined.size() - 1);
        boolean isAll = last.ranges().get(0).count() == last.inputWidth();
        if (isAll) {
          joined.add(lastOf);
        } else {
          String name = newName("columns");
          put(new Step(name, last, List.of(lastOf), List.of()));
          joined.add(name);
        }
      } else {
        last = now;
        lastOf = part.inputs().get(0);
        joined.add(input);
      }
    }
    boolean isInput = !steps.containsKey(NetworkDraft.node(joined.get(0)));
    if (isInput && joined.size() == 1 && outputs.contains(step.name())) {
      return; // what goes in may not be what comes out
    }
    if (joined.size() == 1) {
      remove(step);
      rename(step.name(), joined.get(0));
    } else if (!joined.equals(step.inputs())) {
      put(new Step(step.name(), step.module(), joined, List.of()));
    }
  }
}
