package dev.sequor.contract;

import dev.sequor.backend.GateFunction;
import dev.sequor.backend.GateFunction.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * The attributes {@code activations}, {@code activation_alpha} and {@code activation_beta} of
 * ONNX's recurrent operators. Constants are consumed in the order of the functions, each function
 * taking only those that its formula has; where they have run out its default stands.
 */
final class OnnxActivations {
  private OnnxActivations() {}

  /** The ONNX name of a formula. */
  static String name(Kind kind) {
    StringBuilder name = new StringBuilder();
    for (String word : kind.id().split("-", -1)) {
      name.append(word.substring(0, 1).toUpperCase(Locale.ROOT)).append(word.substring(1));
    }
    return name.toString();
  }

  /** Formulas with α, in the order of the functions. */
  static boolean hasAlpha(Kind kind) {
    return switch (kind) {
      case HARD_SIGMOID, AFFINE, LEAKY_RELU, THRESHOLDED_RELU, SCALED_TANH, ELU -> true;
      default -> false;
    };
  }

  /** Formulas with β. */
  static boolean hasBeta(Kind kind) {
    return switch (kind) {
      case HARD_SIGMOID, AFFINE, SCALED_TANH -> true;
      default -> false;
    };
  }

  /**
   * The functions of each direction; null if a name is unknown, or there are neither as many as
   * functions of all directions nor as many as of one.
   *
   * @param own those of a cell, if none are given
   */
  static @Nullable List<List<GateFunction>> of(
      List<GateFunction> own,
      int directions,
      List<String> names,
      List<Double> alphas,
      List<Double> betas) {
    int each = own.size();
    List<GateFunction> all = new ArrayList<>();
    Iterator<Double> alpha = alphas.iterator();
    Iterator<Double> beta = betas.iterator();
    for (String name : names) {
      Optional<Kind> kind = kind(name);
      if (kind.isEmpty()) {
        return null;
      }
      GateFunction usual = GateFunction.of(kind.get());
      all.add(
          new GateFunction(
              kind.get(),
              hasAlpha(kind.get()) && alpha.hasNext() ? alpha.next().floatValue() : usual.alpha(),
              hasBeta(kind.get()) && beta.hasNext() ? beta.next().floatValue() : usual.beta()));
    }
    List<List<GateFunction>> result = new ArrayList<>();
    for (int d = 0; d < directions; d++) {
      if (all.isEmpty()) {
        result.add(own);
      } else if (all.size() == each) {
        result.add(all);
      } else if (all.size() == directions * each) {
        result.add(all.subList(d * each, (d + 1) * each));
      } else {
        return null;
      }
    }
    return result;
  }

  private static Optional<Kind> kind(String name) {
    return Arrays.stream(Kind.values())
        .filter(kind -> name(kind).equalsIgnoreCase(name.strip()))
        .findFirst();
  }
}
