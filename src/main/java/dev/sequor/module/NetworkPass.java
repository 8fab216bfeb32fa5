package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BatchPart;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Philox;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.Required;
import dev.sequor.backend.StepInput;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A network bound to weights and to one shape of batches: all its memory is made once, and its
 * passes allocate nothing. Inputs are {@linkplain #put given} and checked on the host, and copied
 * up by {@link #upload()} or as the {@linkplain #takeInputs() inputs} of a recorded step. Whoever
 * makes a pass closes it. Used by the thread that owns the backend only.
 *
 * <pre>{@code
 * try (NetworkPass pass = new NetworkPass(weights, Extent.of("x", T, B), Mode.TRAINING)) {
 *   pass.put("x", values, lengths);
 *   pass.upload();
 *   pass.forward();
 *   pass.gradient("y").write(dy);   // the network's output
 *   pass.backward();                // adds to weights.gradients()
 * }
 * }</pre>
 */
public final class NetworkPass implements AutoCloseable {
  /** INT32 elements from one random key to the next: each on a boundary of its own. */
  private static final int KEY_STRIDE = 8;

  private final Backend backend;
  private final NetworkWeights weights;
  private final Network network;
  private final Extent extent;

  /** The time axes that nodes bring. */
  private final Set<String> fixedAxes;

  private final Mode mode;
  private final WeightStorage weightStorage;
  private final Set<String> inputGradients;

  private final Map<String, Value> values = new LinkedHashMap<>();
  private final Map<String, Axis> axes = new LinkedHashMap<>();
  private final List<Buffer> memory = new ArrayList<>();
  private final List<Working> working = new ArrayList<>();

  /** Nodes that run backward, in the order in which they do. */
  private final List<Working> back = new ArrayList<>();

  private @Nullable Buffer keys;
  private @Nullable ByteBuffer keyStaging;
  private final List<Integer> keyStreams = new ArrayList<>();
  private final List<OfStep> ofSteps = new ArrayList<>();

  /** What was given since the last copy to the device. */
  private final Map<Buffer, StepInput> staged = new LinkedHashMap<>();

  private @Nullable NetworkState state;

  /** Of the nodes that start from a state they are given: the marks that the forward pass found. */
  private @Nullable Buffer marks;

  private final Map<String, Buffer> marksByNode = new HashMap<>();
  private boolean forwardDone;
  private boolean closed;

  /** A value of the network, with its memory. */
  private static final class Value {
    final ValueShape shape;
    final Buffer buffer;

    /** Only of an input of tokens or to train with: what was put last, before it is copied up. */
    @Nullable ByteBuffer staging;

    boolean given;
    @Nullable Buffer gradient;

    Value(ValueShape shape, Buffer buffer) {
      this.shape = shape;
      this.buffer = buffer;
    }
  }

  /** A time axis, with the lengths of its sequences. */
  private static final class Axis {
    final int timeSteps;
    final int[] lengths;
    final Buffer buffer;
    final ByteBuffer staging;
    final List<Derived> derived = new ArrayList<>();
    boolean full = true;

    Axis(int timeSteps, int batchSize, Buffer buffer) {
      this.timeSteps = timeSteps;
      this.lengths = new int[batchSize];
      this.buffer = buffer;
      this.staging = Backend.hostMemory(DType.INT32, batchSize);
    }
  }

  /** Integers that follow from lengths. */
  private record Derived(Buffer buffer, ByteBuffer staging, Binding.OfLengths written) {}

  /** Integers that follow from the number of a training step. */
  private record OfStep(Buffer buffer, ByteBuffer staging, Binding.OfStep written) {}

  /** A node at work. */
  private static final class Working {
    final Pass pass;

    /** After its backward pass: the gradients by values that others have contributed to already. */
    final List<Sum> sums = new ArrayList<>();

    Working(Pass pass) {
      this.pass = pass;
    }
  }

  /** A contribution to a gradient. */
  private record Sum(ColumnCopy add, Buffer contribution, Buffer gradient) {}

  /**
   * A pass over batches of one shape.
   *
   * @param weights stay the caller's, and must outlive this
   * @throws IllegalArgumentException if {@code extent} lacks a time axis of the network
   * @throws dev.sequor.backend.BackendException if there is not enough memory
   */
  public NetworkPass(NetworkWeights weights, Extent extent, Mode mode) {
    this(weights, extent, mode, WeightStorage.FLOAT32, Set.of());
  }

  /**
   * The same.
   *
   * @param inferenceWeights how recurrent matrices are kept in inference
   * @param inputGradients the inputs by which {@link #backward()} takes the gradient as well
   * @throws IllegalArgumentException also if {@code inputGradients} names none, or tokens
   */
  public NetworkPass(
      NetworkWeights weights,
      Extent extent,
      Mode mode,
      WeightStorage inferenceWeights,
      Set<String> inputGradients) {
    this.backend = Required.present("weights", weights).backend();
    this.weights = weights;
    this.network = weights.network();
    this.extent = network.complete(extent);
    this.fixedAxes = network.fixedSteps().keySet();
    this.mode = Required.present("mode", mode);
    Required.present("inferenceWeights", inferenceWeights);
    for (String name : Required.present("inputGradients", inputGradients)) {
      Required.present("an input's name", name);
    }
    backend.requireThread();
    this.weightStorage = mode == Mode.INFERENCE ? inferenceWeights : WeightStorage.FLOAT32;
    this.inputGradients = Set.copyOf(inputGradients);
    for (String name : inputGradients) {
      ValueShape shape = input(name).shape();
      if (shape instanceof ValueShape.Tokens || mode != Mode.TRAINING) {
        throw new IllegalArgumentException(
            "the gradient by input '"
                + name
                + "', "
                + shape
                + ", was asked for; needed real"
                + " numbers, in training");
      }
    }
    try {
      bind();
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  private Network.Input input(String name) {
    Required.present("name", name);
    return network.inputs().stream()
        .filter(input -> input.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "the network has no input '"
                        + name
                        + "'; it has "
                        + network.inputs().stream().map(Network.Input::name).toList()));
  }

  // ---- binding ---------------------------------------------------------------------------------

  private void bind() {
    for (Network.Input input : network.inputs()) {
      if (input.bringsAxis()) {
        addAxis(input.name());
      }
      Value value = value(input.name(), input.shape());
      if (mode == Mode.TRAINING || value.buffer.type() == DType.INT32) {
        value.staging = Backend.hostMemory(value.buffer.type(), value.buffer.elements());
      }
    }
    fixedAxes.forEach(this::addAxis);
    Gradients wanted = Gradients.of(network, mode, inputGradients);
    network
        .shapes()
        .forEach(
            (name, shape) -> {
              if (!values.containsKey(name)) {
                value(name, shape);
              }
            });
    allocateGradients(wanted);
    allocateKeys();
    allocateMarks();
    bindNodes(wanted);
  }

  private void addAxis(String name) {
    int batchSize = extent.batchSize();
    axes.put(name, new Axis(extent.timeSteps(name), batchSize, allocate(DType.INT32, batchSize)));
  }

  private Value value(String name, ValueShape shape) {
    DType type = shape instanceof ValueShape.Tokens ? DType.INT32 : DType.FLOAT32;
    Value value = new Value(shape, allocate(type, extent.elements(shape)));
    values.put(name, value);
    return value;
  }

  private Value required(String name) {
    Required.present("name", name);
    Value value = values.get(name);
    if (value == null) {
      throw new IllegalArgumentException(
          "the network has no value '" + name + "'; it has " + values.keySet());
    }
    return value;
  }

  private void allocateGradients(Gradients wanted) {
    for (Map.Entry<String, Value> entry : values.entrySet()) {
      Value value = entry.getValue();
      if (!wanted.wants(entry.getKey())) {
        continue;
      }
      // Where nobody reads a value again, the gradient by it takes its place.
      value.gradient =
          wanted.replacesValue(entry.getKey())
              ? value.buffer
              : allocate(DType.FLOAT32, value.buffer.elements());
    }
  }

  private void allocateKeys() {
    int keyed = 0;
    for (Network.Node node : network.nodes()) {
      keyed += node.module().randomStreams() > 0 ? 1 : 0;
    }
    if (mode == Mode.TRAINING && keyed > 0) {
      keys = allocate(DType.INT32, (long) keyed * KEY_STRIDE);
      keyStaging = Backend.hostMemory(DType.INT32, keys.elements());
    }
  }

  private void allocateMarks() {
    List<String> starting = List.copyOf(network.startingNodes());
    if (!starting.isEmpty()) {
      Buffer all = allocate(DType.INT32, starting.size());
      marks = all;
      for (int i = 0; i < starting.size(); i++) {
        marksByNode.put(starting.get(i), all.slice(i, 1));
      }
    }
  }

  private void bindNodes(Gradients wanted) {
    Map<String, ValueShape> shapes = network.shapes();
    int stream = Philox.Stream.DROPOUT.number();
    Scratch scratch = new Scratch();
    // Contributions to a gradient come from the last reader of a value first.
    Map<Network.Node, List<Sum>> sums = new HashMap<>();
    Map<Network.Node, List<@Nullable Buffer>> inputGradientsOf =
        inputGradientsOf(wanted, scratch, sums);
    for (Network.Node node : network.nodes()) {
      List<Binding.Port> inputs = new ArrayList<>();
      List<@Nullable Buffer> gradients = inputGradientsOf.get(node);
      for (int i = 0; i < node.inputs().size(); i++) {
        Value value = required(node.inputs().get(i));
        inputs.add(
            new Binding.Port(
                value.shape, value.buffer, gradients == null ? null : gradients.get(i)));
      }
      List<Binding.Port> outputs = new ArrayList<>();
      List<Boolean> used = new ArrayList<>();
      for (Module.Output output : Network.outputsOf(node, shapes)) {
        Value value = required(output.name());
        outputs.add(new Binding.Port(value.shape, value.buffer, value.gradient));
        used.add(wanted.isRead(output.name()));
      }
      List<Buffer> parameters = new ArrayList<>();
      List<Buffer> parameterGradients = new ArrayList<>();
      for (NetworkLayout.Placed block : weights.layout().blocks(node.name())) {
        long elements = block.block().elements();
        parameters.add(weights.parameters().slice(block.offset(), elements));
        if (mode == Mode.TRAINING) {
          parameterGradients.add(weights.gradients().slice(block.offset(), elements));
        }
      }
      Buffer key = null;
      if (keys != null && node.module().randomStreams() > 0) {
        key = keys.slice((long) keyStreams.size() * KEY_STRIDE, RandomKey.ELEMENTS);
        keyStreams.add(stream);
      }
      stream += node.module().randomStreams();
      Working work =
          new Working(
              node.module()
                  .bind(
                      new Binding(
                          this, node, inputs, outputs, parameters, parameterGradients, key, used)));
      working.add(work);
      work.sums.addAll(sums.getOrDefault(node, List.of()));
      if (wanted.runsBackward(node)) {
        back.add(0, work);
      }
    }
  }

  /** Memory for contributions: each is added to its gradient before the next one is made. */
  private final class Scratch {
    private final Map<Integer, Buffer> buffers = new HashMap<>();

    Buffer get(int number, long elements) {
      Buffer known = buffers.get(number);
      if (known == null || known.elements() < elements) {
        known = allocate(DType.FLOAT32, elements);
        buffers.put(number, known);
      }
      return known.slice(0, elements);
    }
  }

  private Map<Network.Node, List<@Nullable Buffer>> inputGradientsOf(
      Gradients wanted, Scratch scratch, Map<Network.Node, List<Sum>> sums) {
    Map<Network.Node, List<@Nullable Buffer>> all = new HashMap<>();
    Set<String> contributed = new HashSet<>(network.outputs());
    List<Network.Node> nodes = network.nodes();
    for (int n = nodes.size() - 1; n >= 0; n--) {
      Network.Node node = nodes.get(n);
      if (!wanted.runsBackward(node)) {
        continue;
      }
      List<@Nullable Buffer> gradients = new ArrayList<>();
      int extra = 0;
      for (String input : node.inputs()) {
        Value value = required(input);
        Buffer gradient = value.gradient;
        if (gradient == null || contributed.add(input)) {
          gradients.add(gradient);
          continue;
        }
        Buffer contribution = scratch.get(extra++, gradient.elements());
        gradients.add(contribution);
        sums.computeIfAbsent(node, k -> new ArrayList<>())
            .add(
                new Sum(
                    ColumnCopy.whole(extent.rows(value.shape), value.shape.width(), 1f, true),
                    contribution,
                    gradient));
      }
      all.put(node, gradients);
    }
    return all;
  }

  // ---- for bindings ----------------------------------------------------------------------------

  /** Where this runs. */
  public Backend backend() {
    return backend;
  }

  /** The sizes of its batches. */
  public Extent extent() {
    return extent;
  }

  boolean isTraining() {
    return mode == Mode.TRAINING;
  }

  WeightStorage weightStorage() {
    return weightStorage;
  }

  /**
   * Memory, filled with zeros, that is freed with this pass: for whoever works beside the modules.
   */
  public Buffer allocate(DType type, long elements) {
    Buffer buffer = backend.allocate(type, elements);
    memory.add(buffer);
    return buffer;
  }

  /**
   * INT32 memory {@code [elements]} that holds, in every pass, what {@code written} makes of the
   * lengths along a time axis: for whoever works beside the modules, for example on a loss.
   */
  public Buffer fromLengths(String axisName, int elements, Binding.OfLengths written) {
    Axis axis = axes.get(Required.present("axis", axisName));
    if (axis == null) {
      throw new IllegalArgumentException(
          "there is no time axis '" + axisName + "' with lengths; there are " + axes.keySet());
    }
    Required.present("written", written);
    requireOpen();
    Derived derived =
        new Derived(
            allocate(DType.INT32, elements), Backend.hostMemory(DType.INT32, elements), written);
    axis.derived.add(derived);
    if (fixedAxes.contains(axisName)) {
      // No input says lengths, now or later.
      written.write(lengthsOnHost(axisName), derived.staging().clear().asIntBuffer());
      backend.upload(derived.staging(), derived.buffer());
    }
    return derived.buffer();
  }

  Buffer fromStep(int elements, Binding.OfStep written) {
    Required.present("written", written);
    OfStep made =
        new OfStep(
            allocate(DType.INT32, elements), Backend.hostMemory(DType.INT32, elements), written);
    ofSteps.add(made);
    return made.buffer();
  }

  @Nullable Buffer carriedState(String node) {
    return state == null ? null : state.of(node);
  }

  @Nullable Buffer carriedStateMark(String node) {
    return marksByNode.get(node);
  }

  /**
   * The lengths INT32 {@code [B]} along a time axis in this pass; null if every sequence has T
   * steps.
   */
  public @Nullable Buffer lengths(String axisName) {
    Axis axis = axes.get(Required.present("axis", axisName));
    return axis == null || axis.full ? null : axis.buffer;
  }

  /** How many steps each sequence has along a time axis, {@code [B]}; not to be modified. */
  public int[] lengthsOnHost(String axisName) {
    Axis axis = axes.get(Required.present("axis", axisName));
    if (axis == null) {
      throw new IllegalArgumentException(
          "the network has no time axis '" + axisName + "'; it has " + axes.keySet());
    }
    if (axis.full) {
      Arrays.fill(axis.lengths, axis.timeSteps);
    }
    return axis.lengths;
  }

  // ---- inputs ----------------------------------------------------------------------------------

  /**
   * Gives tokens {@code [T,B]}, time-major, to an input; every sequence has T steps, unless another
   * input brings the time axis.
   *
   * @throws IllegalArgumentException if they do not fit; names the first that does not
   */
  public void put(String name, int[] tokens) {
    put(name, tokens, null);
  }

  /**
   * The same, of padded sequences.
   *
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps. Only for an input
   *     that brings a time axis. Tokens past a sequence's end are not looked at
   */
  public void put(String name, int[] tokens, int @Nullable [] lengths) {
    Network.Input input = input(name);
    if (!(input.shape() instanceof ValueShape.Tokens shape)) {
      throw new IllegalArgumentException(
          "the input is tokens; the model reads vectors of width " + input.shape().width());
    }
    Value value = required(name);
    requireOpen();
    requireSize("tokens", Required.present("tokens", tokens).length, value, "");
    requireLengths(input, lengths);
    Axis axis = axis(shape.axis());
    int @Nullable [] ends = input.bringsAxis() ? lengths : axis.full ? null : axis.lengths;
    requireTokens(tokens, ends, shape.vocabularySize());
    // Nothing has changed up to here.
    takeLengths(input, lengths);
    IntBuffer staging = staging(value).clear().asIntBuffer();
    int batchSize = extent.batchSize();
    for (int i = 0; i < tokens.length; i++) {
      boolean valid = ends == null || i / batchSize < ends[i % batchSize];
      staging.put(i, valid ? tokens[i] : -1);
    }
    stage(value);
  }

  private void requireTokens(int[] tokens, int @Nullable [] ends, int vocabularySize) {
    int batchSize = extent.batchSize();
    for (int t = 0; t < tokens.length / batchSize; t++) {
      for (int b = 0; b < batchSize; b++) {
        int token = tokens[t * batchSize + b];
        boolean valid = ends == null || t < ends[b];
        if (valid && (token < 0 || token >= vocabularySize)) {
          throw new IllegalArgumentException(
              "token at t="
                  + t
                  + " b="
                  + b
                  + " is "
                  + token
                  + "; a vocabulary of "
                  + vocabularySize
                  + " needs 0 to "
                  + (vocabularySize - 1));
        }
      }
    }
  }

  /**
   * Gives real numbers to an input, {@code [T,B,width]}, time-major, for sequences; every sequence
   * has T steps, unless another input brings the time axis.
   *
   * @throws IllegalArgumentException if they do not fit
   */
  public void put(String name, float[] numbers) {
    put(name, numbers, null);
  }

  /**
   * The same, of padded sequences.
   *
   * @param lengths {@code [B]}, each 0…T; null when every sequence has T steps. Only for an input
   *     that brings a time axis. Numbers past a sequence's end are not looked at
   */
  public void put(String name, float[] numbers, int @Nullable [] lengths) {
    Value value = reals(name, lengths);
    requireSize(
        "input", Required.present("numbers", numbers).length, value, " I=" + value.shape.width());
    take(name, value, lengths, to -> to.put(numbers));
  }

  /**
   * The same with numbers that are written, in any order, right to where the device copies them
   * from: for whoever has them in another order, and would copy them twice.
   *
   * @param lengths as above
   * @param writer is given room for {@code [T,B,width]} numbers, and writes all of them; if it
   *     fails, the input counts as not given
   */
  public void write(String name, int @Nullable [] lengths, Consumer<FloatBuffer> writer) {
    Required.present("writer", writer);
    take(name, reals(name, lengths), lengths, writer);
  }

  /** The input of this name, if it takes real numbers, and lengths as these are. */
  private Value reals(String name, int @Nullable [] lengths) {
    Network.Input input = input(name);
    if (input.shape() instanceof ValueShape.Tokens shape) {
      throw new IllegalArgumentException(
          "the input is real vectors; the model reads tokens of a vocabulary of "
              + shape.vocabularySize());
    }
    requireOpen();
    requireLengths(input, lengths);
    return required(name);
  }

  private void take(
      String name, Value value, int @Nullable [] lengths, Consumer<FloatBuffer> writer) {
    // Nothing has changed up to here.
    takeLengths(input(name), lengths);
    value.given = false;
    staged.remove(value.buffer);
    Consumer<FloatBuffer> padded =
        to -> {
          writer.accept(to);
          if (value.shape instanceof ValueShape.Sequence shape) {
            zeroPadding(axis(shape.axis()), shape.width(), to);
          }
        };
    if (mode == Mode.INFERENCE) {
      backend.write(value.buffer, padded); // no backward pass will read what was there
      value.given = true;
    } else {
      padded.accept(staging(value).clear().asFloatBuffer());
      stage(value);
    }
  }

  /** What is past an end may be anything, and must not reach a product, were it NaN. */
  private void zeroPadding(Axis axis, int width, FloatBuffer to) {
    if (axis.full) {
      return;
    }
    int batchSize = extent.batchSize();
    for (int b = 0; b < batchSize; b++) {
      for (int t = axis.lengths[b]; t < axis.timeSteps; t++) {
        int at = (t * batchSize + b) * width;
        for (int j = 0; j < width; j++) {
          to.put(at + j, 0f);
        }
      }
    }
  }

  private Axis axis(String name) {
    Axis axis = axes.get(name);
    if (axis == null) {
      throw new IllegalStateException("there is no time axis '" + name + "'");
    }
    return axis;
  }

  private static ByteBuffer staging(Value value) {
    ByteBuffer staging = value.staging;
    if (staging == null) {
      throw new IllegalStateException("the value is no input");
    }
    return staging;
  }

  private void stage(Value value) {
    staged.put(value.buffer, new StepInput(staging(value), value.buffer));
    value.given = true;
  }

  private void requireSize(String name, int given, Value value, String widths) {
    if (given != value.buffer.elements()) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + given
              + " elements; a batch with T="
              + extent.timeSteps(value.shape.axis())
              + " B="
              + extent.batchSize()
              + widths
              + " needs "
              + value.buffer.elements());
    }
  }

  private void requireLengths(Network.Input input, int @Nullable [] given) {
    if (given == null) {
      return;
    }
    if (!input.bringsAxis()) {
      throw new IllegalArgumentException(
          "lengths were given with input '"
              + input.name()
              + "'; needed with the one that brings its time axis");
    }
    int timeSteps = axis(input.name()).timeSteps;
    int batchSize = extent.batchSize();
    if (given.length != batchSize) {
      throw new IllegalArgumentException(
          "lengths holds " + given.length + " elements; B=" + batchSize + " needs " + batchSize);
    }
    for (int b = 0; b < batchSize; b++) {
      if (given[b] < 0 || given[b] > timeSteps) {
        throw new IllegalArgumentException(
            "lengths[" + b + "] is " + given[b] + "; needed 0 to T=" + timeSteps);
      }
    }
  }

  /** Of an input that brings a time axis: the lengths along it, which have been checked. */
  private void takeLengths(Network.Input input, int @Nullable [] given) {
    if (!input.bringsAxis()) {
      return;
    }
    Axis axis = axis(input.name());
    int[] before = lengthsOnHost(input.name()).clone();
    if (given != null) {
      System.arraycopy(given, 0, axis.lengths, 0, given.length);
      axis.staging.clear().asIntBuffer().put(given);
      staged.put(axis.buffer, new StepInput(axis.staging, axis.buffer));
    } else {
      staged.remove(axis.buffer);
    }
    axis.full = given == null;
    if (!Arrays.equals(before, lengthsOnHost(input.name()))) {
      forgetAlong(input);
    }
    for (Derived derived : axis.derived) {
      derived.written().write(lengthsOnHost(input.name()), derived.staging().clear().asIntBuffer());
      staged.put(derived.buffer(), new StepInput(derived.staging(), derived.buffer()));
    }
  }

  /** What other inputs along its time axis were given was cut at other ends. */
  private void forgetAlong(Network.Input input) {
    for (Network.Input other : network.inputs()) {
      if (!other.name().equals(input.name()) && other.shape().axis().equals(input.name())) {
        required(other.name()).given = false;
      }
    }
  }

  /**
   * Gives the random numbers of a step of a training, for dropout, and what else follows from its
   * number.
   *
   * @param seed of the training
   * @param offset the number of the step, 0 for the first
   */
  public void randomNumbers(long seed, long offset) {
    randomNumbers(seed, offset, BatchPart.WHOLE);
  }

  /**
   * The same for sequences of a larger batch, each of which draws as it would there.
   *
   * @param part which they are
   * @throws IllegalArgumentException if they are not as many as this pass has
   */
  public void randomNumbers(long seed, long offset, BatchPart part) {
    if (!Required.present("part", part).isWhole() && part.count() != extent.batchSize()) {
      throw new IllegalArgumentException(
          "the part has "
              + part.count()
              + " sequences; needed "
              + extent.batchSize()
              + ", those of this pass");
    }
    for (OfStep of : ofSteps) {
      of.written().write(offset, of.staging().clear().asIntBuffer());
      staged.put(of.buffer(), new StepInput(of.staging(), of.buffer()));
    }
    if (keys == null || keyStaging == null) {
      return;
    }
    var words = keyStaging.clear().asIntBuffer();
    for (int i = 0; i < keyStreams.size(); i++) {
      words.put(i * KEY_STRIDE, new RandomKey(seed, keyStreams.get(i), offset, part).words());
    }
    staged.put(keys, new StepInput(keyStaging, keys));
  }

  /**
   * What was given since the last copy to the device, for a step that begins with it; in the order
   * in which it was first given.
   */
  public List<StepInput> takeInputs() {
    List<StepInput> inputs = List.copyOf(staged.values());
    staged.clear();
    return inputs;
  }

  /** Copies what was given since the last copy to the device. */
  public void upload() {
    for (StepInput input : takeInputs()) {
      backend.upload(input.source(), input.target());
    }
  }

  // ---- passes ----------------------------------------------------------------------------------

  /**
   * Carries {@code carried} in the passes from now on: sequences start from it, and their final
   * states replace it. Null to start anew, from zero or from the states that nodes are given, and
   * to keep nothing.
   *
   * @throws IllegalArgumentException if it is of another number of streams
   */
  public void carry(@Nullable NetworkState carried) {
    requireOpen();
    if (carried != null && carried.values().backend() != backend) {
      throw new IllegalArgumentException(
          "the state lives on another backend, "
              + carried.values().backend().name()
              + "; needed memory of "
              + backend.name());
    }
    if (carried != null && carried.batchSize() != extent.batchSize()) {
      throw new IllegalArgumentException(
          "the state carries "
              + carried.batchSize()
              + " sequences; a batch with B="
              + extent.batchSize()
              + " needs "
              + extent.batchSize());
    }
    state = carried;
  }

  /**
   * From the inputs to all values. Queued; see {@link Backend}.
   *
   * @throws IllegalStateException if an input was never given, or this is closed
   */
  public void forward() {
    requireOpen();
    for (Network.Input input : network.inputs()) {
      if (!required(input.name()).given) {
        throw new IllegalStateException("input '" + input.name() + "' has not been given");
      }
    }
    NetworkState carried = state;
    Buffer found = carried == null ? null : carried.allMarks();
    if (found != null && marks != null) {
      backend.copy(found, marks);
    }
    for (Working work : working) {
      work.pass.forward();
    }
    if (carried != null) {
      carried.goOn();
    }
    forwardDone = true;
  }

  /**
   * From the {@linkplain #gradient gradients} by the network's outputs to those by the parameters,
   * which are added to.
   *
   * @throws IllegalStateException if this is no pass for training, no forward pass went before, or
   *     this is closed
   */
  public void backward() {
    requireOpen();
    if (mode != Mode.TRAINING || !forwardDone) {
      throw new IllegalStateException("backward needs a forward pass in training before it");
    }
    for (Working work : back) {
      work.pass.backward();
      for (Sum sum : work.sums) {
        backend.copyColumns(sum.add(), sum.contribution(), sum.gradient());
      }
    }
  }

  /**
   * The memory of a value: of an input, or of what a node makes. Good until the next pass, or until
   * the gradient takes its place.
   *
   * @throws IllegalArgumentException if there is none of this name; the message lists all
   */
  public Buffer value(String name) {
    return required(name).buffer;
  }

  /**
   * Whether a {@link #gradient} by a value is taken; not of an input that no output depends on,
   * though its gradient was asked for: it is zero.
   *
   * @throws IllegalArgumentException if there is no value of this name; the message lists all
   */
  public boolean hasGradient(String name) {
    return required(name).gradient != null;
  }

  /**
   * The gradient by a value, in training: of the network's outputs, to be written before {@link
   * #backward()}; of the inputs asked for, to be read after it. The gradient by an output may take
   * the place of the output itself.
   *
   * @throws IllegalArgumentException if no gradient by it is taken
   */
  public Buffer gradient(String name) {
    Buffer gradient = required(name).gradient;
    if (gradient == null) {
      throw new IllegalArgumentException(
          "no gradient by '"
              + name
              + "' is taken; needed training, and an output of the network"
              + " or an input whose gradient was asked for");
    }
    return gradient;
  }

  private void requireOpen() {
    backend.requireThread();
    if (closed) {
      throw new IllegalStateException("the pass is used after close");
    }
  }

  /** Frees the passes of all modules and their memory; the weights stay. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    if (!backend.isClosed()) {
      backend.requireThread();
      backend.synchronize(); // queued work may still use the memory; refused within a step
    }
    closed = true;
    for (Working work : working) {
      work.pass.close();
    }
    memory.forEach(Buffer::close);
  }
}
