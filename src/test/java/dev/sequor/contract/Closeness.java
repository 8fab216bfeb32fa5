package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ReferenceRnn;

/**
 * Normalised distances of a whole tensor: {@code max|e| / max|expected|} and {@code ‖e‖₂ /
 * ‖expected‖₂}. Never element by element, where a value near zero would ask for the impossible.
 */
public record Closeness(String where, double bound, double rms) {
  /**
   * Fewer elements are judged together with the other parameters of their layer and direction: the
   * bar of a single number would be purely relative, and sums over many rows may cancel.
   */
  private static final int TENSOR = 16;

  /** What correct float32 arithmetic stays below, with TF32 or BF16 far above. */
  public static final Closeness FLOAT32 = new Closeness("", 1e-5, 2e-6);

  /** The bars of products whose operands have 10 bits of mantissa. */
  public static final Closeness TEN_BITS = new Closeness("", 5e-3, 2e-3);

  /** The bars of products whose operands have 7 bits of mantissa. */
  public static final Closeness SEVEN_BITS = new Closeness("", 4e-2, 1.5e-2);

  /** The bars of a math mode that is not fp32. */
  public static Closeness of(String mathMode) {
    return mathMode.equals("bf16") ? SEVEN_BITS : TEN_BITS;
  }

  /** The same bars; messages say where. */
  public Closeness in(Object place) {
    return new Closeness(place + ": ", bound, rms);
  }

  /**
   * The bars of float32 sums of so many terms, added one by one in an order that is not ours to
   * choose. After j terms of random signs the sum is about as large as the root of the sum of their
   * squares, √j·σ, and adding the next rounds it by at most {@code u = 2⁻²⁴} of that; so the errors
   * of k terms come to {@code u·σ·k/√6}, a part {@code u·√k/√6} of a sum of such terms. Each bar
   * allows that much more; the largest of many elements, five times as much.
   */
  Closeness afterSumsOf(long terms) {
    double more = 0x1p-24 * Math.sqrt(terms / 6.0);
    return new Closeness(where, bound + 5 * more, rms + more);
  }

  /** Checks one tensor. */
  void check(String name, double[] expected, float[] actual) {
    check(name, expected, actual, 0, expected.length);
    assertEquals(expected.length, actual.length, name + ": elements");
  }

  /** Checks one tensor against what other float32 numbers say. */
  public void check(String name, float[] expected, float[] actual) {
    check(name, RnnContract.toDoubles(expected), actual);
  }

  /** Checks elements {@code [from, to)} of both. */
  void check(String tensor, double[] expected, float[] actual, int from, int to) {
    String name = where + tensor;
    double worst = 0;
    int where = from;
    double largest = 0;
    double error2 = 0;
    double expected2 = 0;
    for (int i = from; i < to; i++) {
      double e = Math.abs(actual[i] - expected[i]);
      if (!(e < Double.POSITIVE_INFINITY)) {
        fail(name + "[" + (i - from) + "] is " + actual[i] + "; needed " + expected[i]);
      }
      if (e > worst) {
        worst = e;
        where = i;
      }
      largest = Math.max(largest, Math.abs(expected[i]));
      error2 += e * e;
      expected2 += expected[i] * expected[i];
    }
    String at = name + "[" + (where - from) + "]";
    String found = at + " is " + (to > from ? actual[where] + "; needed " + expected[where] : "");
    assertTrue(worst <= bound * largest, found + ", normalised error " + worst / largest);
    double rmsError = Math.sqrt(error2);
    double rmsExpected = Math.sqrt(expected2);
    double rmsBound = to - from < TENSOR ? bound : rms; // the mean of a handful is its largest
    assertTrue(
        rmsError <= rmsBound * rmsExpected,
        () -> name + ": L2 error ratio " + rmsError / rmsExpected + "; needed " + rmsBound);
  }

  /** Checks outputs. */
  void checkOutputs(ReferenceRnn.Outputs expected, BackendRun.Results actual) {
    check("y", expected.y, actual.y);
    check("finalState", expected.finalState, actual.finalState);
  }

  /** Checks every gradient, each parameter of each layer and direction as a tensor of its own. */
  void checkGradients(RnnShape shape, ReferenceRnn.Gradients expected, BackendRun.Results actual) {
    checkGradients(shape, expected, actual, this);
  }

  /** The same with bars of their own for the parameters, whose gradients are sums over all rows. */
  void checkGradients(
      RnnShape shape,
      ReferenceRnn.Gradients expected,
      BackendRun.Results actual,
      Closeness ofParameters) {
    check("dx", expected.x, actual.dx);
    check("dInitialState", expected.initialState, actual.dInitialState);
    ofParameters.checkParameters(shape, expected.parameters, actual.dParameters);
  }

  /** Checks the gradients of the parameters only. */
  void checkParameters(RnnShape shape, double[] expected, float[] actual) {
    ParameterLayout layout = shape.parameterLayout();
    for (int layer = 0; layer < shape.layers(); layer++) {
      for (int direction = 0; direction < shape.directions(); direction++) {
        for (ParameterLayout.Kind kind : ParameterLayout.Kind.values()) {
          boolean small = layout.elements(kind, layer) < TENSOR;
          int from =
              (int)
                  (small
                      ? layout.blockOffset(layer, direction)
                      : layout.offset(kind, layer, direction));
          int to =
              from + (int) (small ? layout.blockElements(layer) : layout.elements(kind, layer));
          String name = "gradient of " + kind + " layer " + layer + " direction " + direction;
          check(name, expected, actual, from, to);
        }
      }
    }
  }
}
