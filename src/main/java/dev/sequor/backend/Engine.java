package dev.sequor.backend;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a kind of device implements; {@link Backend} is the way in for everybody else, and where
 * every method is described. An engine checks no argument and marks nothing as written. The backend
 * in front of it has seen to it that buffers are open, the engine's own, of the right type, long
 * enough and apart where they must be, that numbers are in range, and that no two threads are here
 * at once.
 */
public interface Engine {
  /** The device in words, for example {@code cpu (AVX-512, 2 threads)}. */
  String name();

  /**
   * New memory, filled with zeros.
   *
   * @throws DeviceMemoryException if there is not enough
   */
  Memory allocate(DType type, long elements);

  /** See {@link Backend#upload}. */
  void upload(ByteBuffer source, Memory target);

  /** See {@link Backend#download}. */
  void download(Memory source, ByteBuffer target);

  /**
   * FLOAT32 memory as the host sees it, until it is freed: from the first element to the last, in
   * native order. Null if it is not the host's, or more than a buffer can hold.
   */
  default @Nullable FloatBuffer onHost(Memory memory) {
    return null;
  }

  /** See {@link Backend#fill}. */
  void fill(Memory target, float value);

  /** See {@link Backend#copy}. */
  void copy(Memory source, Memory target);

  /** Whether a plan for inference can keep its matrices so. */
  default boolean keeps(WeightStorage weights) {
    return weights == WeightStorage.FLOAT32;
  }

  /** Prepares a recurrent stack; training always has {@link WeightStorage#FLOAT32}. */
  EnginePlan plan(RnnShape shape, Mode mode, WeightStorage weights);

  /** See {@link Backend#linearForward}. */
  void linearForward(LinearShape shape, Memory x, Memory weight, @Nullable Memory bias, Memory y);

  /**
   * See {@link Backend#linearBackward}.
   *
   * @param dWeight or null if not wanted
   */
  void linearBackward(
      LinearShape shape,
      Memory x,
      Memory weight,
      Memory y,
      Memory dy,
      @Nullable Memory dx,
      @Nullable Memory dWeight,
      @Nullable Memory dBias);

  /** See {@link Backend#activation}. */
  void activation(Activation function, Memory x, Memory y);

  /** See {@link Backend#activationGradient}. */
  void activationGradient(Activation function, Memory y, Memory dy, Memory dx);

  /** See {@link Backend#multiply}. */
  void multiply(long elements, Memory a, Memory b, Memory y, boolean add);

  /** See {@link Backend#copyColumns}. */
  void copyColumns(ColumnCopy copy, Memory source, Memory target);

  /** See {@link Backend#layerNormForward}. */
  void layerNormForward(NormShape shape, Memory x, Memory parameters, Memory y, Memory saved);

  /** See {@link Backend#layerNormBackward}. */
  void layerNormBackward(
      NormShape shape,
      Memory x,
      Memory parameters,
      Memory saved,
      Memory dy,
      @Nullable Memory dx,
      Memory dParameters);

  /** See {@link Backend#softmaxForward}. */
  void softmaxForward(SoftmaxShape shape, Memory x, Memory y);

  /** See {@link Backend#softmaxBackward}. */
  void softmaxBackward(SoftmaxShape shape, Memory y, Memory dy, Memory dx);

  /** See {@link Backend#maximumOverTime}. */
  void maximumOverTime(
      MaximumShape shape, Memory x, @Nullable Memory lengths, Memory y, Memory from);

  /**
   * See {@link Backend#dropout}.
   *
   * @param width of rows {@code [..,B,width]}; 0 for elements that belong to no sequence
   * @param stream is added to the key's
   */
  void dropout(long elements, int width, float p, Memory key, int stream, Memory x, Memory y);

  /** See {@link Backend#embeddingForward}. */
  void embeddingForward(int rows, int width, Memory tokens, @Nullable Memory table, Memory y);

  /** See {@link Backend#embeddingBackward}. */
  void embeddingBackward(int rows, int width, Memory tokens, Memory dy, Memory dTable);

  /** See {@link Backend#loss}. */
  void loss(
      LossShape shape,
      Memory outputs,
      Memory targets,
      @Nullable Memory lengths,
      @Nullable Memory weights,
      @Nullable Memory gradientScale,
      @Nullable Memory lossScale,
      @Nullable Memory dOutputs,
      Memory result);

  /** See {@link Backend#ctcLoss}. */
  void ctcLoss(
      CtcShape shape,
      Memory outputs,
      Memory labels,
      Memory labelLengths,
      @Nullable Memory lengths,
      @Nullable Memory gradientScale,
      @Nullable Memory lossScale,
      @Nullable Memory dOutputs,
      Memory workspace,
      Memory result);

  /** See {@link Backend#optimizerStep}. */
  void optimizerStep(
      UpdateRule rule,
      Memory numbers,
      @Nullable UpdateGroups groups,
      Memory parameters,
      Memory gradients,
      Memory moments,
      Memory report);

  /** The most tokens that one can be drawn from so; see {@link DrawShape}. */
  default int mostTokens(DrawShape shape) {
    return Integer.MAX_VALUE;
  }

  /** See {@link Backend#drawTokens}. */
  default void drawTokens(
      DrawShape shape,
      int rows,
      Memory keys,
      Memory first,
      int index,
      Memory logits,
      @Nullable Memory seen,
      Memory tokens) {
    HostDecoding.drawTokens(this, shape, rows, keys, first, index, logits, seen, tokens);
  }

  /** See {@link Backend#likeliest}. */
  default void likeliest(LikeliestShape shape, Memory logits, Memory tokens, Memory logarithms) {
    HostDecoding.likeliest(this, shape, logits, tokens, logarithms);
  }

  /** See {@link Backend#mixTokens}. */
  default void mixTokens(
      TokenMix mix, Memory key, Memory threshold, Memory given, Memory predicted, Memory mixed) {
    HostDecoding.mixTokens(this, mix, key, threshold, given, predicted, mixed);
  }

  /** See {@link Backend#wantsLossScaling}. */
  default boolean wantsLossScaling() {
    return false;
  }

  /** See {@link Backend#isBatchInvariant}. */
  default boolean isBatchInvariant() {
    return false;
  }

  /** See {@link Backend#isAsynchronous}. */
  default boolean isAsynchronous() {
    return false;
  }

  /**
   * What decides the bits of an update, for example a compute capability: devices of which this is
   * equal make the same of the same numbers.
   */
  default String arithmetic() {
    return "the arithmetic of " + getClass().getSimpleName();
  }

  /**
   * This device's side of sums over several, which lasts until this is closed; null if it does not
   * reach the memory of all others.
   *
   * @param all the devices, in their order
   * @param self this one's number among them
   */
  default @Nullable PeerSum peerSum(List<Engine> all, int self) {
    return null;
  }

  /** Whether this engine records steps; {@link #step} and {@link #forgetStep} are called then. */
  default boolean recordsSteps() {
    return false;
  }

  /**
   * Copies {@code inputs} to the device and then does {@code work}, or replays what it did in an
   * earlier call with the same {@code step}.
   *
   * @param step stands for the work; compared by identity
   */
  default void step(Object step, List<StepInput> inputs, Runnable work) {
    throw new UnsupportedOperationException(name() + " records no steps");
  }

  /** Frees the recordings of a step that will not come again. */
  default void forgetStep(Object step) {}

  /** See {@link Backend#synchronize}. */
  default void synchronize() {}

  /** Frees the device's resources; called once, after all memory and plans are freed. */
  void close();
}
