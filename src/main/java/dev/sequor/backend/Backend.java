package dev.sequor.backend;

import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A device that runs recurrent stacks and the little that a model needs besides. Work is queued in
 * order; results are ready after {@link #synchronize()} or a {@link #download}. All matrices are
 * row-major. Not safe for use by several threads at once: open one backend per thread, or
 * synchronise outside.
 */
public interface Backend extends AutoCloseable {
  /** The device in words, for example {@code cpu (AVX-512, 2 threads)}. */
  String name();

  /**
   * New memory, filled with zeros.
   *
   * @throws BackendException if there is not enough
   */
  Buffer allocate(DType type, long elements);

  /**
   * Copies the remaining bytes of {@code source} (direct, native order) to the start of {@code
   * target}. The source may be changed again as soon as this returns.
   */
  void upload(ByteBuffer source, Buffer target);

  /**
   * Copies the start of {@code source} to the remaining bytes of {@code target} (direct, native
   * order), and waits.
   */
  void download(Buffer source, ByteBuffer target);

  /** Sets every element of a FLOAT32 buffer. */
  void fill(Buffer target, float value);

  /** Copies all of {@code source} to {@code target}, which has the same type and length. */
  void copy(Buffer source, Buffer target);

  /** Prepares a recurrent stack. */
  RnnPlan plan(RnnShape shape, Mode mode);

  /**
   * Prepares a recurrent stack whose matrices are kept as {@code weights} says.
   *
   * @throws IllegalArgumentException if this backend cannot keep them so, or in {@link
   *     Mode#TRAINING} with anything but {@link WeightStorage#FLOAT32}
   */
  default RnnPlan plan(RnnShape shape, Mode mode, WeightStorage weights) {
    if (weights != WeightStorage.FLOAT32) {
      throw new IllegalArgumentException(
          name() + " cannot keep weights as " + weights.id() + "; needed float32 here");
    }
    return plan(shape, mode);
  }

  /**
   * {@code y = f(x Wᵀ + b)}.
   *
   * @param x {@code [M,K]}
   * @param weight {@code [N,K]}
   * @param bias {@code [N]}, or null
   * @param y {@code [M,N]}, overwritten
   */
  void linearForward(LinearShape shape, Buffer x, Buffer weight, @Nullable Buffer bias, Buffer y);

  /**
   * Gradients of {@link #linearForward}.
   *
   * @param y the result of forward
   * @param dy {@code [M,N]}; multiplied in place by {@code f'} where there is an activation
   * @param dx {@code [M,K]}, overwritten; not the memory of {@code x}; null if not wanted
   * @param dWeight {@code [N,K]}, added to
   * @param dBias {@code [N]}, added to; null if there is no bias
   */
  void linearBackward(
      LinearShape shape,
      Buffer x,
      Buffer weight,
      Buffer y,
      Buffer dy,
      @Nullable Buffer dx,
      Buffer dWeight,
      @Nullable Buffer dBias);

  /**
   * {@code y[i] = table[tokens[i]]}; without a table, the one-hot row of {@code tokens[i]}. A
   * negative token gives a row of zeros.
   *
   * @param tokens INT32, at least {@code rows}, each less than the table's rows
   * @param table {@code [V,width]}; null for one-hot rows of {@code width} columns
   * @param y {@code [rows,width]}, overwritten
   */
  void embeddingForward(int rows, int width, Buffer tokens, @Nullable Buffer table, Buffer y);

  /**
   * {@code dTable[tokens[i]] += dy[i]}, in the order of {@code i}, so that two runs give the same
   * bits.
   *
   * @param tokens as for forward
   * @param dy {@code [rows,width]}
   * @param dTable {@code [V,width]}, added to
   */
  void embeddingBackward(int rows, int width, Buffer tokens, Buffer dy, Buffer dTable);

  /**
   * The loss of a padded batch and, if asked for, its gradient. Rows past a sequence's end, and
   * rows without a target, count nothing and get a zero gradient.
   *
   * @param outputs {@code a [T,B,N]}
   * @param targets INT32 {@code [T,B]} or FLOAT32 {@code [T,B,N]}, see {@link LossFunction}
   * @param lengths INT32 {@code [B]}; null when every sequence has T steps
   * @param gradientScale factor of the gradient, usually 1 / (number of valid rows)
   * @param update an {@link UpdateReport} whose loss scale multiplies the gradient too; null for 1
   * @param dOutputs {@code [T,B,N]}, overwritten by {@code gradientScale · ∂(sum of row
   *     losses)/∂a}; null if not wanted. May be the same memory as {@code outputs}
   * @param result FLOAT32 {@code [2]}, overwritten: the sum of the rows' losses, and the number of
   *     valid rows
   */
  void loss(
      LossShape shape,
      Buffer outputs,
      Buffer targets,
      @Nullable Buffer lengths,
      float gradientScale,
      @Nullable Buffer update,
      @Nullable Buffer dOutputs,
      Buffer result);

  /**
   * Clips the gradients and updates the parameters. If the gradients' norm is not finite the
   * parameters and moments stay as they are; {@code update} then tells.
   *
   * @param parameters flat
   * @param gradients as many elements, multiplied by the loss scale of {@code update}; left as they
   *     were
   * @param moments {@code rule.moments()} times as many elements, one whole moment vector after the
   *     other, zero before the first step
   * @param update an {@link UpdateReport}, read and written
   */
  void optimizerStep(
      OptimizerStep step, Buffer parameters, Buffer gradients, Buffer moments, Buffer update);

  /**
   * Draws a token of a sequence: number {@code first + index}, with that random number of the
   * seed's {@link Philox.Stream#SAMPLER}. The same logits give the same token on every backend,
   * unless the random number lies within a rounding error of the border between two.
   *
   * @param logits {@code [V]}
   * @param token INT32 {@code [1]}, overwritten: the token, or −1 if a logit is not finite
   */
  default void drawToken(
      DrawShape shape, long seed, long first, int index, Buffer logits, Buffer token) {
    TokenDraw draw = new TokenDraw(shape.vocabularySize());
    System.arraycopy(logits.readFloats(), 0, draw.logits(), 0, shape.vocabularySize());
    token.write(
        draw.draw(shape, Philox.word(seed, Philox.Stream.SAMPLER.number(), 0, first + index)));
  }

  /**
   * Whether gradients may vanish in this backend's products unless the loss is scaled up (half
   * precision).
   */
  default boolean wantsLossScaling() {
    return false;
  }

  /**
   * Whether calls return before their work is done, so that asking for a result means waiting and a
   * caller does well to ask seldom.
   */
  default boolean isAsynchronous() {
    return false;
  }

  /**
   * Copies {@code inputs} to the device and then does {@code work}, which is calls of this backend
   * that queue and do not wait. A backend may record the work of the first calls with some {@code
   * key} and replay it in later ones, without calling {@code work} again: so equal keys mean the
   * same calls on the same memory, with inputs of the same sizes for the same places, and nothing
   * else that changes but {@code values}. What {@code work} writes, the caller {@linkplain
   * Buffer#markWritten() marks}.
   *
   * @param values what the calls of {@code work} are given for their arguments of that kind
   */
  default void step(Object key, StepValues values, List<StepInput> inputs, Runnable work) {
    for (StepInput input : inputs) {
      upload(input.source(), input.target());
    }
    work.run();
  }

  /** Waits until all queued work is done. */
  void synchronize();

  /** Frees the device's resources; buffers and plans of this backend must be closed before. */
  @Override
  void close();
}
