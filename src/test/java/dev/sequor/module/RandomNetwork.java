package dev.sequor.module;

import dev.sequor.backend.Activation;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.ReferenceActivation;
import dev.sequor.reference.SampleOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** Draws a composition of modules: inputs, and then modules that read whatever fits. */
public final class RandomNetwork {
  private final SplittableRandom random;
  private final Network.Builder builder = Network.builder();
  private final Map<String, ValueShape> values = new LinkedHashMap<>();
  private final Map<String, Integer> timeSteps = new HashMap<>();
  private final Map<String, Integer> fixedSteps = new HashMap<>();
  private final List<Network.Node> nodes = new ArrayList<>();
  private int number;

  RandomNetwork(long seed) {
    this.random = new SplittableRandom(seed);
  }

  /** A network with the sizes of its batches. */
  public record Drawn(Network network, Extent extent) {}

  /** A network, the same for the same seed. */
  public static Drawn draw(long seed) {
    return new RandomNetwork(seed).draw();
  }

  private <T> T any(List<T> things) {
    return things.get(random.nextInt(things.size()));
  }

  private int width() {
    return random.nextInt(8) == 0 ? random.nextInt(12, 24) : random.nextInt(1, 6);
  }

  private Drawn draw() {
    int batchSize = random.nextInt(1, 4);
    int inputs = random.nextInt(1, 4);
    for (int i = 0; i < inputs; i++) {
      input("in" + i, i);
    }
    int modules = random.nextInt(2, 8);
    for (int attempt = 0; (number < modules && attempt < 100) || ends().isEmpty(); attempt++) {
      add();
    }
    List<String> ends = ends();
    List<String> outputs = new ArrayList<>();
    outputs.add(ends.get(ends.size() - 1));
    String other = any(ends);
    if (random.nextInt(3) == 0 && !outputs.contains(other)) {
      outputs.add(other);
    }
    outputs.forEach(builder::output);
    return new Drawn(builder.build(), new Extent(batchSize, timeSteps));
  }

  /** What may be an output: nothing has a gradient by tokens. */
  private List<String> ends() {
    return values.keySet().stream()
        .filter(name -> !name.startsWith("in") && !(shape(name) instanceof ValueShape.Tokens))
        .toList();
  }

  private ValueShape shape(String name) {
    return Objects.requireNonNull(values.get(name), name);
  }

  private void input(String name, int i) {
    ValueShape shape =
        switch (random.nextInt(i == 0 ? 2 : 5)) {
          case 0 -> new ValueShape.Tokens(name, random.nextInt(1, 6));
          case 1 -> new ValueShape.Sequence(name, width());
          case 2 -> new ValueShape.Sequence("in0", width());
          case 3 -> new ValueShape.Vector("", width());
          default -> new ValueShape.State(random.nextInt(1, 3), random.nextInt(1, 3), width());
        };
    if (shape.axis().equals(name)) {
      timeSteps.put(name, random.nextInt(1, 6));
    }
    builder.input(name, shape);
    values.put(name, shape);
  }

  private void add() {
    String input = any(List.copyOf(values.keySet()));
    ValueShape shape = shape(input);
    List<String> inputs = new ArrayList<>(List.of(input));
    Module module;
    if (shape instanceof ValueShape.Tokens tokens) {
      if (random.nextInt(3) == 0) {
        scheduled(input, tokens);
        return;
      }
      module =
          random.nextInt(3) == 0
              ? new OneHot(tokens.vocabularySize())
              : new Embedding(tokens.vocabularySize(), width());
    } else {
      module = reading(shape, inputs);
    }
    List<ValueShape> given = inputs.stream().map(this::shape).toList();
    List<Module.Output> made;
    try {
      made = module.outputs(given);
    } catch (IllegalArgumentException e) {
      return; // what was drawn does not fit
    }
    String name = "node" + number++;
    builder.add(name, module, inputs.toArray(String[]::new));
    shareWithAnother(module);
    nodes.add(new Network.Node(name, module, inputs, List.of()));
    for (int i = 0; i < made.size(); i++) {
      values.put(i == 0 ? name : name + "." + made.get(i).name(), made.get(i).shape());
    }
  }

  /** Tokens of which some are the likeliest by something along the same axis, if there is any. */
  private void scheduled(String input, ValueShape.Tokens tokens) {
    List<String> along =
        values.keySet().stream()
            .filter(
                name ->
                    shape(name) instanceof ValueShape.Sequence sequence
                        && sequence.axis().equals(tokens.axis()))
            .toList();
    if (along.isEmpty()) {
      return;
    }
    String logits = any(along);
    if (shape(logits).width() != tokens.vocabularySize()) {
      String name = "node" + number++;
      Module module = new Linear(shape(logits).width(), tokens.vocabularySize());
      builder.add(name, module, logits);
      nodes.add(new Network.Node(name, module, List.of(logits), List.of()));
      values.put(name, new ValueShape.Sequence(tokens.axis(), tokens.vocabularySize()));
      logits = name;
    }
    String name = "node" + number++;
    Module module = new ScheduledTokens(TeacherForcing.constant(random.nextInt(3) * 0.5));
    builder.add(name, module, input, logits);
    nodes.add(new Network.Node(name, module, List.of(input, logits), List.of()));
    values.put(name, tokens);
  }

  private Module bridge(ValueShape.State from) {
    int directions = from.blocks() % 2 == 0 ? random.nextInt(1, 3) : 1;
    boolean project = directions == 2 || random.nextBoolean();
    int width = project ? width() : from.width();
    return new StateBridge(
        from,
        directions,
        new ValueShape.State(random.nextInt(1, 4), random.nextInt(1, 3), width),
        any(ReferenceActivation.ANYWHERE),
        project);
  }

  private Module adaptiveSoftmax(int width) {
    int classes = random.nextInt(3, 9);
    int first = random.nextInt(1, classes - 1);
    List<Integer> cutoffs = new ArrayList<>(List.of(first));
    if (random.nextBoolean()) {
      cutoffs.add(random.nextInt(first + 1, classes));
    }
    return new AdaptiveSoftmax(width, classes, cutoffs, random.nextInt(1, 4));
  }

  private void shareWithAnother(Module module) {
    if (module.parameters().isEmpty()) {
      return;
    }
    for (Network.Node other : nodes) {
      if (other.module().equals(module) && random.nextBoolean()) {
        builder.sharing(other.name());
        return;
      }
    }
    if (module instanceof Linear linear) {
      for (Network.Node other : nodes) {
        // An output layer whose weights are a table of embeddings.
        if (other.module() instanceof Embedding embedding
            && embedding.vocabularySize() == linear.outputSize()
            && embedding.width() == linear.inputSize()) {
          builder.sharing("weights", other.name() + ".weights");
          return;
        }
      }
    }
  }

  private Module reading(ValueShape shape, List<String> inputs) {
    if (random.nextInt(3) == 0) {
      return moving(shape, inputs);
    }
    if (shape instanceof ValueShape.State state && random.nextInt(3) > 0) {
      return bridge(state);
    }
    return switch (random.nextInt(18)) {
      case 11 -> adaptiveSoftmax(shape.width());
      case 10 -> new Softmax();
      case 9 -> new LayerNorm(shape.width(), 0.1f);
      case 0 ->
          new Linear(
              shape.width(), width(), any(ReferenceActivation.ANYWHERE), random.nextBoolean());
      case 1 -> activate(inputs);
      case 2 -> new Dropout(random.nextInt(3) * 0.25f);
      case 3 -> new LastStep(any(List.of(Direction.values())));
      case 4 -> new MergeDirections(any(List.of(MergeDirections.How.values())));
      case 5 -> several(new Concatenation(), shape, inputs);
      case 6 -> several(new Sum(), shape, inputs);
      case 12 -> new LogSoftmax();
      case 13 -> several(new Product(), shape, inputs);
      case 14 -> new Pool(any(List.of(Pool.How.values())));
      case 15 -> new ColumnSum(random.nextBoolean());
      default -> recurrent(shape, inputs);
    };
  }

  /** Any function; one that does not take every number reads probabilities. */
  private Module activate(List<String> inputs) {
    Activation function = any(List.of(Activation.values()));
    if (!ReferenceActivation.ANYWHERE.contains(function)) {
      String name = "node" + number++;
      Module module = new Activate(Activation.SIGMOID);
      builder.add(name, module, inputs.get(0));
      nodes.add(new Network.Node(name, module, List.copyOf(inputs), List.of()));
      values.put(name, shape(inputs.get(0)));
      inputs.set(0, name);
    }
    return new Activate(function);
  }

  /** What moves rows, columns and vectors, and what works on parts of them. */
  private Module moving(ValueShape shape, List<String> inputs) {
    int drawn = random.nextInt(8);
    if (shape instanceof ValueShape.Sequence && drawn < 4) {
      int steps = steps(shape.axis());
      return switch (drawn) {
        case 0 -> new TimeStep(random.nextInt(-steps, steps));
        case 1 -> new StepsToColumns(steps);
        default -> new Reverse();
      };
    }
    if (shape instanceof ValueShape.State state && drawn < 5) {
      return new StateVectors(random.nextInt(state.states()));
    }
    if (shape instanceof ValueShape.Vector && drawn < 5) {
      return fromVector(shape, inputs, drawn);
    }
    return switch (drawn) {
      case 5 -> new Affine(random.nextInt(-2, 3), random.nextInt(3) * 0.5f);
      case 6 -> new LearnedVector(random.nextBoolean() ? shape.width() : width());
      case 7 -> columns(shape.width());
      default -> each(shape.width());
    };
  }

  private int steps(String axis) {
    return timeSteps.containsKey(axis)
        ? Objects.requireNonNull(timeSteps.get(axis))
        : Objects.requireNonNull(fixedSteps.get(axis));
  }

  private Module fromVector(ValueShape shape, List<String> inputs, int drawn) {
    String name = "node" + number;
    if (drawn == 0) {
      fixedSteps.put(name, random.nextInt(1, 6));
      return new RepeatSteps(name, steps(name));
    }
    if (drawn < 3) {
      fixedSteps.put(name, divisor(shape.width()));
      return new ColumnsToSteps(name, steps(name));
    }
    if (drawn == 3) {
      List<String> along =
          values.keySet().stream().filter(v -> shape(v) instanceof ValueShape.Sequence).toList();
      inputs.addAll(along.isEmpty() ? List.of() : List.of(any(along)));
      return new RepeatAlong();
    }
    List<String> fitting =
        values.keySet().stream()
            .filter(v -> shape(v) instanceof ValueShape.Vector)
            .filter(v -> shape(v).width() == shape.width())
            .toList();
    if (random.nextBoolean()) {
      inputs.add(any(fitting));
    }
    int blocks = divisor(shape.width());
    return new VectorsState(blocks, inputs.size(), shape.width() / blocks);
  }

  private int divisor(int width) {
    return any(IntStream.rangeClosed(1, width).filter(n -> width % n == 0).boxed().toList());
  }

  private Module each(int width) {
    int parts = divisor(width);
    Activation function = any(List.of(Activation.NONE, Activation.TANH, Activation.SIGMOID));
    Module module =
        switch (random.nextInt(5)) {
          case 0 -> new LayerNorm(width / parts, 0.1f);
          case 1 -> new Softmax();
          case 2 -> new Activate(function);
          case 3 -> new Affine(0.5f, 1);
          default -> new Linear(width / parts, width(), function, random.nextBoolean());
        };
    return new Each(parts, module);
  }

  /** All in another order, or any, of which some may be there again. */
  private Module columns(int width) {
    int[] columns = IntStream.range(0, width).toArray();
    boolean again = random.nextBoolean();
    for (int i = 0; i < width; i++) {
      int j = random.nextInt(i, width);
      int chosen = columns[j];
      columns[j] = again ? columns[j] : columns[i];
      columns[i] = chosen;
    }
    return Columns.of(width, Arrays.copyOf(columns, random.nextInt(1, width + 1)));
  }

  private Module several(Module module, ValueShape shape, List<String> inputs) {
    List<String> fitting =
        values.keySet().stream()
            .filter(name -> !(shape(name) instanceof ValueShape.Tokens))
            .filter(name -> shape(name).getClass() == shape.getClass())
            .toList();
    int count = random.nextInt(1, 3);
    for (int i = 0; i < count; i++) {
      inputs.add(any(fitting)); // perhaps the same once more
    }
    return module;
  }

  /** A state that any stack it fits may start from, perhaps several. */
  private void learnedState(int states, int width, int blocks) {
    String name = "node" + number++;
    Module module = new InitialState(blocks, states, width);
    builder.add(name, module);
    shareWithAnother(module);
    nodes.add(new Network.Node(name, module, List.of(), List.of()));
    values.put(name, new ValueShape.State(blocks, states, width));
  }

  private Module recurrent(ValueShape shape, List<String> inputs) {
    CellType cell = any(List.of(CellType.values()));
    int hidden = random.nextInt(1, 5);
    int layers = random.nextInt(1, 3);
    Direction direction =
        random.nextInt(3) > 0 ? Direction.FORWARD : any(List.of(Direction.values()));
    if (random.nextInt(3) == 0) {
      learnedState(cell.states(), hidden, direction.count() * layers);
    }
    for (Map.Entry<String, ValueShape> value : values.entrySet()) {
      // A state to start from, if there is one.
      if (value.getValue() instanceof ValueShape.State state && random.nextBoolean()) {
        List<CellType> cells =
            List.of(CellType.values()).stream()
                .filter(type -> type.states() == state.states())
                .toList();
        cell = any(cells);
        hidden = state.width();
        boolean both = state.blocks() % 2 == 0 && random.nextBoolean();
        direction = both ? Direction.BIDIRECTIONAL : Direction.FORWARD;
        layers = state.blocks() / direction.count();
        inputs.add(value.getKey());
        break;
      }
    }
    boolean plain = random.nextInt(2) == 0;
    return new Recurrent(
        RnnSpec.of(cell, shape.width(), hidden)
            .withOptions(plain ? CellOptions.NONE : SampleOptions.random(random, cell, hidden))
            .withLayers(layers)
            .withDirection(direction)
            .withDropout(random.nextInt(3) * 0.25f));
  }
}
