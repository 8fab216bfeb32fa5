package dev.sequor.reference;

import dev.sequor.backend.Philox;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ComplexVectors.Complex;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A recurrent stack over a padded batch, in double precision and the plainest way: one sequence
 * after the other, each over its own length, so that padding and the order of lengths do not exist.
 *
 * <p>Only the forward pass is written down. Gradients come from it in three ways that know nothing
 * of back-propagation through time: {@link #finiteDifference}, {@link #complexStep} and, for all
 * elements at once, {@link #gradients}, a generic tape; a test holds the three together.
 */
public final class ReferenceRnn {
  /** Step of {@link #finiteDifference}. */
  public static final double EPSILON = 1e-6;

  private static final double COMPLEX_STEP = 1e-40;

  private ReferenceRnn() {}

  /** What a forward pass gives. */
  public static final class Outputs {
    /** {@code [T,B,D·H]}. */
    public final double[] y;

    /** {@code [L·D,S,B,H]}. */
    public final double[] finalState;

    Outputs(RnnShape shape) {
      this.y = new double[Math.toIntExact(shape.outputElements())];
      this.finalState = new double[Math.toIntExact(shape.stateElements())];
    }
  }

  /** Gradients of {@link #loss}. */
  public static final class Gradients {
    /** As the parameters. */
    public final double[] parameters;

    /** {@code [T,B,I]}. */
    public final double[] x;

    /** {@code [L·D,S,B,H]}. */
    public final double[] initialState;

    Gradients(RnnShape shape) {
      this.parameters = new double[Math.toIntExact(shape.parameterLayout().totalElements())];
      this.x = new double[Math.toIntExact(shape.inputElements())];
      this.initialState = new double[Math.toIntExact(shape.stateElements())];
    }
  }

  /** What a gradient can be taken by. */
  public enum Variable {
    /** The flat parameters. */
    PARAMETERS,
    /** {@code x}. */
    INPUT,
    /** {@code s0}. */
    INITIAL_STATE;

    /** This variable's part of {@code gradients}. */
    public double[] of(Gradients gradients) {
      return switch (this) {
        case PARAMETERS -> gradients.parameters;
        case INPUT -> gradients.x;
        case INITIAL_STATE -> gradients.initialState;
      };
    }

    /** The number of elements. */
    public int elements(RnnShape shape) {
      return Math.toIntExact(
          switch (this) {
            case PARAMETERS -> shape.parameterLayout().totalElements();
            case INPUT -> shape.inputElements();
            case INITIAL_STATE -> shape.stateElements();
          });
    }
  }

  /** Runs the stack. */
  public static Outputs forward(RnnProblem p) {
    RealVectors real = new RealVectors();
    Outputs outputs = new Outputs(p.shape);
    for (int b = 0; b < p.shape.batchSize(); b++) {
      Sequence<double[]> s = run(real, p, b, p.parameters, inputs(real, p, b), states(real, p, b));
      for (int t = 0; t < s.y.size(); t++) {
        put(s.y.get(t), outputs.y, t * p.shape.batchSize() + b);
      }
      for (int i = 0; i < s.finalState.size(); i++) {
        put(s.finalState.get(i), outputs.finalState, i * p.shape.batchSize() + b);
      }
    }
    return outputs;
  }

  /** {@code Σ dy∘y + Σ dFinalState∘finalState}. */
  public static double loss(RnnProblem p) {
    Outputs outputs = forward(p);
    return dot(outputs.y, p.dy) + dot(outputs.finalState, p.dFinalState);
  }

  /** The gradient of {@link #loss} by everything, by reverse accumulation. */
  public static Gradients gradients(RnnProblem p) {
    RnnShape shape = p.shape;
    int batchSize = shape.batchSize();
    Gradients gradients = new Gradients(shape);
    for (int b = 0; b < batchSize; b++) {
      Tape tape = new Tape();
      Tape.Node parameters = tape.constant(p.parameters);
      List<Tape.Node> x = inputs(tape, p, b);
      List<Tape.Node> s0 = states(tape, p, b);
      Sequence<Tape.Node> s = run(tape, p, b, parameters, x, s0);
      for (int t = 0; t < s.y.size(); t++) {
        addTo(s.y.get(t).gradient, row(p.dy, t * batchSize + b, shape.outputSize()));
      }
      for (int i = 0; i < s.finalState.size(); i++) {
        addTo(
            s.finalState.get(i).gradient,
            row(p.dFinalState, i * batchSize + b, shape.hiddenSize()));
      }
      tape.backward();
      addTo(gradients.parameters, parameters.gradient);
      for (int t = 0; t < x.size(); t++) {
        put(x.get(t).gradient, gradients.x, t * batchSize + b);
      }
      for (int i = 0; i < s0.size(); i++) {
        put(s0.get(i).gradient, gradients.initialState, i * batchSize + b);
      }
    }
    return gradients;
  }

  /** One element of the gradient: {@code (loss(v + ε) − loss(v − ε)) / 2ε}. */
  public static double finiteDifference(RnnProblem p, Variable variable, int element) {
    return (loss(moved(p, variable, element, EPSILON))
            - loss(moved(p, variable, element, -EPSILON)))
        / (2 * EPSILON);
  }

  private static RnnProblem moved(RnnProblem p, Variable variable, int element, double by) {
    double[] parameters = p.parameters;
    double[] x = p.x;
    double[] s0 =
        p.initialState == null ? new double[(int) p.shape.stateElements()] : p.initialState;
    switch (variable) {
      case PARAMETERS -> parameters = moved(parameters, element, by);
      case INPUT -> x = moved(x, element, by);
      case INITIAL_STATE -> s0 = moved(s0, element, by);
    }
    return p.at(parameters, x, s0);
  }

  private static double[] moved(double[] values, int element, double by) {
    double[] moved = values.clone();
    moved[element] += by;
    return moved;
  }

  /** One element of the gradient by the complex step: exact to rounding. */
  public static double complexStep(RnnProblem p, Variable variable, int element) {
    ComplexVectors complex = new ComplexVectors();
    int batchSize = p.shape.batchSize();
    double slope = 0;
    for (int b = 0; b < batchSize; b++) {
      Complex parameters =
          new Complex(
              p.parameters, step(p.parameters.length, variable == Variable.PARAMETERS, element));
      List<Complex> x = inputs(complex, p, b);
      if (variable == Variable.INPUT) {
        nudge(x, b, batchSize, p.shape.inputSize(), element);
      }
      List<Complex> s0 = states(complex, p, b);
      if (variable == Variable.INITIAL_STATE) {
        nudge(s0, b, batchSize, p.shape.hiddenSize(), element);
      }
      Sequence<Complex> s = run(complex, p, b, parameters, x, s0);
      for (int t = 0; t < s.y.size(); t++) {
        slope += dot(s.y.get(t).im, row(p.dy, t * batchSize + b, p.shape.outputSize()));
      }
      for (int i = 0; i < s.finalState.size(); i++) {
        slope +=
            dot(
                s.finalState.get(i).im,
                row(p.dFinalState, i * batchSize + b, p.shape.hiddenSize()));
      }
    }
    return slope / COMPLEX_STEP;
  }

  private static double[] step(int n, boolean here, int element) {
    double[] im = new double[n];
    if (here) {
      im[element] = COMPLEX_STEP;
    }
    return im;
  }

  /** Adds the step to element {@code element} of {@code [rows,B,width]} if it is row b's. */
  private static void nudge(List<Complex> rows, int b, int batchSize, int width, int element) {
    int row = element / width;
    if (row % batchSize == b && row / batchSize < rows.size()) {
      rows.get(row / batchSize).im[element % width] = COMPLEX_STEP;
    }
  }

  /** One sequence through all layers. */
  private record Sequence<V>(List<V> y, List<V> finalState) {}

  private static <V> Sequence<V> run(
      Algebra<V> a, RnnProblem p, int b, V parameters, List<V> x, List<V> s0) {
    RnnShape shape = p.shape;
    int states = shape.cell().states();
    List<V> finalState = new ArrayList<>();
    List<V> below = x;
    for (int layer = 0; layer < shape.layers(); layer++) {
      List<V> above = new ArrayList<>(below);
      for (int direction = 0; direction < shape.directions(); direction++) {
        int block = layer * shape.directions() + direction;
        List<V> state = s0.subList(block * states, (block + 1) * states);
        Cell<V> cell = cell(a, p, b, parameters, layer, direction);
        state = narrowed(a, shape, state);
        for (int k = 0; k < below.size(); k++) {
          int t = shape.isReverse(direction) ? below.size() - 1 - k : k;
          state = cell.step(below.get(t), state, t);
          V h = state.get(0);
          above.set(t, direction == 0 ? h : a.concatenate(above.get(t), h));
        }
        finalState.addAll(widened(a, shape, state));
      }
      if (layer < shape.layers() - 1 && p.training && shape.dropout() > 0) {
        for (int t = 0; t < above.size(); t++) {
          above.set(t, a.multiply(above.get(t), a.constant(dropoutMask(p, layer, t, b))));
        }
      }
      below = above;
    }
    return new Sequence<>(below, finalState);
  }

  /** A cell of one layer and direction, for one sequence. */
  private interface Cell<V> {
    List<V> step(V x, List<V> state, int t);
  }

  private static <V> Cell<V> cell(
      Algebra<V> a, RnnProblem p, int b, V parameters, int layer, int direction) {
    if (p.shape.stack().options().changeNothing()) {
      ReferenceCells.Gates<V> gates =
          new ReferenceCells.Gates<>(a, p, parameters, layer, direction);
      return (x, state, t) -> ReferenceCells.of(p.shape.cell()).apply(a, gates, x, state);
    }
    ReferenceOptions<V> options = new ReferenceOptions<>(a, p, parameters, layer, direction, b);
    return (x, state, t) -> options.step(options.masked(x), state, t);
  }

  /** States as the cell sees them: with a projection, {@code h} has fewer elements. */
  private static <V> List<V> narrowed(Algebra<V> a, RnnShape shape, List<V> state) {
    List<V> narrowed = new ArrayList<>(state);
    narrowed.set(0, a.slice(state.get(0), 0, shape.stack().stateSize()));
    return narrowed;
  }

  private static <V> List<V> widened(Algebra<V> a, RnnShape shape, List<V> state) {
    List<V> widened = new ArrayList<>(state);
    int missing = shape.hiddenSize() - shape.stack().stateSize();
    widened.set(0, a.concatenate(state.get(0), a.constant(new double[missing])));
    return widened;
  }

  /** 0 or {@code 1/(1−p)} for each output of one row, numbered row-major in {@code [T,B,D·H]}. */
  private static double[] dropoutMask(RnnProblem p, int layer, int t, int b) {
    int width = p.shape.outputSize();
    double[] mask = new double[width];
    for (int j = 0; j < width; j++) {
      long element = ((long) t * p.shape.batchSize() + b) * width + j;
      int stream = p.dropoutStream + layer;
      long word =
          Integer.toUnsignedLong(Philox.word(p.dropoutSeed, stream, p.dropoutOffset, element));
      boolean dropped = word < p.shape.dropout() * 0x1p32;
      mask[j] = dropped ? 0 : 1 / (1 - (double) p.shape.dropout());
    }
    return mask;
  }

  private static <V> List<V> inputs(Algebra<V> a, RnnProblem p, int b) {
    List<V> x = new ArrayList<>();
    for (int t = 0; t < p.length(b); t++) {
      x.add(a.constant(row(p.x, t * p.shape.batchSize() + b, p.shape.inputSize())));
    }
    return x;
  }

  private static <V> List<V> states(Algebra<V> a, RnnProblem p, int b) {
    int hiddenSize = p.shape.hiddenSize();
    int vectors = p.shape.layers() * p.shape.directions() * p.shape.cell().states();
    List<V> states = new ArrayList<>();
    for (int i = 0; i < vectors; i++) {
      states.add(
          a.constant(
              p.initialState == null
                  ? new double[hiddenSize]
                  : row(p.initialState, i * p.shape.batchSize() + b, hiddenSize)));
    }
    return states;
  }

  private static double[] row(double[] matrix, int row, int width) {
    return Arrays.copyOfRange(matrix, row * width, (row + 1) * width);
  }

  private static void put(double[] values, double[] matrix, int row) {
    System.arraycopy(values, 0, matrix, row * values.length, values.length);
  }

  private static void addTo(double[] target, double[] values) {
    for (int i = 0; i < target.length; i++) {
      target[i] += values[i];
    }
  }

  private static double dot(double[] a, double[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += a[i] * b[i];
    }
    return sum;
  }
}
