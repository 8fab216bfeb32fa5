package dev.sequor.exchange.onnx;

import dev.sequor.backend.GateFunction;
import dev.sequor.backend.GateFunction.Kind;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;

/**
 * The attributes {@code activations}, {@code activation_alpha} and {@code activation_beta} of
 * recurrent operators. Constants are consumed in the order of the functions, each function taking
 * only those that its formula has; where they have run out its default stands.
 */
final class Activations {
  private Activations() {}

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
   * The functions of each direction.
   *
   * @param own those of the cell, if none are given
   */
  static List<List<GateFunction>> of(OnnxNode node, List<GateFunction> own, int directions) {
    List<String> names = node.texts("activations");
    Iterator<Float> alpha = node.numbers("activation_alpha").iterator();
    Iterator<Float> beta = node.numbers("activation_beta").iterator();
    List<GateFunction> all = new ArrayList<>();
    for (String name : names) {
      Kind kind =
          Arrays.stream(Kind.values())
              .filter(k -> name(k).equalsIgnoreCase(name.strip()))
              .findFirst()
              .orElseThrow(
                  () ->
                      new IllegalArgumentException(
                          "has the activation '"
                              + name
                              + "', which is not supported; needed one of "
                              + Arrays.stream(Kind.values()).map(Activations::name).toList()));
      GateFunction usual = GateFunction.of(kind);
      all.add(
          new GateFunction(
              kind,
              hasAlpha(kind) && alpha.hasNext() ? alpha.next() : usual.alpha(),
              hasBeta(kind) && beta.hasNext() ? beta.next() : usual.beta()));
    }
    int each = own.size();
    if (!all.isEmpty() && all.size() != each * directions) {
      throw new IllegalArgumentException(
          "has " + all.size() + " activations; needed " + each + " for each direction");
    }
    List<List<GateFunction>> result = new ArrayList<>();
    for (int d = 0; d < directions; d++) {
      result.add(all.isEmpty() ? own : List.copyOf(all.subList(d * each, (d + 1) * each)));
    }
    return result;
  }
}
