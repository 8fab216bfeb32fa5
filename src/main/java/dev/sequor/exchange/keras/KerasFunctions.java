package dev.sequor.exchange.keras;

import dev.sequor.backend.Activation;
import dev.sequor.backend.GateFunction;
import dev.sequor.exchange.draft.Functions;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.module.LogSoftmax;
import dev.sequor.module.Softmax;
import org.jspecify.annotations.Nullable;

/** Keras's activations by name, of layers and of gates. */
final class KerasFunctions {
  private final NetworkDraft draft;

  /** Before Keras 3 the hard sigmoid had another slope. */
  private final boolean isKeras3;

  KerasFunctions(NetworkDraft draft, boolean isKeras3) {
    this.draft = draft;
    this.isKeras3 = isKeras3;
  }

  private Activation hardSigmoid() {
    return isKeras3 ? Activation.HARD_SIGMOID_RELU6 : Activation.HARD_SIGMOID;
  }

  /** The function that a module has in it; null if it takes several. */
  @Nullable Activation single(String name) {
    return switch (name) {
      case "linear" -> Activation.NONE;
      case "tanh" -> Activation.TANH;
      case "relu" -> Activation.RELU;
      case "sigmoid" -> Activation.SIGMOID;
      case "elu" -> Activation.ELU;
      case "selu" -> Activation.SELU;
      case "softplus" -> Activation.SOFTPLUS;
      case "softsign" -> Activation.SOFTSIGN;
      case "exponential" -> Activation.EXP;
      case "hard_sigmoid" -> hardSigmoid();
      default -> null;
    };
  }

  /** A function of a gate. */
  GateFunction ofGate(String name) {
    return switch (name) {
      case "linear" -> GateFunction.of(GateFunction.Kind.AFFINE);
      case "tanh" -> GateFunction.TANH;
      case "relu" -> GateFunction.RELU;
      case "sigmoid" -> GateFunction.SIGMOID;
      case "elu" -> GateFunction.of(GateFunction.Kind.ELU);
      case "softplus" -> GateFunction.of(GateFunction.Kind.SOFTPLUS);
      case "softsign" -> GateFunction.of(GateFunction.Kind.SOFTSIGN);
      case "leaky_relu" -> new GateFunction(GateFunction.Kind.LEAKY_RELU, 0.2f, 0f);
      case "hard_sigmoid" ->
          isKeras3
              ? new GateFunction(GateFunction.Kind.HARD_SIGMOID, 1f / 6f, 0.5f)
              : GateFunction.of(GateFunction.Kind.HARD_SIGMOID);
      default ->
          throw new IllegalArgumentException(
              "has the activation '"
                  + name
                  + "' of a gate, which is not supported; needed linear, tanh, relu, sigmoid, elu,"
                  + " softplus, softsign, leaky_relu or hard_sigmoid");
    };
  }

  /** Functions under a layer's name. */
  Functions named(String layer) {
    return new Functions(draft, layer);
  }

  /** Adds the function of a value. */
  String add(String layer, String name, String x) {
    @Nullable Activation single = single(name);
    Functions functions = named(layer);
    if (single != null) {
      return functions.of(single, x);
    }
    return switch (name) {
      case "softmax" -> draft.add(layer, new Softmax(), x);
      case "log_softmax" -> draft.add(layer, new LogSoftmax(), x);
      case "leaky_relu" -> functions.leakyRelu(0.2, x);
      case "relu6" -> functions.relu6(x);
      case "silu", "swish" -> functions.gated(Activation.SIGMOID, x);
      case "hard_silu", "hard_swish" -> functions.gated(Activation.HARD_SIGMOID_RELU6, x);
      case "mish" -> functions.mish(x);
      default ->
          throw new IllegalArgumentException(
              "has the activation '" + name + "', which is not supported");
    };
  }
}
