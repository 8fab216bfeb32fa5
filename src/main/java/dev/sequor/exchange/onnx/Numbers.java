package dev.sequor.exchange.onnx;

import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A tensor of a graph whose numbers are known: real ones or integers (truth values are 0 and 1).
 * Handed on without copying; nobody writes to the arrays.
 */
final class Numbers {
  /** The most elements that are worked out while a graph is read. */
  static final long MOST = 1 << 28;

  private final int[] dims;
  private final float @Nullable [] reals;
  private final long @Nullable [] integers;

  private Numbers(int[] dims, float @Nullable [] reals, long @Nullable [] integers) {
    this.dims = dims;
    this.reals = reals;
    this.integers = integers;
  }

  static Numbers of(int[] dims, float[] reals) {
    return new Numbers(dims, reals, null);
  }

  static Numbers of(int[] dims, long[] integers) {
    return new Numbers(dims, null, integers);
  }

  /** How many elements there are of such sizes. */
  static int count(int... dims) {
    long count = 1;
    for (int size : dims) {
      if (size < 0) {
        throw new IllegalArgumentException(
            "has the sizes " + Arrays.toString(dims) + "; needed at least 0");
      }
      count *= size;
      if (count > MOST) {
        throw new IllegalArgumentException(
            "makes a tensor of the sizes "
                + Arrays.toString(dims)
                + " before the graph runs; needed at most "
                + MOST
                + " elements");
      }
    }
    return (int) count;
  }

  /** How many numbers these are together; those that some of them share count once. */
  static long distinct(Collection<Numbers> all) {
    Set<Object> arrays = Collections.newSetFromMap(new IdentityHashMap<>());
    long count = 0;
    for (Numbers each : all) {
      if (arrays.add(each.reals != null ? each.reals : each.integers())) {
        count += each.elements();
      }
    }
    return count;
  }

  /** These, if they have such sizes; otherwise the same array with these sizes. */
  Numbers withDims(int[] sizes) {
    return Arrays.equals(dims, sizes) ? this : new Numbers(sizes, reals, integers);
  }

  int[] dims() {
    return dims.clone();
  }

  int rank() {
    return dims.length;
  }

  int elements() {
    return reals != null ? reals.length : integers().length;
  }

  /** The numbers themselves, by whose identity tensors of other sizes are the same. */
  Object array() {
    return reals != null ? reals : integers();
  }

  boolean isReal() {
    return reals != null;
  }

  float[] reals() {
    if (reals == null) {
      throw new IllegalArgumentException("is a tensor of integers; needed real numbers");
    }
    return reals;
  }

  long[] integers() {
    if (integers == null) {
      throw new IllegalArgumentException("is a tensor of real numbers; needed integers");
    }
    return integers;
  }

  boolean isAll(double number) {
    for (int i = 0; i < elements(); i++) {
      if ((reals != null ? reals[i] : integers()[i]) != number) {
        return false;
      }
    }
    return true;
  }

  /** Whether all that differ in the place along one dimension alone are equal. */
  boolean isSameAlong(int dimension) {
    int stride = strides()[dimension];
    int size = dims[dimension];
    for (int i = 0; size > 1 && i < elements(); i++) {
      int first = i - i / stride % size * stride;
      boolean same = reals != null ? reals[i] == reals[first] : integers()[i] == integers()[first];
      if (!same) {
        return false;
      }
    }
    return true;
  }

  /** The first element, which is to be the only one, as a real number. */
  double scalar() {
    if (elements() != 1) {
      throw new IllegalArgumentException("has " + elements() + " numbers; needed 1");
    }
    return reals != null ? reals[0] : integers()[0];
  }

  /** The same elements with other sizes. */
  Numbers reshaped(int... sizes) {
    if (count(sizes) != elements()) {
      throw new IllegalArgumentException(
          "a tensor of the sizes "
              + Arrays.toString(dims)
              + " is to have the sizes "
              + Arrays.toString(sizes)
              + "; needed as many elements");
    }
    return new Numbers(sizes, reals, integers);
  }

  /** Where an element of the result comes from. */
  interface Source {
    /**
     * The place, flat.
     *
     * @param index in each dimension of the result; not to be kept
     */
    int of(int[] index);
  }

  /** A tensor of elements of this one. */
  Numbers gather(Allowance room, int[] sizes, Source source) {
    int count = count(sizes);
    room.take(count);
    float @Nullable [] newReals = reals == null ? null : new float[count];
    long @Nullable [] newIntegers = integers == null ? null : new long[count];
    int[] index = new int[sizes.length];
    for (int i = 0; i < count; i++) {
      int from = source.of(index);
      if (newReals != null && reals != null) {
        newReals[i] = reals[from];
      } else if (newIntegers != null && integers != null) {
        newIntegers[i] = integers[from];
      }
      for (int d = sizes.length - 1; d >= 0 && ++index[d] == sizes[d]; d--) {
        index[d] = 0;
      }
    }
    return new Numbers(sizes, newReals, newIntegers);
  }

  private int[] strides() {
    int[] strides = new int[dims.length];
    int stride = 1;
    for (int d = dims.length - 1; d >= 0; d--) {
      strides[d] = stride;
      stride *= dims[d];
    }
    return strides;
  }

  Numbers transposed(Allowance room, List<Integer> order) {
    int[] sizes = order.stream().mapToInt(d -> dims[d]).toArray();
    List<Integer> wide = order.stream().filter(d -> dims[d] != 1).toList();
    if (wide.equals(wide.stream().sorted().toList())) {
      return reshaped(sizes);
    }
    int[] strides = strides();
    return gather(
        room,
        sizes,
        index -> {
          int at = 0;
          for (int d = 0; d < sizes.length; d++) {
            at += index[d] * strides[order.get(d)];
          }
          return at;
        });
  }

  /** The elements of one dimension at these places. */
  Numbers select(Allowance room, int dimension, int[] places) {
    int[] sizes = dims.clone();
    sizes[dimension] = places.length;
    int[] strides = strides();
    return gather(
        room,
        sizes,
        index -> {
          int at = 0;
          for (int d = 0; d < sizes.length; d++) {
            at += (d == dimension ? places[index[d]] : index[d]) * strides[d];
          }
          return at;
        });
  }

  /** Repeated in dimensions of size 1, and with new ones in front. */
  Numbers expanded(Allowance room, int[] sizes) {
    if (Arrays.equals(sizes, dims)) {
      return this;
    }
    int offset = sizes.length - dims.length;
    int[] strides = strides();
    return gather(
        room,
        sizes,
        index -> {
          int at = 0;
          for (int d = 0; d < dims.length; d++) {
            at += dims[d] == 1 ? 0 : index[d + offset] * strides[d];
          }
          return at;
        });
  }

  /** The sizes of a result of which the operands' dimensions of size 1 are repeated. */
  static int[] broadcast(int[] a, int[] b) {
    int rank = Math.max(a.length, b.length);
    int[] sizes = new int[rank];
    for (int d = 0; d < rank; d++) {
      int x = d - (rank - a.length) < 0 ? 1 : a[d - (rank - a.length)];
      int y = d - (rank - b.length) < 0 ? 1 : b[d - (rank - b.length)];
      if (x != y && x != 1 && y != 1) {
        throw new IllegalArgumentException(
            "tensors of the sizes "
                + Arrays.toString(a)
                + " and "
                + Arrays.toString(b)
                + " do not go together");
      }
      sizes[d] = x == 1 ? y : x;
    }
    return sizes;
  }

  /** Side by side along a dimension, all others being the same. */
  static Numbers concatenated(Allowance room, List<Numbers> parts, int dimension) {
    Numbers first = parts.get(0);
    int[] sizes = first.dims();
    long total = 0;
    for (Numbers part : parts) {
      int[] dims = part.dims();
      total += dims[dimension];
      dims[dimension] = sizes[dimension];
      if (!Arrays.equals(dims, sizes) || part.isReal() != first.isReal()) {
        throw new IllegalArgumentException(
            "puts "
                + first
                + " and "
                + part
                + " side by side; needed one kind, and one size but along dimension "
                + dimension);
      }
    }
    room.take(total); // so that it is one of 32 bits
    sizes[dimension] = (int) total;
    int count = count(sizes);
    room.take(count);
    float @Nullable [] reals = first.isReal() ? new float[count] : null;
    long @Nullable [] integers = first.isReal() ? null : new long[count];
    int outer = 1;
    for (int d = 0; d < dimension; d++) {
      outer *= sizes[d];
    }
    int at = 0;
    for (int i = 0; i < outer; i++) {
      for (Numbers part : parts) {
        int each = part.elements() / outer;
        if (reals != null) {
          System.arraycopy(part.reals(), i * each, reals, at, each);
        } else if (integers != null) {
          System.arraycopy(part.integers(), i * each, integers, at, each);
        }
        at += each;
      }
    }
    return new Numbers(sizes, reals, integers);
  }

  @Override
  public String toString() {
    return (isReal() ? "real numbers " : "integers ") + Arrays.toString(dims);
  }
}
