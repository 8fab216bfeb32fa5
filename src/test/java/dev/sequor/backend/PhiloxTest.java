package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PhiloxTest {
  /**
   * Known answers of philox4x32-10, from {@code kat_vectors} of Random123 (D. E. Shaw Research).
   */
  @ParameterizedTest
  @CsvSource({
    "00000000 00000000 00000000 00000000, 00000000 00000000, 6627e8d5 e169c58d bc57ac4c 9b00dbd8",
    "ffffffff ffffffff ffffffff ffffffff, ffffffff ffffffff, 408f276d 41c83b0e a20bc7c6 6d5451fd",
    "243f6a88 85a308d3 13198a2e 03707344, a4093822 299f31d0, d16cfe09 94fdcceb 5001e420 24126ea1"
  })
  void blockGivesPublishedWords(String counter, String key, String expected) {
    int[] c = words(counter);
    int[] k = words(key);
    long seed = Integer.toUnsignedLong(k[0]) | (long) k[1] << 32;
    long offset = Integer.toUnsignedLong(c[2]) | (long) c[3] << 32;
    int[] out = new int[4];
    Philox.block(seed, c[1], offset, c[0], out);
    assertArrayEquals(words(expected), out);
    for (int i = 0; i < 4; i++) {
      long index = 4 * Integer.toUnsignedLong(c[0]) + i;
      assertEquals(out[i], Philox.word(seed, c[1], offset, index));
    }
  }

  private static int[] words(String hex) {
    String[] parts = hex.split(" ", -1);
    int[] words = new int[parts.length];
    for (int i = 0; i < parts.length; i++) {
      words[i] = Integer.parseUnsignedInt(parts[i], 16);
    }
    return words;
  }

  @ParameterizedTest
  @CsvSource({"0, 0", "0.5, 80000000", "0.25, 40000000"})
  void dropThresholdIsTheShareOfAllWords(float p, String hex) {
    assertEquals(Integer.parseUnsignedInt(hex, 16), Philox.dropThreshold(p));
  }

  @ParameterizedTest
  @CsvSource({"00000000, 0", "80000000, 0.5", "ffffffff, 0.99999994"})
  void uniformUsesTheHigh24Bits(String hex, float expected) {
    assertEquals(expected, Philox.uniform(Integer.parseUnsignedInt(hex, 16)));
  }
}
