package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.List;

/**
 * Each token's row of a learned table: {@code weights [V,width]}, first drawn from a standard
 * normal distribution, so that, after Glorot's weights, the gates of a stack above see a variance
 * near one.
 *
 * @param vocabularySize {@code V}
 * @param width of a row
 */
public record Embedding(int vocabularySize, int width) implements Module {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException naming the first that is less than 1
   */
  public Embedding {
    Sizes.atLeastOne("vocabularySize", vocabularySize);
    Sizes.atLeastOne("width", width);
    Sizes.product("vocabularySize · width", Integer.MAX_VALUE, vocabularySize, width);
  }

  @Override
  public List<Block> parameters() {
    return List.of(
        Block.of(
            new TensorSpec("weights", List.of(vocabularySize, width), Initialization.normal())));
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Tokens tokens = Shapes.onlyTokens(this, inputs);
    if (tokens.vocabularySize() != vocabularySize) {
      throw new IllegalArgumentException(
          this + " is given " + tokens + "; needed the same vocabulary");
    }
    return List.of(new Output("y", new ValueShape.Sequence(tokens.axis(), width)));
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    int rows = binding.rows(0);
    Buffer tokens = binding.input(0);
    Buffer table = binding.parameters(0);
    Buffer y = binding.output(0);
    return Pass.of(
        () -> backend.embeddingForward(rows, width, tokens, table, y),
        () ->
            backend.embeddingBackward(
                rows, width, tokens, binding.neededOutputGradient(0), binding.gradients(0)));
  }
}
