package dev.sequor.model;

/**
 * The input of a model.
 *
 * @param kind how it becomes vectors
 * @param vocabularySize {@code V}, tokens are 0…V−1; 0 for {@link InputKind#DENSE}
 * @param width {@code I}, the width of the vectors; {@code V} for {@link InputKind#ONE_HOT}
 */
public record InputSpec(InputKind kind, int vocabularySize, int width) {
  /**
   * Checks the sizes.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public InputSpec {
    if (kind == InputKind.DENSE) {
      if (vocabularySize != 0) {
        throw new IllegalArgumentException(
            "vocabularySize is " + vocabularySize + "; a DENSE input needs 0");
      }
    } else if (vocabularySize < 1) {
      throw new IllegalArgumentException(
          "vocabularySize is " + vocabularySize + "; needed at least 1");
    }
    if (width < 1) {
      throw new IllegalArgumentException("input width is " + width + "; needed at least 1");
    }
    if (kind == InputKind.ONE_HOT && width != vocabularySize) {
      throw new IllegalArgumentException(
          "input width is "
              + width
              + "; a ONE_HOT input of "
              + vocabularySize
              + " tokens needs "
              + vocabularySize);
    }
  }

  /** Tokens, each mapped to a learned vector of {@code width}. */
  public static InputSpec embedding(int vocabularySize, int width) {
    return new InputSpec(InputKind.EMBEDDING, vocabularySize, width);
  }

  /**
   * Tokens, each mapped to a learned vector of {@code width} that is its row of the output layer's
   * weights too: a model of as many outputs, whose last layer below them is as wide.
   */
  public static InputSpec tiedEmbedding(int vocabularySize, int width) {
    return new InputSpec(InputKind.TIED_EMBEDDING, vocabularySize, width);
  }

  /** Tokens as one-hot vectors. */
  public static InputSpec oneHot(int vocabularySize) {
    return new InputSpec(InputKind.ONE_HOT, vocabularySize, vocabularySize);
  }

  /** Real vectors of {@code width}. */
  public static InputSpec dense(int width) {
    return new InputSpec(InputKind.DENSE, 0, width);
  }
}
