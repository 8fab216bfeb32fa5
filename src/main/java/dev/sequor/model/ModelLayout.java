package dev.sequor.model;

import dev.sequor.backend.ParameterLayout;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * Where each tensor of a model lies in its flat parameter buffer, and what it is called. The names
 * are part of the checkpoint format:
 *
 * <ul>
 *   <li>{@code embedding.weights [V,I]}, if the input is an embedding;
 *   <li>{@code recurrent.layers.0.forward.input_weights [G·H,I]} and so on, see {@link
 *       Parameters#regions};
 *   <li>{@code dense.0.weights [N,K]}, {@code dense.0.bias [N]}, for each hidden dense layer;
 *   <li>{@code output.weights [N,K]}, {@code output.bias [N]}.
 * </ul>
 *
 * Each of these parts starts on a 64-byte boundary; the gaps stay zero.
 */
public final class ModelLayout {
  private static final String RECURRENT = "recurrent.";

  /** Floats in 64 bytes. */
  private static final int ALIGNMENT = 16;

  private final List<TensorRegion> regions = new ArrayList<>();
  private final long recurrentOffset;
  private final long recurrentElements;
  private long end;

  /** The layout of {@code spec}. */
  public ModelLayout(SequenceModelSpec spec) {
    if (spec.input().kind() == InputKind.EMBEDDING) {
      add("embedding.weights", List.of(spec.input().vocabularySize(), spec.input().width()));
    }
    ParameterLayout recurrent = spec.rnn().parameterLayout();
    align();
    recurrentOffset = end;
    recurrentElements = recurrent.totalElements();
    for (TensorRegion region : Parameters.regions(recurrent)) {
      regions.add(
          new TensorRegion(
              RECURRENT + region.name(), recurrentOffset + region.offset(), region.shape()));
    }
    end += recurrentElements;
    int width = spec.rnn().outputSize();
    for (int i = 0; i < spec.denseLayers().size(); i++) {
      int size = spec.denseLayers().get(i).size();
      addDense("dense." + i, size, width);
      width = size;
    }
    addDense("output", spec.outputSize(), width);
    align();
  }

  private void addDense(String name, int outputs, int inputs) {
    align();
    add(name + ".weights", List.of(outputs, inputs));
    align();
    add(name + ".bias", List.of(outputs));
  }

  private void add(String name, List<Integer> shape) {
    TensorRegion region = new TensorRegion(name, end, shape);
    regions.add(region);
    end += region.elements();
  }

  private void align() {
    end = (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** All tensors, in the order of their offsets. */
  public List<TensorRegion> regions() {
    return List.copyOf(regions);
  }

  /**
   * The tensor of this name.
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
        "the model has no tensor '"
            + name
            + "'; it has "
            + String.join(", ", regions.stream().map(TensorRegion::name).toList()));
  }

  /** Elements of the flat buffer, gaps included. */
  public long totalElements() {
    return end;
  }

  /** Trainable weights: all elements but the gaps. */
  public long trainableElements() {
    return regions.stream().mapToLong(TensorRegion::elements).sum();
  }

  /**
   * Cuts a flat buffer's values into its tensors.
   *
   * @param prefix goes before each name
   */
  List<NamedTensor> split(float[] flat, String prefix) {
    List<NamedTensor> tensors = new ArrayList<>();
    for (TensorRegion region : regions) {
      int offset = (int) region.offset();
      float[] values = Arrays.copyOfRange(flat, offset, offset + (int) region.elements());
      tensors.add(new NamedTensor(prefix + region.name(), region.shape(), values));
    }
    return tensors;
  }

  /**
   * The inverse of {@link #split}, in any order of the tensors.
   *
   * @throws IllegalArgumentException if a tensor is missing, unknown, there twice, of another
   *     shape, or not finite
   */
  float[] join(List<NamedTensor> tensors, String prefix) {
    TensorShapes.of(this, prefix).requireFit(tensors);
    Map<String, NamedTensor> byName = new HashMap<>();
    tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    float[] flat = new float[Math.toIntExact(end)];
    for (TensorRegion region : regions) {
      float[] values = Objects.requireNonNull(byName.get(prefix + region.name())).values();
      System.arraycopy(values, 0, flat, (int) region.offset(), values.length);
    }
    return flat;
  }

  /** Whether {@code region} belongs to the recurrent stack. */
  boolean isRecurrent(TensorRegion region) {
    return region.name().startsWith(RECURRENT);
  }

  /** First element of the recurrent stack's flat block. */
  long recurrentOffset() {
    return recurrentOffset;
  }

  /** Elements of the recurrent stack's flat block. */
  long recurrentElements() {
    return recurrentElements;
  }
}
