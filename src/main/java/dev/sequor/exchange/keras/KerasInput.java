package dev.sequor.exchange.keras;

import dev.sequor.exchange.TensorLayout;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.TensorLayout.Part;
import dev.sequor.io.TensorType;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** An input of a model, whose form is known once something reads it: tokens or numbers. */
final class KerasInput {
  final String name;
  private final TensorType type;

  /** Sizes after that of the batch; 0 for any. */
  final List<Integer> sizes;

  /** How many sequences there are; 0 for any. */
  final int batch;

  /** The value in the draft; null as long as nothing has read it. */
  @Nullable String value;

  boolean tokens;
  @Nullable Float mask;

  KerasInput(String name, TensorType type, int batch, List<Integer> sizes) {
    this.name = name;
    this.type = type;
    this.batch = batch;
    this.sizes = List.copyOf(sizes);
  }

  /** Of its elements; of tokens, which older files have as numbers, one of integers. */
  TensorType type() {
    return tokens && !type.isInteger() ? TensorType.I32 : type;
  }

  /** How its tensor lies in the value. */
  TensorLayout layout() {
    List<List<Part>> dimensions = new ArrayList<>();
    dimensions.add(List.of(new Part(Kind.BATCH, batch, 0)));
    if (tokens || sizes.size() == 2) {
      dimensions.add(List.of(new Part(Kind.STEPS, sizes.get(0), 0)));
    }
    if (tokens) {
      return new TensorLayout(dimensions, List.of());
    }
    int width = sizes.get(sizes.size() - 1);
    dimensions.add(List.of(Part.columns(0, width)));
    return new TensorLayout(dimensions, List.of(width));
  }
}
