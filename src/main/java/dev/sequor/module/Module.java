package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.rnn.TensorSpec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One part of a {@link Network}: a value, usually a record of sizes and options, that says which
 * tensors it has and what shape it makes of what shape. {@linkplain #bind Bound} to a backend, a
 * shape and a mode it becomes a {@link Pass}. Whoever needs another part than those of this package
 * writes one class that implements this, and checks its gradient with {@link GradientCheck}.
 */
public interface Module {
  /** A value that a module makes. The first is the module's main output, whatever its name. */
  record Output(String name, ValueShape shape) {
    /** Checks that both are there. */
    public Output {
      Required.present("name", name);
      Required.present("shape", shape);
    }
  }

  /**
   * Tensors that lie next to each other in memory, in this order, without gaps. Another module may
   * share a whole block; most blocks hold one tensor.
   */
  record Block(List<TensorSpec> tensors) {
    /** Copies the list, which has a tensor at least. */
    public Block {
      tensors = Shapes.copy("tensors", tensors);
      if (tensors.isEmpty()) {
        throw new IllegalArgumentException("a block holds no tensor; needed at least 1");
      }
    }

    /** A block of one tensor. */
    public static Block of(TensorSpec tensor) {
      return new Block(List.of(Required.present("tensor", tensor)));
    }

    /** The elements of all tensors. */
    public long elements() {
      return tensors.stream().mapToLong(TensorSpec::elements).sum();
    }
  }

  /** The trainable tensors; none for most modules. */
  default List<Block> parameters() {
    return List.of();
  }

  /**
   * What this module makes of such inputs.
   *
   * @throws IllegalArgumentException if it cannot take them; says what it needs
   */
  List<Output> outputs(List<ValueShape> inputs);

  /**
   * The state that passes may carry from one window of a stream to the next, with such inputs; null
   * if none. It is then found under {@link Binding#carriedState()}. Where one of the inputs is a
   * state that depends on an input of the network, none is carried; where it depends on weights
   * alone, {@link Binding#carriedStateMark()} says which of the two a pass starts from.
   */
  default ValueShape.@Nullable State carriedState(List<ValueShape> inputs) {
    return null;
  }

  /**
   * Whether a window may hold the next steps of the sequences of the one before; not if this module
   * needs whole sequences.
   */
  default boolean canContinue(List<ValueShape> inputs) {
    return true;
  }

  /** How many streams of random numbers it takes, in training, from {@link Binding#randomKey()}. */
  default int randomStreams() {
    return 0;
  }

  /**
   * Whether the backward pass reads what the forward pass put out. If not, the gradient by an
   * output may take the memory of that output.
   */
  default boolean backwardReadsOutputs() {
    return true;
  }

  /** This module at work: makes all that its passes need, so that they allocate nothing. */
  Pass bind(Binding binding);
}
