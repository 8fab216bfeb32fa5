package dev.sequor.rnn;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * The parameters of a recurrent stack and their gradients, two flat buffers with one layout, with
 * access to each tensor by name.
 */
public final class Parameters implements AutoCloseable {
  private final ParameterLayout layout;
  private final List<TensorRegion> regions;
  private final Buffer values;
  private final Buffer gradients;

  /**
   * Parameters in memory that the caller owns, for example slices of a model's buffers.
   *
   * @throws IllegalArgumentException if a buffer is not FLOAT32 or not of {@link
   *     ParameterLayout#totalElements()} elements
   */
  public Parameters(ParameterLayout layout, Buffer values, Buffer gradients) {
    this.layout = layout;
    this.regions = regions(layout);
    this.values = fitting("parameters", layout, values);
    this.gradients = fitting("gradients", layout, gradients);
  }

  /** New parameters, all zero; {@link #close()} frees them. */
  public static Parameters allocate(Backend backend, ParameterLayout layout) {
    Buffer values = backend.allocate(DType.FLOAT32, layout.totalElements());
    try {
      return new Parameters(
          layout, values, backend.allocate(DType.FLOAT32, layout.totalElements()));
    } catch (RuntimeException | Error e) {
      values.close();
      throw e;
    }
  }

  private static Buffer fitting(String name, ParameterLayout layout, Buffer buffer) {
    if (buffer.type() != DType.FLOAT32 || buffer.elements() != layout.totalElements()) {
      throw new IllegalArgumentException(
          name
              + " holds "
              + buffer.elements()
              + " "
              + buffer.type()
              + "; "
              + layout
              + " needs "
              + layout.totalElements()
              + " FLOAT32");
    }
    return buffer;
  }

  /**
   * Every tensor of {@code layout}, in the order of their offsets: {@code
   * layers.<layer>.<direction>.<kind>}, where the direction is {@code forward} or {@code backward}
   * and the kind one of {@link ParameterLayout.Kind}, of those that the stack has: {@code
   * input_weights [G·H,I]}, {@code recurrent_weights [G·H,H]}, {@code input_bias [G·H]}, {@code
   * recurrent_bias [G·H]}, and for some {@code peepholes [P·H]}, {@code projection [P,H]}, {@code
   * input_gain [G·H]}, {@code recurrent_gain [G·H]}, {@code cell_gain [H]} and {@code cell_bias
   * [H]}. The names are part of the checkpoint format.
   */
  public static List<TensorRegion> regions(ParameterLayout layout) {
    List<TensorRegion> regions = new ArrayList<>();
    long offset = 0;
    for (TensorSpec tensor : tensors(layout)) {
      regions.add(new TensorRegion(tensor.name(), offset, tensor.shape()));
      offset += tensor.elements();
    }
    return regions;
  }

  /** The same tensors, in the same order, with their first values: see {@link Initializer}. */
  public static List<TensorSpec> tensors(ParameterLayout layout) {
    List<TensorSpec> tensors = new ArrayList<>();
    for (int layer = 0; layer < layout.layers(); layer++) {
      for (int direction = 0; direction < layout.directions(); direction++) {
        for (Kind kind : Kind.values()) {
          if (layout.elements(kind, layer) > 0) {
            tensors.add(
                new TensorSpec(
                    name(layout, layer, direction, kind),
                    kind.isMatrix()
                        ? List.of(layout.rows(kind), layout.columns(kind, layer))
                        : List.of(layout.rows(kind)),
                    initialization(layout, kind, layer)));
          }
        }
      }
    }
    return tensors;
  }

  private static Initialization initialization(ParameterLayout layout, Kind kind, int layer) {
    int hidden = layout.hiddenSize();
    int columns = layout.columns(kind, layer);
    return switch (kind) {
      case INPUT_WEIGHTS -> Initialization.glorotUniform(columns, hidden);
      case RECURRENT_WEIGHTS ->
          columns == hidden
              ? Initialization.orthogonal(hidden)
              : Initialization.glorotUniform(columns, hidden);
      case PROJECTION -> Initialization.glorotUniform(hidden, layout.rows(kind));
      case INPUT_BIAS -> {
        int forget = layout.stack().gateNames().indexOf('f');
        yield forget < 0
            ? Initialization.zeros()
            : Initialization.constantWithin(forget * hidden, hidden, 1f);
      }
      case RECURRENT_BIAS, PEEPHOLES, CELL_BIAS -> Initialization.zeros();
      case INPUT_GAIN, RECURRENT_GAIN, CELL_GAIN -> Initialization.constant(1f);
    };
  }

  private static String name(ParameterLayout layout, int layer, int direction, Kind kind) {
    return "layers."
        + layer
        + (layout.stack().direction().isReverse(direction) ? ".backward." : ".forward.")
        + kind.name().toLowerCase(Locale.ROOT);
  }

  /** Where each tensor lies. */
  public ParameterLayout layout() {
    return layout;
  }

  /** The flat parameters. */
  public Buffer values() {
    return values;
  }

  /** The flat gradients. */
  public Buffer gradients() {
    return gradients;
  }

  /**
   * The tensor of this name, see {@link #regions(ParameterLayout)}.
   *
   * @throws IllegalArgumentException if there is none; the message lists all
   */
  public TensorRegion region(String name) {
    for (TensorRegion region : regions) {
      if (region.name().equals(name)) {
        return region;
      }
    }
    throw new IllegalArgumentException(
        "the stack has no tensor '"
            + name
            + "'; it has "
            + String.join(", ", regions.stream().map(TensorRegion::name).toList()));
  }

  /** A copy of the values of the tensor {@code name}. */
  public float[] value(String name) {
    return slice(values, region(name)).readFloats();
  }

  /** A copy of the gradient of the tensor {@code name}. */
  public float[] gradient(String name) {
    return slice(gradients, region(name)).readFloats();
  }

  /**
   * Replaces the values of the tensor {@code name}.
   *
   * @throws IllegalArgumentException if the number of values is not the tensor's
   */
  public void set(String name, float... newValues) {
    TensorRegion region = region(name);
    if (newValues == null) {
      throw new IllegalArgumentException("values for '" + name + "' are missing; needed some");
    }
    if (newValues.length != region.elements()) {
      throw new IllegalArgumentException(
          "values for '"
              + name
              + "' hold "
              + newValues.length
              + " floats; its shape "
              + region.shape()
              + " needs "
              + region.elements());
    }
    slice(values, region).write(newValues);
  }

  private static Buffer slice(Buffer flat, TensorRegion region) {
    return flat.slice(region.offset(), region.elements());
  }

  /** Sets all gradients to zero; backward passes add to them. */
  public void zeroGradients() {
    gradients.requireOpen();
    gradients.backend().fill(gradients, 0f);
  }

  /** Frees both buffers, unless they are slices of the caller's. */
  @Override
  public void close() {
    values.close();
    gradients.close();
  }
}
