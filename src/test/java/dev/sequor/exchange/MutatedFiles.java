package dev.sequor.exchange;

import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.LongUnaryOperator;
import java.util.function.Supplier;
import java.util.function.UnaryOperator;

/**
 * Files that something has happened to. Whatever it was: they are read, or refused by {@link
 * MalformedFileException}, soon, and in no more memory than their size is a reason for.
 */
public final class MutatedFiles {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final long LONGEST_NANOS = 2_000_000_000L;

  /** What reads a file, with all that is in it. */
  public interface Reader {
    /** Reads it. */
    void read(Path file) throws IOException;
  }

  private MutatedFiles() {}

  /** How many a test makes: as many as {@code -Dsequor.mutations} says. */
  public static int count(int otherwise) {
    return Integer.getInteger("sequor.mutations", otherwise);
  }

  /** What they are drawn from: {@code -Dsequor.mutations.seed}. */
  public static long seed() {
    return Long.getLong("sequor.mutations.seed", 11);
  }

  /** Of some bytes at the end none, or of a few bytes others, or more, or of a few bits others. */
  public static byte[] mutated(byte[] good, SplittableRandom random) {
    byte[] bytes = good.clone();
    switch (random.nextInt(5)) {
      case 0 -> {
        return Arrays.copyOf(bytes, random.nextInt(bytes.length));
      }
      case 2 -> {
        byte[] more = new byte[1 + random.nextInt(8)];
        random.nextBytes(more);
        int at = random.nextInt(bytes.length);
        byte[] longer = Arrays.copyOf(bytes, bytes.length + more.length);
        System.arraycopy(more, 0, longer, at, more.length);
        System.arraycopy(bytes, at, longer, at + more.length, bytes.length - at);
        return longer;
      }
      case 1 -> {
        int at = random.nextInt(bytes.length - 8);
        for (int j = 0; j < 1 + random.nextInt(8); j++) {
          bytes[at + j] = (byte) random.nextInt(256);
        }
      }
      default -> {
        for (int j = 0; j < 1 + random.nextInt(3); j++) {
          bytes[random.nextInt(bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
      }
    }
    return bytes;
  }

  /**
   * Mutates {@code good} again and again, has it made a file of, and reads that.
   *
   * @param most bytes that may be allocated for one
   * @return how many were refused
   */
  public static int readOrRefuse(
      Path file, byte[] good, UnaryOperator<byte[]> whole, int count, long most, Reader reader)
      throws IOException {
    TorchFiles.write(file, whole.apply(good));
    reader.read(file); // and loads all classes
    SplittableRandom random = new SplittableRandom(seed());
    return readOrRefuse(
        file, () -> whole.apply(mutated(good, random)), count, bytes -> most, reader);
  }

  /**
   * Reads one file after the other.
   *
   * @param next the bytes of the next file
   * @param most bytes that may be allocated for a file of so many bytes
   * @return how many were refused
   */
  public static int readOrRefuse(
      Path file, Supplier<byte[]> next, int count, LongUnaryOperator most, Reader reader)
      throws IOException {
    int refused = 0;
    for (int i = 0; i < count; i++) {
      byte[] bytes = next.get();
      TorchFiles.write(file, bytes);
      String what = "mutation " + i + " of " + file + " with seed " + seed();
      long begin = System.nanoTime();
      long before = THREADS.getCurrentThreadAllocatedBytes();
      boolean isRefused = isRefused(file, reader, what);
      long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
      long nanos = System.nanoTime() - begin;
      if (nanos >= LONGEST_NANOS) { // once more, for it may have waited for others
        begin = System.nanoTime();
        isRefused(file, reader, what);
        nanos = System.nanoTime() - begin;
      }
      assertTrue(nanos < LONGEST_NANOS, what + " took " + nanos + " ns");
      assertTrue(
          allocated <= most.applyAsLong(bytes.length), what + " took " + allocated + " bytes");
      refused += isRefused ? 1 : 0;
    }
    return refused;
  }

  private static boolean isRefused(Path file, Reader reader, String what) {
    try {
      reader.read(file);
      return false;
    } catch (MalformedFileException e) {
      assertTrue(String.valueOf(e.getMessage()).startsWith(file + ": "), e.toString());
      return true;
    } catch (IOException | RuntimeException | Error e) {
      throw new AssertionError(what, e);
    }
  }
}
