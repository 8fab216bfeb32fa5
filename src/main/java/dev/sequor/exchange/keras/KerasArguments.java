package dev.sequor.exchange.keras;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a layer is called with, as its {@code inbound_nodes} have it: those of Keras 3, {@code
 * {"args": …, "kwargs": …}} with tensors as objects, or those before it, lists of {@code [layer,
 * node, tensor, kwargs]}.
 *
 * @param positional in their order
 * @param named by name
 */
record KerasArguments(List<Argument> positional, Map<String, Argument> named) {
  /**
   * A tensor of the model.
   *
   * @param layer whose it is
   * @param node which call of that layer, from 0
   * @param tensor which of that call's, from 0
   */
  record Reference(String layer, int node, int tensor) {
    @Override
    public String toString() {
      return "['" + layer + "', " + node + ", " + tensor + "]";
    }
  }

  /**
   * An argument: one of these is there.
   *
   * @param tensor a tensor of the model
   * @param list several arguments
   * @param constant anything else
   */
  record Argument(
      @Nullable Reference tensor, @Nullable List<Argument> list, @Nullable JsonNode constant) {
    /** All tensors in it. */
    List<Reference> tensors() {
      List<Reference> found = new ArrayList<>();
      addTo(found);
      return found;
    }

    private void addTo(List<Reference> found) {
      if (tensor != null) {
        found.add(tensor);
      } else if (list != null) {
        list.forEach(each -> each.addTo(found));
      }
    }

    /** Whether it says nothing. */
    boolean isNull() {
      return list != null
          ? list.stream().allMatch(Argument::isNull)
          : constant != null && constant.isNull();
    }
  }

  /** All tensors in all arguments. */
  List<Reference> tensors() {
    List<Reference> found = new ArrayList<>();
    positional.forEach(each -> found.addAll(each.tensors()));
    named.values().forEach(each -> found.addAll(each.tensors()));
    return found;
  }

  static KerasArguments of(JsonNode node) {
    List<Argument> positional = new ArrayList<>();
    Map<String, Argument> named = new LinkedHashMap<>();
    if (node.isObject()) {
      JsonNode args = node.path("args");
      if (!args.isArray()) {
        throw new IllegalArgumentException("has a call without the list 'args'");
      }
      args.forEach(arg -> positional.add(argument(arg, false)));
      node.path("kwargs")
          .properties()
          .forEach(each -> named.put(each.getKey(), argument(each.getValue(), false)));
    } else if (node.isArray() && !node.isEmpty()) {
      List<Argument> tensors = new ArrayList<>();
      for (JsonNode each : node) {
        @Nullable Reference tensor = listed(each);
        if (tensor == null) {
          throw new IllegalArgumentException("is called with something that is no tensor");
        }
        tensors.add(new Argument(tensor, null, null));
        each.path(3)
            .properties()
            .forEach(kwarg -> named.put(kwarg.getKey(), argument(kwarg.getValue(), true)));
      }
      positional.add(tensors.size() == 1 ? tensors.get(0) : new Argument(null, tensors, null));
    } else {
      throw new IllegalArgumentException("has a call that is neither an object nor a list");
    }
    return new KerasArguments(positional, named);
  }

  private static Argument argument(JsonNode node, boolean listed) {
    @Nullable Reference tensor = listed ? listed(node) : reference(node);
    if (tensor != null) {
      return new Argument(tensor, null, null);
    }
    if (node.isArray()) {
      List<Argument> list = new ArrayList<>();
      node.forEach(each -> list.add(argument(each, listed)));
      return new Argument(null, list, null);
    }
    return new Argument(null, null, node);
  }

  private static @Nullable Reference reference(JsonNode node) {
    return node.path("class_name").asText().equals("__keras_tensor__")
        ? listed(node.path("config").path("keras_history"))
        : null;
  }

  /** {@code [layer, node, tensor]}; null if it is something else. */
  static @Nullable Reference listed(JsonNode node) {
    boolean fits =
        node.isArray()
            && (node.size() == 3 || node.size() == 4)
            && node.get(0).isTextual()
            && node.get(1).canConvertToInt()
            && node.get(1).isIntegralNumber()
            && node.get(2).canConvertToInt()
            && node.get(2).isIntegralNumber();
    return fits
        ? new Reference(node.get(0).textValue(), node.get(1).intValue(), node.get(2).intValue())
        : null;
  }
}
