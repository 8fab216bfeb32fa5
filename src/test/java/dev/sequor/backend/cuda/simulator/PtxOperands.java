package dev.sequor.backend.cuda.simulator;

import dev.sequor.backend.cuda.simulator.PtxSnippet.Kind;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Operands to try instructions on: all pairs of special values, then drawn ones of several kinds.
 */
final class PtxOperands {
  private static final int DRAWN = 512;
  private static final long[] F32 = {
    0x00000000L, 0x80000000L, 0x3f800000L, 0xbf800000L, 0x7f800000L, 0xff800000L, 0x7fc00000L,
    0xffc00001L, 0x7fffffffL, 0x00000001L, 0x80000001L, 0x007fffffL, 0x00800000L, 0x80800000L,
    0x7f7fffffL, 0xff7fffffL, 0x3f000000L, 0x3f800001L, 0x3f7fffffL, 0x4b000001L, 0x40490fdbL,
    0x477fefffL, 0x477ff000L, 0x38800000L, 0x387fffffL, 0x33000000L, 0x33000001L, 0x4f000000L,
    0xcf000000L, 0x4f800000L, 0x5f000000L, 0x5f800000L
  };
  private static final double[] F64 = {
    0.0,
    -0.0,
    1.0,
    -1.0,
    Double.POSITIVE_INFINITY,
    Double.NEGATIVE_INFINITY,
    Double.NaN,
    Double.MIN_VALUE,
    -Double.MIN_VALUE,
    Double.MIN_NORMAL,
    -Double.MIN_NORMAL,
    Double.MAX_VALUE,
    -Double.MAX_VALUE,
    0.5,
    -0.5,
    1.5,
    2.5,
    1 + 0x1p-52,
    1 - 0x1p-53,
    0x1p31,
    0x1p32,
    0x1p63,
    0x1p64,
    -0x1p63,
    1 + 0x1p-24,
    1 + 0x1.8p-24,
    Float.MAX_VALUE,
    0x1.ffffffp127,
    0x1p-149,
    0x1p-150,
    0x1.8p-150,
    Math.PI
  };
  private static final long[] INTEGERS = {
    0,
    1,
    -1,
    2,
    3,
    5,
    7,
    8,
    15,
    16,
    31,
    32,
    33,
    63,
    64,
    65,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x10000,
    0x7fffffffL,
    0x80000000L,
    0xffffffffL,
    0x100000000L,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    Long.MIN_VALUE + 1,
    0xaaaaaaaa55555555L
  };

  private PtxOperands() {}

  /** Rows of four words. */
  static long[] of(List<Kind> kinds, long seed) {
    int specials = kinds.size() == 1 ? 64 : 32 * 32;
    int rows = specials + DRAWN;
    long[] words = new long[rows * PtxSnippet.OPERANDS];
    SplittableRandom random = new SplittableRandom(seed);
    for (int row = 0; row < rows; row++) {
      int near = random.nextInt(-20, 21);
      for (int k = 0; k < kinds.size(); k++) {
        long value;
        if (row < specials) {
          int index = k == 0 ? row % 32 : k == 1 ? row / 32 : random.nextInt(32);
          value = special(kinds.get(k), index);
        } else {
          value = drawn(kinds.get(k), random, near);
        }
        words[row * PtxSnippet.OPERANDS + k] = value & kinds.get(k).mask();
      }
    }
    return words;
  }

  private static long special(Kind kind, int index) {
    return switch (kind) {
      case F32 -> F32[index];
      case F64 -> Double.doubleToRawLongBits(F64[index]);
      default -> INTEGERS[index];
    };
  }

  /** Bits as they come, numbers of like size (which cancel), or small integers. */
  private static long drawn(Kind kind, SplittableRandom random, int near) {
    int choice = random.nextInt(4);
    if (choice == 0) {
      return random.nextLong();
    }
    return switch (kind) {
      case F32 -> {
        double value = (random.nextDouble() * 2 - 1) * Math.scalb(1.0, near + random.nextInt(3));
        yield Float.floatToRawIntBits(choice == 1 ? Math.round(value) : (float) value);
      }
      case F64 -> {
        double value = (random.nextDouble() * 2 - 1) * Math.scalb(1.0, near + random.nextInt(3));
        yield Double.doubleToRawLongBits(choice == 1 ? Math.rint(value) : value);
      }
      default -> choice == 1 ? random.nextInt(-70, 70) : random.nextLong() >> random.nextInt(64);
    };
  }
}
