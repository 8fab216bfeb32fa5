package dev.sequor.backend;

import java.util.Locale;

/**
 * An activation of a gate, with the names and the formulas of ONNX's recurrent operators.
 *
 * @param kind which formula
 * @param alpha {@code α}, if the formula has one; else 0
 * @param beta {@code β}, if the formula has one; else 0
 */
public record GateFunction(Kind kind, float alpha, float beta) {
  /** The formulas. */
  public enum Kind {
    /** {@code 1 / (1 + e^−x)}. */
    SIGMOID(0, 0),
    /** {@code tanh x}. */
    TANH(1, 0),
    /** {@code max(0, x)}. */
    RELU(2, 0),
    /** {@code max(0, min(1, αx + β))}; ONNX's default is α = 0.2, β = 0.5. */
    HARD_SIGMOID(3, 2),
    /** {@code αx + β}; ONNX's default is α = 1, β = 0. */
    AFFINE(4, 2),
    /** {@code x ≥ 0 ? x : αx}; ONNX's default is α = 0.01. */
    LEAKY_RELU(5, 1),
    /** {@code x > α ? x : 0}; ONNX's default is α = 1. */
    THRESHOLDED_RELU(6, 1),
    /** {@code α tanh(βx)}; ONNX's default is α = 1, β = 1. */
    SCALED_TANH(7, 2),
    /** {@code x ≥ 0 ? x : α (e^x − 1)}; ONNX's default is α = 1. */
    ELU(8, 1),
    /** {@code x / (1 + |x|)}. */
    SOFTSIGN(9, 0),
    /** {@code log(1 + e^x)}. */
    SOFTPLUS(10, 0);

    private final int number;
    private final int constants;

    Kind(int number, int constants) {
      this.number = number;
      this.constants = constants;
    }

    /** The name in lower case, for example {@code hard-sigmoid}. */
    public String id() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The number that native code and kernels know it by: {@code enum GateKind} in gates.h. */
    public int number() {
      return number;
    }
  }

  /** The logistic function. */
  public static final GateFunction SIGMOID = of(Kind.SIGMOID);

  /** The hyperbolic tangent. */
  public static final GateFunction TANH = of(Kind.TANH);

  /** The rectifier. */
  public static final GateFunction RELU = of(Kind.RELU);

  /**
   * Checks the constants.
   *
   * @throws IllegalArgumentException if one is not finite, or is not 0 where the formula has none
   */
  public GateFunction {
    Required.present("kind", kind);
    require(kind, "alpha", alpha, kind.constants >= 1);
    require(kind, "beta", beta, kind.constants >= 2);
  }

  private static void require(Kind kind, String name, float value, boolean used) {
    if (!Float.isFinite(value) || (!used && value != 0f)) {
      throw new IllegalArgumentException(
          name
              + " of "
              + kind.id()
              + " is "
              + value
              + "; needed "
              + (used ? "a finite number" : "0"));
    }
  }

  /** A function with ONNX's default constants. */
  public static GateFunction of(Kind kind) {
    return switch (Required.present("kind", kind)) {
      case HARD_SIGMOID -> new GateFunction(kind, 0.2f, 0.5f);
      case AFFINE -> new GateFunction(kind, 1f, 0f);
      case LEAKY_RELU -> new GateFunction(kind, 0.01f, 0f);
      case THRESHOLDED_RELU, ELU -> new GateFunction(kind, 1f, 0f);
      case SCALED_TANH -> new GateFunction(kind, 1f, 1f);
      case SIGMOID, TANH, RELU, SOFTSIGN, SOFTPLUS -> new GateFunction(kind, 0f, 0f);
    };
  }
}
