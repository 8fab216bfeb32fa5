package dev.sequor.backend;

/**
 * The counter-based random numbers Philox4x32-10 (Salmon, Moraes, Dror and Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A number is a pure function of (seed, stream, offset,
 * index), so every backend draws the same bits in any order, and a resumed run repeats an
 * uninterrupted one. The twin for kernels is {@code native/include/sequor/philox.h}.
 *
 * <p>Key: the seed. Counter words: {@code index / 4}, {@code stream}, low and high half of {@code
 * offset}; element {@code index} is word {@code index % 4} of the block.
 */
public final class Philox {
  private static final int M0 = 0xD2511F53;
  private static final int M1 = 0xCD9E8D57;
  private static final int W0 = 0x9E3779B9;
  private static final int W1 = 0xBB67AE85;

  private Philox() {}

  /**
   * What random numbers are for; keeps different uses of one seed apart. The values are part of the
   * checkpoint format.
   */
  public enum Stream {
    /** Dropout above layer {@code l}: stream number {@code l}, fewer than 2¹⁶ layers. */
    DROPOUT(0),
    /** Initial weights. */
    INITIALIZER(0x10000),
    /** Order of the training data. */
    SHUFFLE(0x20000),
    /** Sampling of generated sequences. */
    SAMPLER(0x30000),
    /** Examples of generated tasks: to learn from, and one more to judge by. */
    TASK(0x40000),
    /** Seeds of the workers that train one model together. */
    WORKER(0x50000);

    private final int number;

    Stream(int number) {
      this.number = number;
    }

    /** The counter word of this stream. */
    public int number() {
      return number;
    }
  }

  /** The four words of block {@code block} into {@code out[0..3]}. */
  public static void block(long seed, int stream, long offset, int block, int[] out) {
    int c0 = block;
    int c1 = stream;
    int c2 = (int) offset;
    int c3 = (int) (offset >>> 32);
    int k0 = (int) seed;
    int k1 = (int) (seed >>> 32);
    for (int round = 0; round < 10; round++) {
      long p0 = (M0 & 0xFFFFFFFFL) * (c0 & 0xFFFFFFFFL);
      long p1 = (M1 & 0xFFFFFFFFL) * (c2 & 0xFFFFFFFFL);
      c0 = (int) (p1 >>> 32) ^ c1 ^ k0;
      c2 = (int) (p0 >>> 32) ^ c3 ^ k1;
      c1 = (int) p1;
      c3 = (int) p0;
      k0 += W0;
      k1 += W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
  }

  /** One 32-bit word. */
  public static int word(long seed, int stream, long offset, long index) {
    int[] out = new int[4];
    block(seed, stream, offset, (int) (index >>> 2), out);
    return out[(int) (index & 3)];
  }

  /** Uniform in [0, 1) with 24 bits, exact in float32. */
  public static float uniform(int word) {
    return (word >>> 8) * 0x1p-24f;
  }

  /**
   * The bound for dropout with probability {@code p}: an element is dropped if its word, taken as
   * unsigned, is less.
   */
  public static int dropThreshold(float p) {
    return (int) (long) (p * 0x1p32);
  }
}
