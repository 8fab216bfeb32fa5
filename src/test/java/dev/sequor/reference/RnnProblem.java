package dev.sequor.reference;

import dev.sequor.backend.Philox;
import dev.sequor.backend.RnnShape;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * A recurrent stack with its parameters, a padded batch for it, and a loss {@code Σ dy∘y + Σ
 * dFinalState∘finalState}. All values that a backend sees are exact in float32.
 */
public final class RnnProblem {
  /** The stack and the batch. */
  public final RnnShape shape;

  /** As laid out by {@link RnnShape#parameterLayout()}. */
  public final double[] parameters;

  /** {@code [T,B,I]}. */
  public final double[] x;

  /** {@code [B]}, or null for T everywhere. */
  public final int @Nullable [] lengths;

  /** {@code [L·D,S,B,H]}, or null for zeros. */
  public final double @Nullable [] initialState;

  /** {@code [T,B,D·H]}. */
  public final double[] dy;

  /** {@code [L·D,S,B,H]}. */
  public final double[] dFinalState;

  /** Key of the dropout bits. */
  public final long dropoutSeed;

  /** Offset of the dropout bits. */
  public final long dropoutOffset;

  /** Whether dropout, if the shape has any, is on. */
  public final boolean training;

  /** The stream of the dropout bits above layer 0; the layers above take the next ones. */
  public final int dropoutStream;

  /** All parts; dropout takes the first streams. */
  public RnnProblem(
      RnnShape shape,
      double[] parameters,
      double[] x,
      int @Nullable [] lengths,
      double @Nullable [] initialState,
      double[] dy,
      double[] dFinalState,
      long dropoutSeed,
      long dropoutOffset,
      boolean training) {
    this(
        shape,
        parameters,
        x,
        lengths,
        initialState,
        dy,
        dFinalState,
        dropoutSeed,
        dropoutOffset,
        training,
        Philox.Stream.DROPOUT.number());
  }

  private RnnProblem(
      RnnShape shape,
      double[] parameters,
      double[] x,
      int @Nullable [] lengths,
      double @Nullable [] initialState,
      double[] dy,
      double[] dFinalState,
      long dropoutSeed,
      long dropoutOffset,
      boolean training,
      int dropoutStream) {
    this.shape = shape;
    this.parameters = require(parameters, shape.parameterLayout().totalElements(), "parameters");
    this.x = require(x, shape.inputElements(), "x");
    this.lengths = lengths;
    this.initialState =
        initialState == null ? null : require(initialState, shape.stateElements(), "initialState");
    this.dy = require(dy, shape.outputElements(), "dy");
    this.dFinalState = require(dFinalState, shape.stateElements(), "dFinalState");
    this.dropoutSeed = dropoutSeed;
    this.dropoutOffset = dropoutOffset;
    this.training = training;
    this.dropoutStream = dropoutStream;
  }

  /** The same with dropout bits of other streams. */
  public RnnProblem withDropoutStream(int stream) {
    return new RnnProblem(
        shape,
        parameters,
        x,
        lengths,
        initialState,
        dy,
        dFinalState,
        dropoutSeed,
        dropoutOffset,
        training,
        stream);
  }

  private static double[] require(double[] values, long elements, String name) {
    if (values.length != elements) {
      throw new IllegalArgumentException(
          name + " holds " + values.length + " values; needed " + elements);
    }
    return values;
  }

  /**
   * Random parameters as a model would start with, uniform in ±1/√H, and random data. The gradients
   * that come in lean to the positive, so that their sums over many rows do not cancel and a
   * relative bar stays meaningful.
   */
  public static RnnProblem random(RnnShape shape, int @Nullable [] lengths, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    double bound = 1 / Math.sqrt(Math.max(4, shape.hiddenSize()));
    return new RnnProblem(
        shape,
        uniform(random, shape.parameterLayout().totalElements(), -bound, bound),
        uniform(random, shape.inputElements(), -1, 1),
        lengths,
        uniform(random, shape.stateElements(), -0.9, 0.9),
        uniform(random, shape.outputElements(), -0.5, 1),
        uniform(random, shape.stateElements(), -0.5, 1),
        seed * 0x9E3779B97F4A7C15L,
        seed & 0xFFFFFFFFFFL,
        true);
  }

  private static double[] uniform(SplittableRandom random, long count, double low, double high) {
    return random.doubles(count, low, high).map(v -> (float) v).toArray();
  }

  /** Steps of sequence {@code b}. */
  public int length(int b) {
    return lengths == null ? shape.timeSteps() : lengths[b];
  }

  /** The same with other values in the places a gradient is taken by. */
  RnnProblem at(double[] newParameters, double[] newX, double @Nullable [] newInitialState) {
    return new RnnProblem(
        shape,
        newParameters,
        newX,
        lengths,
        newInitialState,
        dy,
        dFinalState,
        dropoutSeed,
        dropoutOffset,
        training,
        dropoutStream);
  }

  /** The same in inference, where dropout is off. */
  public RnnProblem inference() {
    return new RnnProblem(
        shape,
        parameters,
        x,
        lengths,
        initialState,
        dy,
        dFinalState,
        dropoutSeed,
        dropoutOffset,
        false,
        dropoutStream);
  }
}
