package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;

/**
 * What one value of a network is, but for the number of time steps {@code T} and of sequences
 * {@code B}. Values that run along the same time axis have the same {@code T} and lengths; an axis
 * has the name of the input that brings it, or of the node ({@link BringsSteps}).
 */
public sealed interface ValueShape {
  /** The time axis; for a vector the one whose sequences it is of, or {@code ""} for none. */
  String axis();

  /** The size of the last axis; 1 for tokens. */
  int width();

  /** Rows of {@link #width()} elements, given {@code T} of the axis, and {@code B}. */
  int rows(int timeSteps, int batchSize);

  /** Elements, given {@code T} of the axis, and {@code B}. */
  default long elements(int timeSteps, int batchSize) {
    return (long) rows(timeSteps, batchSize) * width();
  }

  /**
   * INT32 {@code [T,B]}, each 0…V−1; −1 past a sequence's end.
   *
   * @param axis the time axis
   * @param vocabularySize {@code V}
   */
  record Tokens(String axis, int vocabularySize) implements ValueShape {
    /** Checks the size. */
    public Tokens {
      Required.present("axis", axis);
      Sizes.atLeastOne("vocabularySize", vocabularySize);
    }

    @Override
    public int width() {
      return 1;
    }

    @Override
    public int rows(int timeSteps, int batchSize) {
      return (int) Sizes.product("timeSteps · batchSize", Integer.MAX_VALUE, timeSteps, batchSize);
    }

    @Override
    public String toString() {
      return "tokens of a vocabulary of " + vocabularySize + " along '" + axis + "'";
    }
  }

  /**
   * FLOAT32 {@code [T,B,width]}.
   *
   * @param axis the time axis
   * @param width of each vector
   */
  record Sequence(String axis, int width) implements ValueShape {
    /** Checks the size. */
    public Sequence {
      Required.present("axis", axis);
      Sizes.atLeastOne("width", width);
    }

    @Override
    public int rows(int timeSteps, int batchSize) {
      return (int) Sizes.product("timeSteps · batchSize", Integer.MAX_VALUE, timeSteps, batchSize);
    }

    @Override
    public String toString() {
      return "vectors of " + width + " along '" + axis + "'";
    }
  }

  /**
   * FLOAT32 {@code [B,width]}, one vector a sequence.
   *
   * @param axis whose sequences these are of: one without a step has zeros, and no target of it
   *     counts; {@code ""} if all count
   * @param width of each vector
   */
  record Vector(String axis, int width) implements ValueShape {
    /** Checks the size. */
    public Vector {
      Required.present("axis", axis);
      Sizes.atLeastOne("width", width);
    }

    @Override
    public int rows(int timeSteps, int batchSize) {
      return batchSize;
    }

    @Override
    public String toString() {
      return "a vector of " + width + " a sequence";
    }
  }

  /**
   * FLOAT32 {@code [blocks,S,B,H]}, the states of a recurrent stack; block {@code layer·D +
   * direction}.
   *
   * @param blocks {@code L·D}
   * @param states {@code S}, vectors of one cell
   * @param width {@code H}
   */
  record State(int blocks, int states, int width) implements ValueShape {
    /** Checks the sizes. */
    public State {
      Sizes.atLeastOne("blocks", blocks);
      Sizes.atLeastOne("states", states);
      Sizes.atLeastOne("width", width);
    }

    @Override
    public String axis() {
      return "";
    }

    @Override
    public int rows(int timeSteps, int batchSize) {
      return (int)
          Sizes.product(
              "blocks · states · batchSize", Integer.MAX_VALUE, blocks, states, batchSize);
    }

    @Override
    public String toString() {
      return "a state of " + blocks + " × " + states + " vectors of " + width;
    }
  }
}
