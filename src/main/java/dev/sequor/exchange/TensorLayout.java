package dev.sequor.exchange;

import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * How a tensor of a file lies in a value of a network. A value is {@code [T,B,W]}, or {@code [B,W]}
 * if it has no time axis, and its width {@code W} may be several sizes, outermost first. Each
 * dimension of the tensor is a product of these: batch-first vectors are {@code [B],[T],[W]}, the
 * hidden states of two layers {@code [L],[B],[H]} with {@code W = L·H}; a dimension of nothing has
 * the size 1.
 *
 * @param dimensions for each dimension of the tensor what it is made of, outermost first
 * @param columns the sizes that the width is made of, outermost first; none for a width of 1
 */
public record TensorLayout(List<List<Part>> dimensions, List<Integer> columns) {
  /** What dimensions are made of. */
  public enum Kind {
    /** The sequences, {@code B}. */
    BATCH,
    /** The time steps, {@code T}. */
    STEPS,
    /** One of the sizes of the width. */
    COLUMNS
  }

  /**
   * A factor of the size of a dimension.
   *
   * @param kind what it counts
   * @param size how many there are; 0 for any number, which {@link Kind#COLUMNS} never have
   * @param column which of {@link TensorLayout#columns}, from 0; 0 for others
   */
  public record Part(Kind kind, int size, int column) {
    /** Checks the numbers. */
    public Part {
      Required.present("kind", kind);
      Sizes.atLeast("size", size, kind == Kind.COLUMNS ? 1 : 0);
      Sizes.atLeast("column", column, 0);
    }

    /** Any number of sequences. */
    public static Part batch() {
      return new Part(Kind.BATCH, 0, 0);
    }

    /** Any number of time steps. */
    public static Part steps() {
      return new Part(Kind.STEPS, 0, 0);
    }

    /** One size of the width. */
    public static Part columns(int column, int size) {
      return new Part(Kind.COLUMNS, size, column);
    }
  }

  /**
   * Checks that each part is there once.
   *
   * @throws IllegalArgumentException if a part is missing, there twice, or of another size
   */
  public TensorLayout {
    List<List<Part>> copy = new ArrayList<>();
    Required.present("dimensions", dimensions).forEach(parts -> copy.add(List.copyOf(parts)));
    dimensions = List.copyOf(copy);
    columns = List.copyOf(Required.present("columns", columns));
    Set<Part> seen = new HashSet<>();
    int columnParts = 0;
    for (List<Part> parts : dimensions) {
      for (Part part : parts) {
        boolean isColumn = part.kind() == Kind.COLUMNS;
        if (!seen.add(new Part(part.kind(), isColumn ? 1 : 0, part.column()))) {
          throw new IllegalArgumentException("the dimensions " + dimensions + " have a part twice");
        }
        if (isColumn
            && (part.column() >= columns.size() || columns.get(part.column()) != part.size())) {
          throw new IllegalArgumentException(
              "the dimensions " + dimensions + " do not have the columns " + columns);
        }
        columnParts += isColumn ? 1 : 0;
      }
    }
    if (columnParts != columns.size()) {
      throw new IllegalArgumentException(
          "the dimensions " + dimensions + " lack some of the columns " + columns);
    }
  }

  /** Sequences batch by batch, {@code [B,T,width]}. */
  public static TensorLayout batchFirst(int width) {
    return new TensorLayout(
        List.of(List.of(Part.batch()), List.of(Part.steps()), List.of(Part.columns(0, width))),
        List.of(width));
  }

  /** Sequences step by step, {@code [T,B,width]}, as networks have them. */
  public static TensorLayout timeFirst(int width) {
    return new TensorLayout(
        List.of(List.of(Part.steps()), List.of(Part.batch()), List.of(Part.columns(0, width))),
        List.of(width));
  }

  /** One vector a sequence, {@code [B,width]}. */
  public static TensorLayout vectors(int width) {
    return new TensorLayout(
        List.of(List.of(Part.batch()), List.of(Part.columns(0, width))), List.of(width));
  }

  /** Tokens, {@code [B,T]}. */
  public static TensorLayout tokens() {
    return new TensorLayout(List.of(List.of(Part.batch()), List.of(Part.steps())), List.of());
  }

  /** Tokens step by step, {@code [T,B]}, as networks have them. */
  public static TensorLayout timeFirstTokens() {
    return new TensorLayout(List.of(List.of(Part.steps()), List.of(Part.batch())), List.of());
  }

  /**
   * One vector of a recurrent state, {@code [blocks,B,width]}, of a value {@code [B,blocks·width]}.
   */
  public static TensorLayout blocks(int blocks, int width) {
    return new TensorLayout(
        List.of(
            List.of(Part.columns(0, blocks)),
            List.of(Part.batch()),
            List.of(Part.columns(1, width))),
        List.of(blocks, width));
  }

  /** One number a sequence, {@code [B]}. */
  public static TensorLayout perSequence() {
    return new TensorLayout(List.of(List.of(Part.batch())), List.of());
  }

  /** With steps and sequences the other way round, if those are the first two dimensions. */
  TensorLayout turned() {
    boolean stepsFirst =
        dimensions.size() >= 2
            && dimensions.get(0).stream().map(Part::kind).toList().equals(List.of(Kind.STEPS))
            && dimensions.get(1).stream().map(Part::kind).toList().equals(List.of(Kind.BATCH));
    if (!stepsFirst) {
      return this;
    }
    List<List<Part>> turned = new ArrayList<>(dimensions);
    turned.set(0, dimensions.get(1));
    turned.set(1, dimensions.get(0));
    return new TensorLayout(turned, columns);
  }

  /** The product of the columns. */
  public int width() {
    return columns.stream().reduce(1, Math::multiplyExact);
  }

  /** Whether there are time steps among the dimensions. */
  public boolean hasSteps() {
    return has(Kind.STEPS);
  }

  /** Whether there are sequences among the dimensions; if not, there is one. */
  public boolean hasBatch() {
    return has(Kind.BATCH);
  }

  private boolean has(Kind kind) {
    return dimensions.stream().anyMatch(parts -> parts.stream().anyMatch(p -> p.kind() == kind));
  }

  /** The sizes of the tensor, with so many steps and sequences. */
  public List<Long> shape(int timeSteps, int batchSize) {
    List<Long> shape = new ArrayList<>();
    for (List<Part> parts : dimensions) {
      long size = 1;
      for (Part part : parts) {
        size = Math.multiplyExact(size, sizeOf(part, timeSteps, batchSize));
      }
      shape.add(size);
    }
    return shape;
  }

  private static int sizeOf(Part part, int timeSteps, int batchSize) {
    return switch (part.kind()) {
      case BATCH -> batchSize;
      case STEPS -> timeSteps;
      case COLUMNS -> part.size();
    };
  }

  /**
   * How many steps or sequences a tensor of these sizes has; 0 if it has no such dimension.
   *
   * @throws IllegalArgumentException if the sizes are not those of this layout
   */
  int count(Kind kind, String name, List<Long> shape) {
    if (shape.size() != dimensions.size()) {
      throw unfit(name, shape);
    }
    long found = 0;
    for (int i = 0; i < shape.size(); i++) {
      long known = 1;
      int unknown = 0;
      boolean asked = false;
      for (Part part : dimensions.get(i)) {
        if (part.size() > 0) {
          known *= part.size();
        } else {
          unknown++;
        }
        asked |= part.kind() == kind;
        if (part.kind() == kind && part.size() > 0) {
          found = part.size();
        }
      }
      long size = shape.get(i);
      if (size < 1
          || size > Integer.MAX_VALUE
          || size % known != 0
          || (unknown == 0 && size != known)) {
        throw unfit(name, shape);
      }
      if (asked && unknown == 1 && found == 0) {
        found = size / known;
      }
    }
    return (int) found;
  }

  private IllegalArgumentException unfit(String name, List<Long> shape) {
    return new IllegalArgumentException(
        "tensor '" + name + "' has the sizes " + shape + "; needed " + this);
  }

  /** For each element of the value, in its order, where it is in the tensor: strides by part. */
  private Map<Part, Long> strides(int timeSteps, int batchSize) {
    Map<Part, Long> strides = new HashMap<>();
    long stride = 1;
    for (int i = dimensions.size() - 1; i >= 0; i--) {
      List<Part> parts = dimensions.get(i);
      for (int j = parts.size() - 1; j >= 0; j--) {
        Part part = parts.get(j);
        strides.put(
            new Part(part.kind(), part.kind() == Kind.COLUMNS ? 1 : 0, part.column()), stride);
        stride *= sizeOf(part, timeSteps, batchSize);
      }
    }
    return strides;
  }

  /** Whether tensor and value have their elements in one order. */
  private boolean isAsInNetwork() {
    List<Part> order = new ArrayList<>();
    dimensions.forEach(order::addAll);
    int expected = 0;
    for (Part part : order) {
      int place =
          switch (part.kind()) {
            case STEPS -> 0;
            case BATCH -> 1;
            case COLUMNS -> 2 + part.column();
          };
      if (place < expected) {
        return false;
      }
      expected = place;
    }
    return true;
  }

  /** Moves elements: at {@code inFile} in the tensor there is what is at {@code inNetwork}. */
  interface Move {
    /** {@code count} elements that are next to each other in both. */
    void elements(int inFile, int inNetwork, int count);
  }

  /** Pairs every element of the tensor with its place in the value. */
  void forEach(int timeSteps, int batchSize, Move move) {
    int steps = hasSteps() ? timeSteps : 1;
    int batch = hasBatch() ? batchSize : 1;
    int width = width();
    int total = Math.multiplyExact(Math.multiplyExact(steps, batch), width);
    if (isAsInNetwork()) {
      move.elements(0, 0, total);
      return;
    }
    Map<Part, Long> strides = strides(steps, batch);
    long stepStride = strides.getOrDefault(new Part(Kind.STEPS, 0, 0), 0L);
    long batchStride = strides.getOrDefault(new Part(Kind.BATCH, 0, 0), 0L);
    int[] columnPlaces = new int[width];
    for (int w = 0; w < width; w++) {
      int rest = w;
      long place = 0;
      for (int c = columns.size() - 1; c >= 0; c--) {
        place += strides.getOrDefault(new Part(Kind.COLUMNS, 1, c), 0L) * (rest % columns.get(c));
        rest /= columns.get(c);
      }
      columnPlaces[w] = Math.toIntExact(place);
    }
    boolean together = true;
    for (int w = 0; w < width; w++) {
      together &= columnPlaces[w] == w;
    }
    for (int t = 0; t < steps; t++) {
      for (int b = 0; b < batch; b++) {
        int row = Math.toIntExact(t * stepStride + b * batchStride);
        int to = (t * batch + b) * width;
        if (together) {
          move.elements(row, to, width);
        } else {
          for (int w = 0; w < width; w++) {
            move.elements(row + columnPlaces[w], to + w, 1);
          }
        }
      }
    }
  }

  /** For example {@code [batch, steps, 5]}. */
  @Override
  public String toString() {
    List<String> sizes = new ArrayList<>();
    for (List<Part> parts : dimensions) {
      List<String> factors = new ArrayList<>();
      int fixed = 1;
      for (Part part : parts) {
        fixed *= Math.max(1, part.size());
        if (part.size() == 0) {
          factors.add(part.kind() == Kind.BATCH ? "batch" : "steps");
        }
      }
      if (fixed > 1 || factors.isEmpty()) {
        factors.add(String.valueOf(fixed));
      }
      sizes.add(String.join("·", factors));
    }
    return sizes.toString();
  }
}
