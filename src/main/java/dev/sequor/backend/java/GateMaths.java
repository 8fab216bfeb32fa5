package dev.sequor.backend.java;

import dev.sequor.backend.GateFunction;
import dev.sequor.backend.options.CellMaths;
import java.util.List;

/**
 * The functions of a cell's gates, with their slopes: twin of the first half of {@code options.h}.
 * In double precision, which keeps the digits of gates that are nearly open or closed by itself.
 * The last result is in fields, so that calls make no objects.
 */
final class GateMaths {
  private final List<GateFunction> functions;
  private final double clip;

  /** Of the last call: the value, {@code 1 − value}, and the slope. */
  double value;

  double rest;
  double slope;

  GateMaths(CellMaths cell) {
    this.functions = cell.functions();
    this.clip = cell.gateClip();
  }

  /** Function {@code which} of what is clipped. */
  double gate(int which, double a) {
    if (clip > 0 && Math.abs(a) > clip) {
      function(which, Math.copySign(clip, a));
      slope = 0;
      return value;
    }
    return function(which, a);
  }

  /** Function {@code which}. */
  double function(int which, double x) {
    GateFunction f = functions.get(which);
    double alpha = f.alpha();
    double beta = f.beta();
    switch (f.kind()) {
      case SIGMOID -> {
        double e = Math.exp(-Math.abs(x));
        double large = 1 / (1 + e);
        double small = e / (1 + e);
        value = x < 0 ? small : x >= 0 ? large : x;
        rest = x < 0 ? large : x >= 0 ? small : x;
        slope = large * small;
        return value;
      }
      case TANH -> tanh(1, 1, x);
      case RELU -> set(x < 0 ? 0 : x, x > 0 ? 1 : 0);
      case HARD_SIGMOID -> {
        double line = alpha * x + beta;
        set(line < 0 ? 0 : line > 1 ? 1 : line, line > 0 && line < 1 ? alpha : 0);
      }
      case AFFINE -> set(alpha * x + beta, alpha);
      case LEAKY_RELU -> set(x < 0 ? alpha * x : x, x < 0 ? alpha : 1);
      case THRESHOLDED_RELU -> set(x <= alpha ? 0 : x, x > alpha ? 1 : 0);
      case SCALED_TANH -> tanh(alpha, beta, x);
      case ELU -> set(x < 0 ? alpha * Math.expm1(x) : x, x < 0 ? alpha * Math.exp(x) : 1);
      case SOFTSIGN -> {
        double part = 1 / (1 + Math.abs(x));
        set(x * part, part * part);
      }
      case SOFTPLUS -> set(ElementaryFunctions.softplus(x), 1 / (1 + Math.exp(-x)));
    }
    rest = 1 - value;
    return value;
  }

  private void tanh(double alpha, double beta, double x) {
    double t = Math.tanh(beta * x);
    double e = Math.exp(-2 * Math.abs(beta * x));
    set(alpha * t, alpha * beta * 4 * e / ((1 + e) * (1 + e)));
  }

  private void set(double newValue, double newSlope) {
    value = newValue;
    slope = newSlope;
  }
}
