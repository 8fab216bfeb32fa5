package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Required;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.Sizes;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.Arrays;
import java.util.List;

/**
 * A learned state that every sequence of a batch starts from: {@code values [blocks,S,H]}, first
 * zero; its gradient is the sum over the batch. Reads nothing.
 *
 * <pre>{@code
 * network
 *     .add("start", InitialState.of(stack))
 *     .add("recurrent", new Recurrent(stack), "read", "start")
 * }</pre>
 *
 * <p>Where a window goes on with the streams of the one before, the stack goes on from the state
 * that is carried, and this one gets no gradient.
 *
 * @param blocks {@code L·D}
 * @param states {@code S}
 * @param width {@code H}
 */
public record InitialState(int blocks, int states, int width) implements Module {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException naming the first that is less than 1
   */
  public InitialState {
    Sizes.atLeastOne("blocks", blocks);
    Sizes.atLeastOne("states", states);
    Sizes.atLeastOne("width", width);
    Sizes.product("blocks · states · width", Integer.MAX_VALUE, blocks, states, width);
  }

  /** What {@code stack} starts from. */
  public static InitialState of(RnnSpec stack) {
    Required.present("stack", stack);
    return new InitialState(
        stack.layers() * stack.directions(), stack.cell().states(), stack.hiddenSize());
  }

  @Override
  public List<Block> parameters() {
    return List.of(
        Block.of(new TensorSpec("values", List.of(blocks, states, width), Initialization.zeros())));
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    if (!Shapes.copy("inputs", inputs).isEmpty()) {
      throw new IllegalArgumentException(
          this + " is given " + inputs.size() + " inputs; needed none");
    }
    return List.of(new Output("state", new ValueShape.State(blocks, states, width)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int batchSize = binding.batchSize();
    int rows =
        (int) Sizes.product("rows of the state", Integer.MAX_VALUE, blocks, states, batchSize);
    // Row r of [blocks·S·B,H] is row r / B of the values: an embedding of those numbers.
    int[] numbers = new int[rows];
    Arrays.setAll(numbers, row -> row / batchSize);
    Buffer which = binding.integers(numbers);
    Buffer values = binding.parameters(0);
    Buffer state = binding.output(0);
    return Pass.of(
        () -> backend.embeddingForward(rows, width, which, values, state),
        () ->
            backend.embeddingBackward(
                rows, width, which, binding.neededOutputGradient(0), binding.gradients(0)));
  }
}
