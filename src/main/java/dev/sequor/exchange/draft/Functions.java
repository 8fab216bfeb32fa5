package dev.sequor.exchange.draft;

import dev.sequor.backend.Activation;
import dev.sequor.module.Activate;
import dev.sequor.module.Affine;
import dev.sequor.module.Product;
import dev.sequor.module.Sum;

/**
 * Functions of each element that are made of several modules.
 *
 * @param draft what they are added to
 * @param name of the nodes
 */
public record Functions(NetworkDraft draft, String name) {
  /** A function that is one module. */
  public String of(Activation function, String x) {
    return function == Activation.NONE ? x : draft.add(name, new Activate(function), x);
  }

  private String scaled(double factor, double offset, String x) {
    return factor == 1 && offset == 0
        ? x
        : draft.add(name, new Affine((float) factor, (float) offset), x);
  }

  /** {@code x ≥ 0 ? x : slope·x}. */
  public String leakyRelu(double slope, String x) {
    String relu = of(Activation.RELU, x);
    return slope == 0
        ? relu
        : draft.add(name, new Sum(), scaled(slope, 0, x), scaled(1 - slope, 0, relu));
  }

  /** {@code min(max(x, 0), 6)}. */
  public String relu6(String x) {
    return scaled(6, 0, of(Activation.HARD_SIGMOID_RELU6, scaled(1, -3, x)));
  }

  /** {@code x ≥ 0 ? x : alpha·(e^x − 1)}. */
  public String elu(double alpha, String x) {
    String elu = of(Activation.ELU, x);
    return alpha == 1
        ? elu
        : draft.add(
            name, new Sum(), scaled(alpha, 0, elu), scaled(1 - alpha, 0, of(Activation.RELU, x)));
  }

  /** {@code x·f(x)}: with the sigmoid that is SiLU, or Swish. */
  public String gated(Activation function, String x) {
    return draft.add(name, new Product(), x, of(function, x));
  }

  /** {@code x·tanh(log(1 + e^x))}. */
  public String mish(String x) {
    return draft.add(name, new Product(), x, of(Activation.TANH, of(Activation.SOFTPLUS, x)));
  }
}
