package dev.sequor.data;

import java.util.Arrays;

/**
 * One sequence to learn from, alone: what it consists of, step by step, and what is to be said of
 * it. {@link SequenceBatches} makes batches of many. Arrays are handed over, not copied.
 *
 * @param inputs tokens {@code [T]} or vectors {@code [T,I]}
 * @param steps {@code T}, at least 1
 * @param targets what is to be said
 */
public record Sequence(Values inputs, int steps, Target targets) {
  /** What is to be said of a sequence. */
  public sealed interface Target {}

  /**
   * One class for all of it.
   *
   * @param label negative for none
   */
  public record OfWhole(int label) implements Target {}

  /**
   * Some values for all of it.
   *
   * @param values as many as the model has outputs
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record ValuesOfWhole(float[] values) implements Target {}

  /**
   * A class for each step.
   *
   * @param labels {@code [T]}, negative for none
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record OfSteps(int[] labels) implements Target {}

  /**
   * Some values for each step.
   *
   * @param values {@code [T,N]}
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record ValuesOfSteps(float[] values) implements Target {}

  /**
   * What comes in which order, but not when: for a loss without alignment.
   *
   * @param labels any number of them
   */
  @SuppressWarnings("ArrayRecordComponent")
  public record Unaligned(int[] labels) implements Target {}

  /**
   * Checks that the sizes fit each other.
   *
   * @throws IllegalArgumentException naming the first that does not
   */
  public Sequence {
    if (steps < 1) {
      throw new IllegalArgumentException("the sequence has " + steps + " steps; needed at least 1");
    }
    if (inputs instanceof Values.Labels) {
      throw new IllegalArgumentException("the inputs are labels; needed tokens or real vectors");
    }
    boolean each = inputs instanceof Values.Tokens;
    if (each ? inputs.size() != steps : inputs.size() == 0 || inputs.size() % steps != 0) {
      throw new IllegalArgumentException(
          "the sequence has "
              + steps
              + " steps and inputs of "
              + inputs.size()
              + " elements; needed "
              + (each ? "one" : "as many")
              + " for each step");
    }
    int given =
        targets instanceof OfSteps labels
            ? labels.labels.length
            : targets instanceof ValuesOfSteps values ? values.values.length : steps;
    if (targets instanceof OfSteps ? given != steps : given == 0 || given % steps != 0) {
      throw new IllegalArgumentException(
          "the sequence has "
              + steps
              + " steps and targets of "
              + given
              + " elements; needed "
              + (targets instanceof OfSteps ? "one" : "as many")
              + " for each step");
    }
  }

  /** Tokens with a target. */
  public static Sequence ofTokens(int[] tokens, Target target) {
    return new Sequence(new Values.Tokens(tokens), tokens.length, target);
  }

  /**
   * Tokens as other libraries count them, with a target.
   *
   * @throws ArithmeticException if one is no int
   */
  public static Sequence ofTokens(long[] tokens, Target target) {
    return ofTokens(Arrays.stream(tokens).mapToInt(Math::toIntExact).toArray(), target);
  }

  /** Tokens of one class. */
  public static Sequence ofTokens(int[] tokens, int label) {
    return ofTokens(tokens, new OfWhole(label));
  }

  /** Tokens, each of a class. */
  public static Sequence ofTokens(int[] tokens, int[] labels) {
    return ofTokens(tokens, new OfSteps(labels));
  }

  /**
   * Rows of numbers, one a step, with a target.
   *
   * @throws IllegalArgumentException if they are not all as long
   */
  public static Sequence ofRows(float[][] rows, Target target) {
    return new Sequence(new Values.Reals(flat("rows", rows)), rows.length, target);
  }

  /** Rows of one class. */
  public static Sequence ofRows(float[][] rows, int label) {
    return ofRows(rows, new OfWhole(label));
  }

  /** Rows, each with values to be said. */
  public static Sequence ofRows(float[][] rows, float[][] targets) {
    if (targets.length != rows.length) {
      throw new IllegalArgumentException(
          "the sequence has " + rows.length + " rows and " + targets.length + " rows of targets");
    }
    return ofRows(rows, new ValuesOfSteps(flat("targets", targets)));
  }

  private static float[] flat(String name, float[][] rows) {
    int width = rows.length == 0 ? 0 : rows[0].length;
    float[] flat = new float[Math.multiplyExact(rows.length, width)];
    for (int t = 0; t < rows.length; t++) {
      if (rows[t].length != width) {
        throw new IllegalArgumentException(
            name
                + "["
                + t
                + "] has "
                + rows[t].length
                + " numbers; the first has "
                + width
                + ", and all need as many");
      }
      System.arraycopy(rows[t], 0, flat, t * width, width);
    }
    return flat;
  }

  /** The numbers of a step's input; 1 for tokens. */
  int width() {
    return inputs.size() / steps;
  }

  /** The numbers of a target; 1 for classes. */
  int targetWidth() {
    return targets instanceof ValuesOfWhole whole
        ? whole.values.length
        : targets instanceof ValuesOfSteps each ? each.values.length / steps : 1;
  }

  /** In a few words, for messages. */
  String kind() {
    return (inputs instanceof Values.Tokens ? "tokens" : "vectors")
        + " with a target of kind "
        + targets.getClass().getSimpleName();
  }
}
