package dev.sequor.exchange;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Required;
import dev.sequor.backend.WeightStorage;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.io.Tensor;
import dev.sequor.io.TensorType;
import dev.sequor.module.Extent;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import dev.sequor.module.ValueShape;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A model at work on a device, with tensors as the library that it comes from has them: named, and
 * in its layout. The memory of the last sizes is kept for the next run with the same. Used by the
 * thread that owns the backend only.
 *
 * <pre>{@code
 * try (Backend backend = Devices.auto();
 *     ModelRunner runner = new ModelRunner(backend, model)) {
 *   Tensor y = runner.run(List.of(Tensor.ofFloats("x", numbers, 8, 100, 5))).get(0);
 * }
 * }</pre>
 */
public final class ModelRunner implements AutoCloseable {
  /** So many numbers are faster together than one by one. */
  private static final int BULK = 16;

  private final ExchangedModel model;
  private final NetworkWeights weights;
  private final WeightStorage storage;

  /** Of the network's values. */
  private final Map<String, ValueShape> shapes;

  /** Those of the network's inputs that bring a time axis. */
  private final Set<String> bringAxis = new HashSet<>();

  private @Nullable NetworkPass pass;
  private boolean closed;

  /** In float32. */
  public ModelRunner(Backend backend, ExchangedModel model) {
    this(backend, model, WeightStorage.FLOAT32);
  }

  /**
   * A model at work.
   *
   * @param backend stays the caller's
   * @param storage how recurrent matrices are kept
   * @throws dev.sequor.backend.BackendException if there is not enough memory
   */
  public ModelRunner(Backend backend, ExchangedModel model, WeightStorage storage) {
    this.model = Required.present("model", model);
    this.storage = Required.present("storage", storage);
    this.shapes = model.network().shapes();
    for (Network.Input input : model.network().inputs()) {
      if (input.bringsAxis()) {
        bringAxis.add(input.name());
      }
    }
    this.weights = NetworkWeights.of(backend, model.network(), model.parameters());
  }

  /** The model. */
  public ExchangedModel model() {
    return model;
  }

  /** Which steps of each sequence are there, of those that were given. */
  private static final class Steps {
    /** {@code [B]}: the steps that are there, in their order. */
    final int[][] there;

    /** {@code [B]}. */
    final int[] lengths;

    Steps(int[][] there) {
      this.there = there;
      this.lengths = Arrays.stream(there).mapToInt(steps -> steps.length).toArray();
    }

    /** The row in which the output of step {@code t} of sequence {@code b} is. */
    int row(int t, int b, ExchangedModel.Absent absent) {
      int found = Arrays.binarySearch(there[b], t);
      if (found < 0 && absent == ExchangedModel.Absent.AT_REST) {
        return lengths[b];
      }
      int before = found >= 0 ? found : -found - 2;
      // Before the first one there is the state at rest: what padding holds, of which there is
      // some.
      return before >= 0 ? before : lengths[b];
    }
  }

  /** What a run works on. */
  private static final class Given {
    final Map<String, Tensor> tensors = new HashMap<>();
    final Map<String, Integer> steps = new LinkedHashMap<>();
    final Map<String, int[]> lengths = new HashMap<>();
    final Map<String, Steps> masks = new HashMap<>();

    /** By the names of inputs: their tokens in the order of the network. */
    final Map<String, int[]> tokens = new HashMap<>();

    /** By the names of inputs: their numbers in the order of the file. */
    final Map<String, FloatBuffer> numbers = new HashMap<>();

    int batchSize;
  }

  /**
   * Runs the model.
   *
   * @param inputs a tensor for each input of the model, under its name; optional ones may be left
   *     out
   * @return one for each output, in the order of the model: F32, or I64 for likeliest columns
   * @throws IllegalArgumentException if a tensor is missing, unknown, of a type that does not
   *     convert, or of other sizes than the model takes; names it
   */
  public List<Tensor> run(List<Tensor> inputs) {
    if (closed) {
      throw new IllegalStateException("the runner is closed");
    }
    Given given = given(inputs);
    NetworkPass now = pass(given);
    for (ExchangedModel.Input input : model.inputs()) {
      if (!input.areLengths()) {
        put(now, input, given);
      }
    }
    now.upload();
    now.forward();
    List<Tensor> results = new ArrayList<>();
    for (ExchangedModel.Output output : model.outputs()) {
      results.add(result(now, output, given));
    }
    return results;
  }

  private Given given(List<Tensor> inputs) {
    Given given = new Given();
    for (Tensor tensor : inputs) {
      if (given.tensors.put(tensor.name(), tensor) != null) {
        throw new IllegalArgumentException("tensor '" + tensor.name() + "' is given twice");
      }
    }
    for (ExchangedModel.Input input : model.inputs()) {
      Tensor tensor = given.tensors.get(input.name());
      if (tensor == null && input.optional()) {
        continue;
      }
      if (tensor == null) {
        throw new IllegalArgumentException(
            "tensor '"
                + input.name()
                + "' is missing; given: "
                + new TreeSet<>(given.tensors.keySet()));
      }
      count(input, tensor, given);
    }
    TreeSet<String> unknown = new TreeSet<>(given.tensors.keySet());
    model.inputs().forEach(input -> unknown.remove(input.name()));
    if (!unknown.isEmpty()) {
      throw new IllegalArgumentException(
          "the model has no input " + unknown + "; it has " + names(model.inputs()));
    }
    given.batchSize = Math.max(1, given.batchSize);
    for (ExchangedModel.Input input : model.inputs()) {
      Tensor tensor = given.tensors.get(input.name());
      if (tensor != null && input.areLengths()) {
        given.lengths.put(input.value(), lengths(input, tensor, given));
      }
    }
    for (ExchangedModel.Input input : model.inputs()) {
      if (!input.areLengths()) {
        convert(input, given);
      }
    }
    for (ExchangedModel.Input input : model.inputs()) {
      if (input.mask() != null) {
        mask(input, input.mask(), given);
      }
    }
    return given;
  }

  private static List<String> names(List<ExchangedModel.Input> inputs) {
    return inputs.stream().map(ExchangedModel.Input::name).toList();
  }

  private String axis(ExchangedModel.Input input) {
    return shape(input).axis();
  }

  /** Takes note of the steps and sequences that a tensor has. */
  private void count(ExchangedModel.Input input, Tensor tensor, Given given) {
    int batch = input.layout().count(Kind.BATCH, input.name(), tensor.shape());
    int steps = input.layout().count(Kind.STEPS, input.name(), tensor.shape());
    if (input.layout().hasBatch()) {
      if (given.batchSize != 0 && given.batchSize != batch) {
        throw new IllegalArgumentException(
            "tensor '"
                + input.name()
                + "' has "
                + batch
                + " sequences; those before it have "
                + given.batchSize);
      }
      given.batchSize = batch;
    }
    String axis = input.areLengths() ? "" : axis(input);
    if (!axis.isEmpty() && !(shape(input) instanceof ValueShape.Vector)) {
      Integer known = given.steps.putIfAbsent(axis, Math.max(1, steps));
      if (known != null && known != Math.max(1, steps)) {
        throw new IllegalArgumentException(
            "tensor '" + input.name() + "' has " + steps + " steps; those before it have " + known);
      }
    }
  }

  private ValueShape shape(ExchangedModel.Input input) {
    return Objects.requireNonNull(shapes.get(input.value()));
  }

  private static int[] lengths(ExchangedModel.Input input, Tensor tensor, Given given) {
    long[] numbers = integers(tensor);
    int steps = given.steps.getOrDefault(input.value(), 0);
    int[] lengths = new int[given.batchSize];
    for (int b = 0; b < lengths.length; b++) {
      long length = numbers[numbers.length == 1 ? 0 : b];
      if (length < 0 || length > steps) {
        throw new IllegalArgumentException(
            "tensor '" + input.name() + "' has the length " + length + "; needed 0 to " + steps);
      }
      lengths[b] = (int) length;
    }
    return lengths;
  }

  private static long[] integers(Tensor tensor) {
    if (!tensor.type().isInteger()) {
      throw new IllegalArgumentException(
          "tensor '" + tensor.name() + "' is " + tensor.type() + "; needed integers");
    }
    return tensor.type().integers(little(tensor));
  }

  private static FloatBuffer reals(Tensor tensor) {
    if (!tensor.type().isReal()) {
      throw new IllegalArgumentException(
          "tensor '" + tensor.name() + "' is " + tensor.type() + "; needed F32, F16, BF16 or F64");
    }
    return tensor.type() == TensorType.F32
        ? little(tensor).asFloatBuffer()
        : FloatBuffer.wrap(tensor.type().floats(little(tensor)));
  }

  private static ByteBuffer little(Tensor tensor) {
    return tensor.data().slice().order(ByteOrder.LITTLE_ENDIAN);
  }

  private void convert(ExchangedModel.Input input, Given given) {
    Tensor tensor = Objects.requireNonNull(given.tensors.get(input.name()));
    if (shape(input) instanceof ValueShape.Tokens) {
      given.tokens.put(input.name(), tokens(input, tensor, given));
    } else {
      given.numbers.put(input.name(), reals(tensor));
    }
  }

  /** Finds the steps of an input that are there. */
  private void mask(ExchangedModel.Input input, float mask, Given given) {
    String axis = axis(input);
    int steps = Objects.requireNonNull(given.steps.get(axis));
    boolean[] there = new boolean[steps * given.batchSize];
    if (shape(input) instanceof ValueShape.Tokens) {
      int[] tokens = Objects.requireNonNull(given.tokens.get(input.name()));
      for (int i = 0; i < there.length; i++) {
        there[i] = tokens[i] != (int) mask;
      }
    } else {
      float[] numbers = inNetwork(input, given);
      int width = input.layout().width();
      for (int i = 0; i < numbers.length; i++) {
        there[i / width] |= numbers[i] != mask;
      }
    }
    int[][] present = new int[given.batchSize][];
    for (int b = 0; b < given.batchSize; b++) {
      int sequence = b;
      present[b] =
          IntStream.range(0, steps).filter(t -> there[t * given.batchSize + sequence]).toArray();
    }
    Steps found = new Steps(present);
    given.masks.put(axis, found);
    given.lengths.put(axis, found.lengths);
  }

  private NetworkPass pass(Given given) {
    Extent extent = model.network().complete(new Extent(given.batchSize, given.steps));
    NetworkPass known = pass;
    if (known != null && known.extent().equals(extent)) {
      return known;
    }
    if (known != null) {
      pass = null;
      known.close();
    }
    NetworkPass made = new NetworkPass(weights, extent, Mode.INFERENCE, storage, Set.of());
    pass = made;
    return made;
  }

  private int steps(ExchangedModel.Input input, Given given) {
    return given.steps.getOrDefault(axis(input), 1);
  }

  private int[] tokens(ExchangedModel.Input input, Tensor tensor, Given given) {
    long[] numbers = integers(tensor);
    int vocabulary = ((ValueShape.Tokens) shape(input)).vocabularySize();
    int[] tokens = new int[numbers.length];
    input
        .layout()
        .forEach(
            steps(input, given),
            given.batchSize,
            (inFile, inNetwork, count) -> {
              for (int i = 0; i < count; i++) {
                long token = numbers[inFile + i];
                if (token < 0 || token >= vocabulary) {
                  throw new IllegalArgumentException(
                      "tensor '"
                          + input.name()
                          + "' has the token "
                          + token
                          + "; needed 0 to "
                          + (vocabulary - 1));
                }
                tokens[inNetwork + i] = (int) token;
              }
            });
    return tokens;
  }

  /** Writes the numbers of an input in the order of the network. */
  private void arrange(ExchangedModel.Input input, Given given, FloatBuffer to) {
    FloatBuffer inFile = Objects.requireNonNull(given.numbers.get(input.name()));
    input
        .layout()
        .forEach(
            steps(input, given),
            given.batchSize,
            (from, at, count) -> move(inFile, from, to, at, count));
  }

  private static void move(FloatBuffer from, int start, FloatBuffer to, int at, int count) {
    if (count >= BULK) {
      to.put(at, from, start, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      to.put(at + i, from.get(start + i));
    }
  }

  private float[] inNetwork(ExchangedModel.Input input, Given given) {
    int elements = Objects.requireNonNull(given.numbers.get(input.name())).remaining();
    float[] numbers = new float[elements];
    arrange(input, given, FloatBuffer.wrap(numbers));
    return numbers;
  }

  private void put(NetworkPass now, ExchangedModel.Input input, Given given) {
    String axis = axis(input);
    Steps there = given.masks.get(axis);
    int[] lengths = bringAxis.contains(input.value()) ? given.lengths.get(axis) : null;
    if (shape(input) instanceof ValueShape.Tokens) {
      int[] tokens = Objects.requireNonNull(given.tokens.get(input.name()));
      int[] together = there == null ? tokens : new int[tokens.length];
      if (there != null) {
        together(there, given.batchSize, (to, from) -> together[to] = tokens[from]);
      }
      now.put(input.value(), together, lengths);
    } else {
      now.write(input.value(), lengths, to -> write(input, given, there, to));
    }
  }

  /** Writes an input, those steps of it that are there. */
  private void write(
      ExchangedModel.Input input, Given given, @Nullable Steps there, FloatBuffer to) {
    if (there == null || !(shape(input) instanceof ValueShape.Sequence)) {
      arrange(input, given, to);
      return;
    }
    float[] numbers = inNetwork(input, given);
    int width = input.layout().width();
    together(
        there, given.batchSize, (at, from) -> to.put(at * width, numbers, from * width, width));
  }

  private interface RowMove {
    void row(int to, int from);
  }

  /** The steps that are there, one after the other. */
  private static void together(Steps there, int batchSize, RowMove move) {
    for (int b = 0; b < batchSize; b++) {
      for (int t = 0; t < there.lengths[b]; t++) {
        move.row(t * batchSize + b, there.there[b][t] * batchSize + b);
      }
    }
  }

  private Tensor result(NetworkPass now, ExchangedModel.Output output, Given given) {
    List<Tensor> result = new ArrayList<>();
    weights
        .backend()
        .read(now.value(output.value()), values -> result.add(result(now, output, given, values)));
    return result.get(0);
  }

  private Tensor result(
      NetworkPass now, ExchangedModel.Output output, Given given, FloatBuffer values) {
    ValueShape shape = Objects.requireNonNull(shapes.get(output.value()));
    int steps =
        shape instanceof ValueShape.Sequence
            ? now.extent().timeSteps().getOrDefault(shape.axis(), 1)
            : 1;
    Steps there = given.masks.get(shape.axis());
    FloatBuffer inNetwork =
        there != null && shape instanceof ValueShape.Sequence
            ? apart(values, there, steps, output, given.batchSize, shape.width())
            : values;
    List<Long> sizes = output.layout().shape(steps, given.batchSize);
    if (output.likeliest()) {
      int[] likeliest = likeliest(inNetwork, shape.width());
      long[] inFile = new long[likeliest.length];
      output
          .layout()
          .forEach(
              steps,
              given.batchSize,
              (to, from, count) -> {
                for (int i = 0; i < count; i++) {
                  inFile[to + i] = likeliest[from + i];
                }
              });
      return Tensor.ofIntegers(output.name(), inFile, sizes);
    }
    ByteBuffer inFile =
        ByteBuffer.allocate(Math.multiplyExact(inNetwork.remaining(), Float.BYTES))
            .order(ByteOrder.LITTLE_ENDIAN);
    FloatBuffer numbers = inFile.asFloatBuffer();
    output
        .layout()
        .forEach(
            steps, given.batchSize, (to, from, count) -> move(inNetwork, from, numbers, to, count));
    return new Tensor(output.name(), TensorType.F32, sizes, inFile);
  }

  /** Steps back at their places, and at those that are not there what the output has there. */
  private static FloatBuffer apart(
      FloatBuffer values,
      Steps there,
      int steps,
      ExchangedModel.Output output,
      int batchSize,
      int width) {
    float[] apart = new float[values.remaining()];
    for (int t = 0; t < steps; t++) {
      for (int b = 0; b < batchSize; b++) {
        int from = there.row(t, b, output.absent()) * batchSize + b;
        values.get(from * width, apart, (t * batchSize + b) * width, width);
      }
    }
    return FloatBuffer.wrap(apart);
  }

  /** The column of the largest of each row, the first of equals. */
  private static int[] likeliest(FloatBuffer values, int width) {
    int[] columns = new int[values.remaining() / width];
    for (int row = 0; row < columns.length; row++) {
      for (int i = 1; i < width; i++) {
        if (values.get(row * width + i) > values.get(row * width + columns[row])) {
          columns[row] = i;
        }
      }
    }
    return columns;
  }

  /** Frees the memory; the backend stays open. */
  @Override
  public void close() {
    closed = true;
    NetworkPass known = pass;
    pass = null;
    try {
      if (known != null) {
        known.close();
      }
    } finally {
      weights.close();
    }
  }
}
