package dev.sequor.data;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * A file that was read once from end to end and is then read from any position on. A CRC-32C of
 * every block of the first reading is kept, so that a file that has changed since is refused and
 * never silently read; what is appended to it is not looked at.
 *
 * <p>Nothing stays open between two calls: there is nothing to close, and no interrupted thread
 * closes a channel for the others.
 */
final class CheckedFile implements ByteSource {
  /** Bytes under one checksum: 2 GB have half a million of them, 2 MB of checksums. */
  static final int BLOCK = 4096;

  /** Bytes read at once, whole blocks. */
  private static final int CHUNK = 64 * BLOCK;

  private final Path file;
  private final long size;
  private final int[] checksums;

  private CheckedFile(Path file, long size, int[] checksums) {
    this.file = file;
    this.size = size;
    this.checksums = checksums;
  }

  /** Gets the bytes of a file in their order. */
  @FunctionalInterface
  interface Reader {
    /** The next {@code count} bytes of {@code bytes}. */
    void take(byte[] bytes, int count);
  }

  /**
   * Reads {@code file} from end to end.
   *
   * @param reader gets all of its bytes, in chunks of whole blocks but for the last
   * @throws IllegalArgumentException if it cannot be read, or is larger than {@code 2^31} blocks
   */
  static CheckedFile read(Path file, Reader reader) {
    int[] checksums = new int[16];
    int blocks = 0;
    long size = 0;
    byte[] chunk = new byte[CHUNK];
    CRC32C crc = new CRC32C();
    try (InputStream in = Files.newInputStream(file)) {
      while (true) {
        int count = in.readNBytes(chunk, 0, CHUNK);
        for (int at = 0; at < count; at += BLOCK) {
          if (blocks == checksums.length) {
            checksums = Arrays.copyOf(checksums, Math.multiplyExact(blocks, 2));
          }
          crc.reset();
          crc.update(chunk, at, Math.min(BLOCK, count - at));
          checksums[blocks++] = (int) crc.getValue();
        }
        reader.take(chunk, count);
        size += count;
        if (count < CHUNK) {
          return new CheckedFile(file, size, Arrays.copyOf(checksums, blocks));
        }
      }
    } catch (IOException e) {
      throw new IllegalArgumentException(FileFault.describe(file, e), e);
    }
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void read(long from, byte[] into, int offset, int count) {
    if (count == 0) {
      return;
    }
    byte[] block = new byte[BLOCK];
    CRC32C crc = new CRC32C();
    long end = from + count;
    long number = from / BLOCK;
    long at = number * BLOCK;
    try (RandomAccessFile in = new RandomAccessFile(file.toFile(), "r")) {
      in.seek(at);
      for (; at < end; at += BLOCK, number++) {
        int length = (int) Math.min(BLOCK, size - at);
        try {
          in.readFully(block, 0, length);
        } catch (EOFException e) {
          throw new IllegalArgumentException(
              file
                  + ": ends at offset "
                  + in.length()
                  + " where "
                  + size
                  + " bytes were read first, so it was changed while it is in use; needed the file"
                  + " as it was",
              e);
        }
        crc.reset();
        crc.update(block, 0, length);
        if ((int) crc.getValue() != checksums[(int) number]) {
          throw new IllegalArgumentException(
              file
                  + ": was changed while it is in use, between offsets "
                  + at
                  + " and "
                  + (at + length)
                  + "; needed the file as it was");
        }
        int begin = (int) Math.max(0, from - at);
        int stop = (int) Math.min(length, end - at);
        System.arraycopy(block, begin, into, offset + (int) (at + begin - from), stop - begin);
      }
    } catch (IOException e) {
      throw new IllegalArgumentException(FileFault.describe(file, e), e);
    }
  }
}
