package dev.sequor.model;

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
  static final String STATE = "state";

  private final Map<String, List<Integer>> shapes = new LinkedHashMap<>();

  private TensorShapes() {}

  /** The parameters of a model, in the order of {@link ModelLayout#regions()}. */
  public static TensorShapes ofParameters(SequenceModelSpec spec) {
    return of(new ModelLayout(spec), "");
  }

  static TensorShapes of(ModelLayout layout, String prefix) {
    TensorShapes tensors = new TensorShapes();
    for (TensorRegion region : layout.regions()) {
      tensors.shapes.put(prefix + region.name(), region.shape());
    }
    return tensors;
  }

  /** The moments of {@code rule}: {@code moments.0.<name>}, then {@code moments.1.<name>}. */
  public static TensorShapes ofMoments(SequenceModelSpec spec, UpdateRule rule) {
    ModelLayout layout = new ModelLayout(spec);
    TensorShapes tensors = new TensorShapes();
    for (int moment = 0; moment < rule.moments(); moment++) {
      tensors.shapes.putAll(of(layout, momentPrefix(moment)).shapes);
    }
    return tensors;
  }

  /** What goes before the name of a parameter to make that of one of its moments. */
  static String momentPrefix(int moment) {
    return MOMENTS + moment + ".";
  }

  /** Whether it holds means of squares, if the rule is Adam's. */
  static boolean isSecondMoment(NamedTensor tensor) {
    return tensor.name().startsWith(momentPrefix(1));
  }

  /**
   * The carried state: {@code state [L·D,S,B,H]}, or nothing if {@code carriedBatchSize} is 0.
   *
   * @throws IllegalArgumentException if the model is bidirectional and should carry a state
   */
  public static TensorShapes ofCarriedState(SequenceModelSpec spec, int carriedBatchSize) {
    TensorShapes tensors = new TensorShapes();
    if (carriedBatchSize > 0) {
      if (spec.bidirectional()) {
        throw new IllegalArgumentException(
            "carriedBatchSize is " + carriedBatchSize + "; a bidirectional model needs 0");
      }
      tensors.shapes.put(
          STATE, List.of(spec.layers(), spec.cell().states(), carriedBatchSize, spec.hiddenSize()));
    }
    return tensors;
  }

  /** These and those of {@code others}, which have other names. */
  public TensorShapes and(TensorShapes others) {
    TensorShapes both = new TensorShapes();
    both.shapes.putAll(shapes);
    both.shapes.putAll(others.shapes);
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
