package dev.sequor.data;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * Tokens that are made of the bytes of a text when they are asked for, a block at a time. Where
 * each block begins is known, so any position is one short reading away; the blocks that were used
 * last are kept, since the streams of a training read on where they were.
 */
final class BlockTokens implements Tokens {
  /** Tokens of a block. */
  static final int BLOCK = 4096;

  /** Blocks that are kept, 8 MB: one for each of so many streams. */
  private static final int KEPT = 512;

  /** Where blocks begin. */
  @FunctionalInterface
  interface Offsets {
    /** The offset in the bytes of the first token of {@code block}, for each that is asked for. */
    long of(long block);
  }

  /** Makes tokens of bytes that begin and end where tokens do. */
  @FunctionalInterface
  interface Encoder {
    /** Puts the tokens of the first {@code count} bytes into {@code tokens}; returns how many. */
    int encode(byte[] bytes, int count, int[] tokens);
  }

  private final ByteSource bytes;
  private final Offsets offsets;
  private final long begin;
  private final long end;
  private final long skipped;
  private final long size;
  private final Encoder encoder;
  private final Map<Long, int[]> kept = new LinkedHashMap<>(16, 0.75f, true);

  /**
   * Tokens between two offsets.
   *
   * @param offsets of the blocks, which may begin before {@code begin} and go on after {@code end}
   * @param begin where the first token begins
   * @param end where the last one ends
   * @param skipped tokens before the first, counted from the beginning of block 0
   * @param size {@code N}
   */
  BlockTokens(
      ByteSource bytes,
      Offsets offsets,
      long begin,
      long end,
      long skipped,
      long size,
      Encoder encoder) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.begin = begin;
    this.end = end;
    this.skipped = skipped;
    this.size = size;
    this.encoder = encoder;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public void copy(long from, int[] into, int offset, int count) {
    Objects.checkFromIndexSize(from, (long) count, size);
    Objects.checkFromIndexSize(offset, count, into.length);
    int done = 0;
    while (done < count) {
      long position = skipped + from + done;
      long block = position / BLOCK;
      int[] tokens = block(block);
      int at = (int) (position - firstOf(block));
      int copied = Math.min(count - done, tokens.length - at);
      System.arraycopy(tokens, at, into, offset + done, copied);
      done += copied;
    }
  }

  /** The position of the first token of {@code block} that is one of these. */
  private long firstOf(long block) {
    return Math.max(block * BLOCK, skipped);
  }

  private int[] block(long block) {
    synchronized (kept) {
      int[] known = kept.get(block);
      if (known != null) {
        return known;
      }
    }
    int[] tokens = read(block);
    synchronized (kept) {
      if (kept.size() >= KEPT) {
        Iterator<Long> oldest = kept.keySet().iterator();
        oldest.next();
        oldest.remove();
      }
      kept.put(block, tokens);
    }
    return tokens;
  }

  private int[] read(long block) {
    long next = Math.min((block + 1) * BLOCK, skipped + size);
    int[] tokens = new int[(int) (next - firstOf(block))];
    long from = Math.max(offsets.of(block), begin);
    long to = next == skipped + size ? end : offsets.of(block + 1);
    byte[] read = new byte[Math.toIntExact(to - from)];
    bytes.read(from, read, 0, read.length);
    int made = encoder.encode(read, read.length, tokens);
    if (made != tokens.length) {
      throw new IllegalStateException(
          "block " + block + " has " + made + " tokens; needed " + tokens.length);
    }
    return tokens;
  }
}
