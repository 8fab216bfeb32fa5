package dev.sequor.module;

import dev.sequor.backend.Required;
import dev.sequor.backend.UpdateRule;
import dev.sequor.rnn.TensorRegion;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Which tensors there have to be, by name: the one description of a model's parameters and of a
 * trainer's state, for whoever takes, stores, reads or restores them.
 */
public final class TensorShapes {
  private static final String MOMENTS = "moments.";

  /** What goes before the name of a node to make that of its state. */
  public static final String STATE = "state.";

  /**
   * What goes before the name of a node to make that of its {@linkplain NetworkState#marks mark}.
   */
  public static final String STATE_MARK = "state_mark.";

  private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();

  private TensorShapes() {}

  /** The parameters of a network, in the order of {@link NetworkLayout#regions()}. */
  public static TensorShapes ofParameters(Network network) {
    return of(Required.present("network", network).layout(), "");
  }

  /** No tensors. */
  public static TensorShapes none() {
    return new TensorShapes();
  }

  /** One tensor. */
  public static TensorShapes of(String name, List<Integer> shape) {
    TensorShapes tensors = new TensorShapes();
    tensors.shapes.put(Required.present("name", name), Shapes.copy("shape", shape));
    return tensors;
  }

  static TensorShapes of(NetworkLayout layout, String prefix) {
    TensorShapes tensors = new TensorShapes();
    for (TensorRegion region : layout.regions()) {
      tensors.shapes.put(prefix + region.name(), region.shape());
    }
    return tensors;
  }

  /** The moments of {@code rule}: {@code moments.0.<name>}, then {@code moments.1.<name>}. */
  public static TensorShapes ofMoments(Network network, UpdateRule rule) {
    NetworkLayout layout = Required.present("network", network).layout();
    Required.present("rule", rule);
    TensorShapes tensors = new TensorShapes();
    for (int moment = 0; moment < rule.moments(); moment++) {
      tensors.shapes.putAll(of(layout, momentPrefix(moment)).shapes);
    }
    return tensors;
  }

  /** What goes before the name of a parameter to make that of one of its moments. */
  public static String momentPrefix(int moment) {
    return MOMENTS + moment + ".";
  }

  /**
   * The carried states: {@code state.<node> [blocks,S,B,H]}, and {@code state_mark.<node> [1]} of
   * nodes that start from a state they are given; none if no stream is carried.
   */
  public static TensorShapes ofCarriedStates(Network network, int carriedBatchSize) {
    Required.present("network", network);
    TensorShapes tensors = new TensorShapes();
    if (carriedBatchSize > 0) {
      Map<String, ValueShape.State> states = network.carriedStates();
      if (states.isEmpty()) {
        throw new IllegalArgumentException(
            "carriedBatchSize is " + carriedBatchSize + "; a model without carried state needs 0");
      }
      states.forEach(
          (node, state) ->
              tensors.shapes.put(
                  STATE + node,
                  List.of(state.blocks(), state.states(), carriedBatchSize, state.width())));
      network.startingNodes().forEach(node -> tensors.shapes.put(STATE_MARK + node, List.of(1)));
    }
    return tensors;
  }

  /** These and those of {@code others}, which have other names. */
  public TensorShapes and(TensorShapes others) {
    TensorShapes both = new TensorShapes();
    both.shapes.putAll(shapes);
    both.shapes.putAll(Required.present("others", others).shapes);
    return both;
  }

  /** Shapes by name, in their order. */
  public Map<String, List<Integer>> byName() {
    return Collections.unmodifiableMap(shapes);
  }

  /**
   * Throws unless {@code tensors} are these, in any order, and finite.
   *
   * @throws IllegalArgumentException naming the first that is missing, unknown, there twice, of
   *     another shape, or not finite
   */
  public void requireFit(List<NamedTensor> tensors) {
    Set<String> seen = new HashSet<>();
    Shapes.copy("tensors", tensors);
    for (NamedTensor tensor : tensors) {
      List<Integer> shape = shapes.get(tensor.name());
      if (shape == null) {
        continue; // What is missing says more than what is too many.
      }
      if (!seen.add(tensor.name())) {
        throw new IllegalArgumentException("tensor '" + tensor.name() + "' is there twice");
      }
      tensor.requireShape(shape);
      tensor.requireFinite();
    }
    shapes.forEach(
        (name, shape) -> {
          if (!seen.contains(name)) {
            throw new IllegalArgumentException(
                "tensor '" + name + "' is missing; the model needs it, shaped " + shape);
          }
        });
    for (NamedTensor tensor : tensors) {
      if (!seen.contains(tensor.name())) {
        throw new IllegalArgumentException("the model has no tensor '" + tensor.name() + "'");
      }
    }
  }
}
