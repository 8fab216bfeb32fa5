package dev.sequor.data;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Pieces of text by number, found by their bytes: open addressing over one array of bytes, so that
 * looking up makes nothing, and a piece costs its bytes and some twenty more.
 */
final class PieceTable {
  private byte[] bytes = new byte[1 << 12];
  private int[] ends = new int[1 << 8];
  private int count;

  /** The number of a piece and one, by its hash; 0 for none. Twice as many places as pieces. */
  private int[] places = new int[1 << 9];

  /** How many pieces there are. */
  int count() {
    return count;
  }

  /** The number of a piece, or −1. */
  int find(byte[] text, int from, int to) {
    return places[place(text, from, to)] - 1;
  }

  /** The number of a piece, which is added if it is new. */
  int add(byte[] text, int from, int to) {
    int place = place(text, from, to);
    if (places[place] > 0) {
      return places[place] - 1;
    }
    if (count == ends.length) {
      grow();
      place = place(text, from, to);
    }
    int begin = begin(count);
    int end = Math.addExact(begin, to - from);
    if (end > bytes.length) {
      bytes = Arrays.copyOf(bytes, (int) Math.min(Integer.MAX_VALUE - 16L, 2L * end));
    }
    System.arraycopy(text, from, bytes, begin, to - from);
    ends[count] = end;
    places[place] = ++count;
    return count - 1;
  }

  private void grow() {
    ends = Arrays.copyOf(ends, Math.multiplyExact(count, 2));
    places = new int[Math.multiplyExact(ends.length, 2)];
    for (int piece = 0; piece < count; piece++) {
      places[place(bytes, begin(piece), ends[piece])] = piece + 1;
    }
  }

  private int begin(int piece) {
    return piece == 0 ? 0 : ends[piece - 1];
  }

  private int place(byte[] text, int from, int to) {
    int hash = 1;
    for (int i = from; i < to; i++) {
      hash = 31 * hash + text[i];
    }
    // Fibonacci hashing: the last bytes alone would decide otherwise.
    int place = (hash * 0x9E3779B9) >>> Integer.numberOfLeadingZeros(places.length - 1);
    while (places[place] > 0) {
      int piece = places[place] - 1;
      if (Arrays.equals(bytes, begin(piece), ends[piece], text, from, to)) {
        return place;
      }
      place = place + 1 & places.length - 1;
    }
    return place;
  }

  /** A piece as text. */
  String string(int piece) {
    int begin = begin(piece);
    return new String(bytes, begin, ends[piece] - begin, StandardCharsets.UTF_8);
  }

  /** By their bytes, which is by their characters. */
  int compare(int one, int other) {
    return Arrays.compareUnsigned(bytes, begin(one), ends[one], bytes, begin(other), ends[other]);
  }
}
