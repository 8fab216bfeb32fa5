package dev.sequor.backend.cuda;

import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The types of a kernel's parameters, in their order. CUDA checks neither their number nor their
 * sizes at a launch: a missing one is read from whatever lies behind, a pointer in the place of an
 * {@code int} is cut in half.
 */
final class KernelSignature {
  /**
   * What PTX calls {@code u32}, {@code u64} and {@code f32}; pointers are 64-bit integers there.
   */
  static final byte INT32 = 0;

  static final byte INT64 = 1;
  static final byte FLOAT32 = 2;

  private static final String[] PTX_NAMES = {"u32", "u64", "f32"};

  private final byte[] types;

  private KernelSignature(byte[] types) {
    this.types = types;
  }

  /**
   * Of types as PTX names them, separated by spaces; none if it is blank.
   *
   * @throws IllegalArgumentException if it names another type
   */
  static KernelSignature parse(String ptxTypes) {
    String[] names = ptxTypes.isBlank() ? new String[0] : ptxTypes.trim().split(" +");
    byte[] types = new byte[names.length];
    for (int i = 0; i < types.length; i++) {
      int type = Arrays.asList(PTX_NAMES).indexOf(names[i]);
      if (type < 0) {
        throw new IllegalArgumentException(
            "a kernel's parameter of type '"
                + names[i]
                + "' in '"
                + ptxTypes
                + "'; launches pass "
                + String.join(", ", PTX_NAMES));
      }
      types[i] = (byte) type;
    }
    return new KernelSignature(types);
  }

  /** Whether the first {@code count} of these types are this signature's, and all of them. */
  boolean accepts(byte[] given, int count) {
    return count == types.length && Arrays.equals(types, 0, count, given, 0, count);
  }

  /** The first {@code count} of these types, as {@link #parse} takes them. */
  static String describe(byte[] types, int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> PTX_NAMES[types[i]])
        .collect(Collectors.joining(" "));
  }

  @Override
  public String toString() {
    return describe(types, types.length);
  }
}
