package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.List;

/**
 * Each token as a row of zeros with a one at the token's column.
 *
 * @param vocabularySize {@code V}, the columns
 */
public record OneHot(int vocabularySize) implements Module {
  /**
   * Checks the size.
   *
   * @throws IllegalArgumentException if it is less than 1
   */
  public OneHot {
    Sizes.atLeastOne("vocabularySize", vocabularySize);
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape.Tokens tokens = Shapes.onlyTokens(this, inputs);
    if (tokens.vocabularySize() != vocabularySize) {
      throw new IllegalArgumentException(
          this + " is given " + tokens + "; needed the same vocabulary");
    }
    return List.of(new Output("y", new ValueShape.Sequence(tokens.axis(), vocabularySize)));
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    return Pass.of(
        () ->
            backend.embeddingForward(
                binding.rows(0), vocabularySize, binding.input(0), null, binding.output(0)),
        () -> {});
  }
}
