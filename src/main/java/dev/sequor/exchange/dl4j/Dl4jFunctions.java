package dev.sequor.exchange.dl4j;

import dev.sequor.backend.Activation;
import dev.sequor.backend.GateFunction;
import dev.sequor.exchange.draft.Functions;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.files.JsonObject;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.Product;
import dev.sequor.module.Softmax;
import java.util.List;

/** Activations of Deeplearning4j, of layers and of gates. */
final class Dl4jFunctions {
  private Dl4jFunctions() {}

  private static String functionOf(JsonObject layer, String name) throws MalformedFileException {
    return Dl4jGraph.kind(layer.object(name));
  }

  /** A constant of a function. */
  private static double constant(JsonObject layer, String function, String name, double usual)
      throws MalformedFileException {
    return layer.object(function).number(name, usual);
  }

  private static Activation plain(String function) {
    return switch (function) {
      case "ActivationIdentity" -> Activation.NONE;
      case "ActivationTanH" -> Activation.TANH;
      case "ActivationSigmoid" -> Activation.SIGMOID;
      case "ActivationSELU" -> Activation.SELU;
      case "ActivationSoftPlus" -> Activation.SOFTPLUS;
      case "ActivationSoftSign" -> Activation.SOFTSIGN;
      case "ActivationHardSigmoid" -> Activation.HARD_SIGMOID;
      default ->
          throw new IllegalArgumentException(
              "has the activation " + function + ", which is not supported");
    };
  }

  /** Adds the function of a layer. */
  static String add(NetworkDraft draft, JsonObject layer, String x) throws MalformedFileException {
    Functions functions = new Functions(draft, "activation");
    String name = "activationFn";
    String function = functionOf(layer, name);
    return switch (function) {
      case "ActivationSoftmax" -> draft.add("softmax", new Softmax(), x);
      case "ActivationReLU" -> {
        double most = constant(layer, name, "max", 0);
        if (most != 0 || constant(layer, name, "threshold", 0) != 0) {
          throw new IllegalArgumentException(
              "has an ActivationReLU with a maximum or a threshold, which is not supported");
        }
        yield functions.leakyRelu(constant(layer, name, "negativeSlope", 0), x);
      }
      case "ActivationLReLU" -> functions.leakyRelu(constant(layer, name, "alpha", 0.01), x);
      case "ActivationELU" -> functions.elu(constant(layer, name, "alpha", 1), x);
      case "ActivationSwish" -> functions.gated(Activation.SIGMOID, x);
      case "ActivationMish" -> functions.mish(x);
      case "ActivationReLU6" -> functions.relu6(x);
      case "ActivationRectifiedTanh" ->
          functions.of(Activation.RELU, functions.of(Activation.TANH, x));
      case "ActivationCube" -> draft.add("cube", new Product(), List.of(x, x, x), List.of());
      default -> functions.of(plain(function), x);
    };
  }

  /** The function of a gate. */
  static GateFunction ofGate(JsonObject layer, String name) throws MalformedFileException {
    String function = functionOf(layer, name);
    return switch (function) {
      case "ActivationTanH" -> GateFunction.TANH;
      case "ActivationSigmoid" -> GateFunction.SIGMOID;
      case "ActivationIdentity" -> GateFunction.of(GateFunction.Kind.AFFINE);
      case "ActivationSoftPlus" -> GateFunction.of(GateFunction.Kind.SOFTPLUS);
      case "ActivationSoftSign" -> GateFunction.of(GateFunction.Kind.SOFTSIGN);
      case "ActivationHardSigmoid" -> GateFunction.of(GateFunction.Kind.HARD_SIGMOID);
      case "ActivationReLU" -> {
        JsonObject its = layer.object(name);
        if (its.number("max", 0) != 0
            || its.number("threshold", 0) != 0
            || its.number("negativeSlope", 0) != 0) {
          throw new IllegalArgumentException(
              "has a gate with an ActivationReLU of its own kind, which is not supported");
        }
        yield GateFunction.RELU;
      }
      default ->
          throw new IllegalArgumentException(
              "has a gate with the activation " + function + ", which is not supported");
    };
  }
}
