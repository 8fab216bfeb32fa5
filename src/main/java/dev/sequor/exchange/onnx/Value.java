package dev.sequor.exchange.onnx;

import dev.sequor.exchange.TensorLayout.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** What is known of a tensor of a graph before it runs. */
sealed interface Value {
  /** The size of each dimension. */
  List<Size> shape();

  /**
   * A tensor whose numbers are known, but perhaps not how often: dimensions of size 1 may stand for
   * as many copies as {@code shape} says.
   *
   * @param numbers of which the dimensions are 1, or as in {@code shape}
   * @param shape the sizes
   */
  record Known(Numbers numbers, List<Size> shape) implements Value {
    /**
     * Checks the sizes.
     *
     * @throws IllegalArgumentException if one is negative, or more than a tensor can have
     */
    public Known {
      shape = List.copyOf(shape);
      for (Size size : shape) {
        if (size.factor() < 0 || size.factor() > Integer.MAX_VALUE) {
          throw new IllegalArgumentException(
              "has the sizes " + shape + "; needed each from 0 to 2147483647");
        }
      }
    }

    static Known of(Numbers numbers) {
      List<Size> shape = new ArrayList<>();
      for (int size : numbers.dims()) {
        shape.add(Size.of(size));
      }
      return new Known(numbers, shape);
    }

    /** Whether it says how often all its numbers are there. */
    boolean isWhole() {
      return equals(of(numbers));
    }
  }

  /**
   * Integers that say sizes, some of them not known.
   *
   * @param sizes the integers
   * @param isScalar whether it is one without a dimension
   */
  record Sizes(List<Size> sizes, boolean isScalar) implements Value {
    @Override
    public List<Size> shape() {
      return isScalar ? List.of() : List.of(Size.of(sizes.size()));
    }
  }

  /**
   * Integers that the model is given: tokens, or lengths.
   *
   * @param input the graph's input
   * @param dims what its dimensions are
   */
  record Given(String input, List<List<Atom>> dims) implements Value {
    @Override
    public List<Size> shape() {
      return Grid.sizes(dims);
    }
  }

  /** Ways in which lengths and the numbers of sequences are put into an order. */
  enum Sorting {
    /** The lengths, the longest first. */
    LENGTHS,
    /** Which sequence is at each place. */
    SEQUENCES,
    /** The place of each sequence. */
    PLACES
  }

  /**
   * The sequences sorted by their lengths, as is done around packed ones.
   *
   * @param lengths the graph's input that has the lengths
   * @param what of the sorting
   */
  record Sorted(String lengths, Sorting what) implements Value {
    @Override
    public List<Size> shape() {
      return List.of(Size.unknown(Translation.BATCH));
    }
  }

  /**
   * The whole numbers from 0 on: of the sequences, or of the time steps.
   *
   * @param count how many
   * @param isColumn whether there is a dimension of 1 behind theirs
   */
  record Numbering(Size count, boolean isColumn) implements Value {
    @Override
    public List<Size> shape() {
      return isColumn ? List.of(count, Size.of(1)) : List.of(count);
    }
  }

  /** What graphs work out of lengths. */
  enum Counting {
    /** Which steps are there. */
    STEPS,
    /** Which sequences have a step. */
    ANY,
    /** The lengths, but 1 for those of 0. */
    AT_LEAST_ONE,
    /** The numbers of the last steps, −1 for none. */
    LAST,
    /** The numbers of the last steps, 0 for none. */
    LAST_OR_FIRST
  }

  /**
   * Something that follows from the lengths of sequences: {@code [B]}, or {@code [T,B]} of steps.
   *
   * @param lengths what the model is given
   * @param what follows
   * @param steps how many there are of {@link Counting#STEPS}; null for others
   * @param isColumn whether there is a dimension of 1 behind theirs
   */
  record Counted(Given lengths, Counting what, @Nullable Size steps, boolean isColumn)
      implements Value {
    @Override
    public List<Size> shape() {
      List<Size> shape = new ArrayList<>();
      if (steps != null) {
        shape.add(steps);
      }
      shape.addAll(lengths.shape());
      if (isColumn) {
        shape.add(Size.of(1));
      }
      return shape;
    }
  }

  /**
   * A sequence with a number in the place of what is past its end.
   *
   * @param grid the sequence
   * @param padding the number
   */
  record Masked(Grid grid, float padding) implements Value {
    @Override
    public List<Size> shape() {
      return grid.shape();
    }
  }

  /**
   * Vectors of which those of sequences without a step are still others than the network's.
   *
   * @param grid the vectors
   */
  record Ends(Grid grid) implements Value {
    @Override
    public List<Size> shape() {
      return grid.shape();
    }
  }

  /**
   * A value of the network.
   *
   * @param value its name
   * @param columns the parts of its width, outermost first
   * @param dims for each dimension of the tensor its parts, outermost first
   * @param sortedBy the input whose lengths the sequences are sorted by; null if they are as given
   * @param likeliest whether the tensor is the number of the largest column
   */
  record Grid(
      String value,
      List<Atom> columns,
      List<List<Atom>> dims,
      @Nullable String sortedBy,
      boolean likeliest)
      implements Value {
    public Grid {
      columns = List.copyOf(columns);
      dims = dims.stream().map(List::copyOf).toList();
    }

    static Grid of(String value, List<Atom> columns, List<List<Atom>> dims) {
      return new Grid(value, columns, dims, null, false);
    }

    @Override
    public List<Size> shape() {
      return sizes(dims);
    }

    static List<Size> sizes(List<List<Atom>> dims) {
      return dims.stream().map(Grid::size).toList();
    }

    static Size size(List<Atom> atoms) {
      Size size = Size.of(1);
      for (Atom atom : atoms) {
        size = size.times(atom.asSize());
      }
      return size;
    }

    Grid withDims(List<List<Atom>> others) {
      return new Grid(value, columns, others, sortedBy, likeliest);
    }

    /** Another value whose rows are those of this one. */
    Grid with(String other, List<Atom> otherColumns, List<List<Atom>> otherDims) {
      return new Grid(other, otherColumns, otherDims, sortedBy, likeliest);
    }

    /** The same in another value with the same columns. */
    Grid with(String other) {
      return new Grid(other, columns, dims, sortedBy, likeliest);
    }

    Grid sortedBy(@Nullable String lengths) {
      return new Grid(value, columns, dims, lengths, likeliest);
    }

    private Optional<Atom> first(Kind kind) {
      return dims.stream().flatMap(List::stream).filter(atom -> atom.kind == kind).findFirst();
    }

    /** The time steps, if there are any. */
    Optional<Atom> steps() {
      return first(Kind.STEPS);
    }

    /** The sequences, if there are any. */
    Optional<Atom> batch() {
      return first(Kind.BATCH);
    }

    int width() {
      return width(columns);
    }

    static int width(List<Atom> atoms) {
      long[] sizes = atoms.stream().mapToLong(atom -> atom.size).toArray();
      return (int) dev.sequor.backend.Sizes.product("the width", Integer.MAX_VALUE, sizes);
    }

    @Override
    public String toString() {
      return dims.stream()
          .map(
              d ->
                  d.isEmpty()
                      ? "1"
                      : d.stream().map(Atom::toString).collect(Collectors.joining("·")))
          .toList()
          .toString();
    }
  }
}
