package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Sizes;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a module is bound to: the backend, the sizes, and the memory of its inputs, outputs, tensors
 * and their gradients. Buffers are the same in every pass, but for those that say otherwise.
 */
public final class Binding {
  /** Integers that follow from the lengths of the sequences. */
  @FunctionalInterface
  public interface OfLengths {
    /**
     * Writes all of them.
     *
     * @param lengths {@code [B]}, T each where no lengths were given; not to be modified
     * @param to from its start
     */
    void write(int[] lengths, IntBuffer to);
  }

  /** Integers that follow from the number of the training step. */
  @FunctionalInterface
  public interface OfStep {
    /**
     * Writes all of them.
     *
     * @param step of the training, 0 for the first
     * @param to from its start
     */
    void write(long step, IntBuffer to);
  }

  /** One value of the network, as a module sees it: its memory, and that of the gradient by it. */
  record Port(ValueShape shape, Buffer value, @Nullable Buffer gradient) {}

  private final NetworkPass pass;
  private final Network.Node node;
  private final List<Port> inputs;
  private final List<Port> outputs;
  private final List<Buffer> parameters;
  private final List<Buffer> gradients;
  private final @Nullable Buffer randomKey;
  private final List<Boolean> used;

  /** How many rows of the module each row of the memory is. */
  private final int parts;

  Binding(
      NetworkPass pass,
      Network.Node node,
      List<Port> inputs,
      List<Port> outputs,
      List<Buffer> parameters,
      List<Buffer> gradients,
      @Nullable Buffer randomKey,
      List<Boolean> used) {
    this(pass, node, inputs, outputs, parameters, gradients, randomKey, used, 1);
  }

  private Binding(
      NetworkPass pass,
      Network.Node node,
      List<Port> inputs,
      List<Port> outputs,
      List<Buffer> parameters,
      List<Buffer> gradients,
      @Nullable Buffer randomKey,
      List<Boolean> used,
      int parts) {
    this.pass = pass;
    this.node = node;
    this.inputs = inputs;
    this.outputs = outputs;
    this.parameters = parameters;
    this.gradients = gradients;
    this.randomKey = randomKey;
    this.used = used;
    this.parts = parts;
  }

  /** The same memory, each row of which is {@code count} rows of a module. */
  Binding inParts(int count) {
    return new Binding(
        pass,
        node,
        narrowed(inputs, count),
        narrowed(outputs, count),
        parameters,
        gradients,
        randomKey,
        used,
        count);
  }

  private static List<Port> narrowed(List<Port> ports, int parts) {
    return ports.stream()
        .map(
            port ->
                new Port(
                    Shapes.withWidth(port.shape(), port.shape().width() / parts),
                    port.value(),
                    port.gradient()))
        .toList();
  }

  /** Where the pass runs. */
  public Backend backend() {
    return pass.backend();
  }

  /** Whether a backward pass may follow; otherwise there are no gradients. */
  public boolean isTraining() {
    return pass.isTraining();
  }

  /** How recurrent matrices are kept in inference; float32 in training. */
  public WeightStorage weightStorage() {
    return pass.weightStorage();
  }

  /** {@code B}. */
  public int batchSize() {
    return pass.extent().batchSize();
  }

  /** {@code T} of the time axis of input {@code i}; 1 if it has none. */
  public int timeSteps(int i) {
    return pass.extent().timeSteps(inputShape(i).axis());
  }

  /** How many inputs there are. */
  public int inputs() {
    return inputs.size();
  }

  /** What input {@code i} is. */
  public ValueShape inputShape(int i) {
    return at("inputs", inputs, i).shape();
  }

  /** What output {@code i} is. */
  public ValueShape outputShape(int i) {
    return at("outputs", outputs, i).shape();
  }

  /** Rows of input {@code i}, each as wide as its last axis: {@code T·B} of a sequence. */
  public int rows(int i) {
    int rows = pass.extent().rows(inputShape(i));
    return (int) Sizes.product("parts · rows", Integer.MAX_VALUE, parts, rows);
  }

  /** The memory of input {@code i}; only read. */
  public Buffer input(int i) {
    return at("inputs", inputs, i).value();
  }

  /** The memory of output {@code i}; forward overwrites it. */
  public Buffer output(int i) {
    return at("outputs", outputs, i).value();
  }

  /** Whether anything reads output {@code i}. */
  public boolean isUsed(int i) {
    return at("outputs", used, i);
  }

  /**
   * The gradient by input {@code i}, which backward overwrites, padding included; null if nobody
   * wants it.
   */
  public @Nullable Buffer inputGradient(int i) {
    return at("inputs", inputs, i).gradient();
  }

  /** The same, of a module that has no other reason to run backward. */
  public Buffer neededInputGradient(int i) {
    return needed(inputGradient(i), "input " + i);
  }

  /**
   * The gradient by output {@code i}; null stands for zeros. No one else reads it: backward may
   * leave anything there.
   */
  public @Nullable Buffer outputGradient(int i) {
    return at("outputs", outputs, i).gradient();
  }

  /** The same, of a module with one output: then there is one. */
  public Buffer neededOutputGradient(int i) {
    return needed(outputGradient(i), "output " + i);
  }

  private <T> T at(String what, List<T> things, int i) {
    if (i < 0 || i >= things.size()) {
      throw new IllegalArgumentException(
          "node '"
              + node.name()
              + "' has "
              + things.size()
              + " "
              + what
              + "; number "
              + i
              + " was asked for");
    }
    return things.get(i);
  }

  private Buffer needed(@Nullable Buffer gradient, String of) {
    if (gradient == null) {
      throw new IllegalStateException(
          "node '" + node.name() + "' runs backward without the gradient by " + of);
    }
    return gradient;
  }

  /** The tensors of block {@code i} of {@link Module#parameters()}, next to each other. */
  public Buffer parameters(int i) {
    return at("blocks of tensors", parameters, i);
  }

  /** Their gradients, to which backward adds; in training only. */
  public Buffer gradients(int i) {
    return at("blocks of gradients", gradients, i);
  }

  /**
   * The lengths INT32 {@code [B]} along the time axis of input {@code i}; null if every sequence
   * has T steps, or there is no axis. One or the other in each pass: not to be kept.
   */
  public @Nullable Buffer lengths(int i) {
    return pass.lengths(inputShape(i).axis());
  }

  /**
   * The state that this pass carries: where its sequences start from and what replaces it; null if
   * it carries none. Another one in each pass: not to be kept.
   */
  public @Nullable Buffer carriedState() {
    return pass.carriedState(node.name());
  }

  /**
   * Of a node that may carry a state and is given one that depends on weights alone: INT32 {@code
   * [1]}, {@value NetworkState#STARTS} if this pass starts its sequences from the state given,
   * {@value NetworkState#GOES_ON} if they go on from {@link #carriedState()}; holds only where that
   * is there. Null of other nodes. The same memory in every pass, and on the way back what it was
   * on the way forth.
   */
  public @Nullable Buffer carriedStateMark() {
    return pass.carriedStateMark(node.name());
  }

  /**
   * A {@link dev.sequor.backend.RandomKey} of this step of the training; its stream is the first of
   * {@link Module#randomStreams()} that no other module has.
   */
  public Buffer randomKey() {
    return needed(randomKey, "its random numbers");
  }

  /** Memory of this pass, filled with zeros; freed with it. */
  public Buffer allocate(DType type, long elements) {
    return pass.allocate(type, elements);
  }

  /** INT32 memory that holds these integers, the same in every pass. */
  Buffer integers(int[] values) {
    ByteBuffer host = Backend.hostMemory(DType.INT32, values.length);
    host.asIntBuffer().put(values);
    Buffer buffer = pass.allocate(DType.INT32, values.length);
    backend().upload(host, buffer);
    return buffer;
  }

  /**
   * INT32 memory {@code [elements]} that holds, in every pass, what {@code written} makes of the
   * lengths along the time axis of input {@code i}.
   */
  public Buffer fromLengths(int i, int elements, OfLengths written) {
    return pass.fromLengths(inputShape(i).axis(), elements, written);
  }

  /**
   * INT32 memory {@code [elements]} that holds, in every step of a training, what {@code written}
   * makes of the number of the step: an input of the step like its data, so that a recorded one
   * sees what changes.
   */
  public Buffer fromStep(int elements, OfStep written) {
    return pass.fromStep(elements, written);
  }
}
