package dev.sequor.exchange.onnx;

import dev.sequor.module.ValueShape;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * A recurrent state in a file: for each of its vectors tensors {@code [blocks,B,H]}, of all blocks
 * or of some, whatever it is asked for by.
 */
final class StateTensors {
  /** Makes a tensor of some blocks of one vector. */
  @FunctionalInterface
  interface Maker {
    String tensor(int vector, int first, int count);
  }

  /** Some blocks of one vector. */
  private record Piece(int vector, int first, int count) {}

  private final GraphDraft graph;
  private final String name;
  private final ValueShape.State shape;
  private final @Nullable Maker maker;
  private final Map<Piece, String> pieces = new HashMap<>();

  private StateTensors(
      GraphDraft graph, String name, ValueShape.State shape, @Nullable Maker maker) {
    this.graph = graph;
    this.name = name;
    this.shape = shape;
    this.maker = maker;
  }

  /** A state whose blocks are made when they are asked for. */
  static StateTensors of(GraphDraft graph, String name, ValueShape.State shape, Maker maker) {
    return new StateTensors(graph, name, shape, maker);
  }

  /** A state of which each vector's tensor is there. */
  static StateTensors of(
      GraphDraft graph, String name, ValueShape.State shape, List<String> tensors) {
    StateTensors state = new StateTensors(graph, name, shape, null);
    for (int s = 0; s < tensors.size(); s++) {
      state.put(s, 0, shape.blocks(), tensors.get(s));
    }
    return state;
  }

  /** A state that is to be put together. */
  static StateTensors empty(GraphDraft graph, String name, ValueShape.State shape) {
    return new StateTensors(graph, name, shape, null);
  }

  void put(int vector, int first, int count, String tensor) {
    pieces.put(new Piece(vector, first, count), tensor);
  }

  ValueShape.State shape() {
    return shape;
  }

  /** What vector number {@code vector} is called. */
  static String letter(int vector) {
    return vector == 0 ? "h" : vector == 1 ? "c" : String.valueOf(vector);
  }

  private String wanted(int vector) {
    return name + "." + letter(vector);
  }

  /** All blocks of one vector, {@code [blocks,B,H]}. */
  String all(int vector) {
    return blocks(vector, 0, shape.blocks());
  }

  /** All blocks of each vector. */
  List<String> all() {
    return IntStream.range(0, shape.states()).mapToObj(this::all).toList();
  }

  /** Some blocks of one vector, {@code [count,B,H]}. */
  String blocks(int vector, int first, int count) {
    Piece asked = new Piece(vector, first, count);
    @Nullable String known = pieces.get(asked);
    if (known != null) {
      return known;
    }
    String tensor;
    if (maker != null) {
      tensor = maker.tensor(vector, first, count);
    } else if (count == shape.blocks()) {
      tensor = joined(vector);
    } else {
      Piece around =
          pieces.keySet().stream()
              .filter(p -> p.vector() == vector)
              .filter(p -> p.first() <= first && first + count <= p.first() + p.count())
              .min(Comparator.comparingInt(Piece::count))
              .orElseGet(
                  () -> {
                    all(vector);
                    return new Piece(vector, 0, shape.blocks());
                  });
      String from = java.util.Objects.requireNonNull(pieces.get(around));
      int start = first - around.first();
      tensor =
          graph.add(
              "Slice",
              wanted(vector),
              List.of(
                  from, graph.integers(start), graph.integers(start + count), graph.integers(0)));
    }
    pieces.put(asked, tensor);
    return tensor;
  }

  private String joined(int vector) {
    List<Piece> parts =
        new ArrayList<>(pieces.keySet().stream().filter(p -> p.vector() == vector).toList());
    parts.sort(Comparator.comparingInt(Piece::first));
    List<String> tensors = new ArrayList<>();
    int end = 0;
    for (Piece part : parts) {
      if (part.first() == end) {
        tensors.add(java.util.Objects.requireNonNull(pieces.get(part)));
        end += part.count();
      }
    }
    return graph.add("Concat", wanted(vector), tensors, GraphDraft.attribute("axis", 0));
  }
}
