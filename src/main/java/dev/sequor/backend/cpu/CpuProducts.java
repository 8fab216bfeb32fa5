package dev.sequor.backend.cpu;

/**
 * What matrix products of an engine multiply: {@code SeqProducts} of engine.h. Sums are float32 in
 * any case.
 */
enum CpuProducts {
  /** The numbers as they are. */
  FLOAT32(0),
  /**
   * Numbers rounded to bfloat16, by the processor's instruction for that (AVX512_BF16) where it has
   * it.
   */
  BFLOAT16(1),
  /** The same without that instruction, for tests: slower, with the same results. */
  BFLOAT16_IN_FLOATS(2);

  private final int number;

  CpuProducts(int number) {
    this.number = number;
  }

  /** The number that engine.h gives it. */
  int number() {
    return number;
  }

  /**
   * What the name of a device with this instruction set says of it.
   *
   * @return empty for float32
   */
  String words(String instructionSet) {
    return switch (this) {
      case FLOAT32 -> "";
      case BFLOAT16 -> isFast(instructionSet) ? ", bf16" : ", bf16 without AVX512_BF16";
      case BFLOAT16_IN_FLOATS -> ", bf16 without AVX512_BF16";
    };
  }

  /** Whether this processor multiplies bfloat16 in one instruction beside that instruction set. */
  static boolean isFast(String instructionSet) {
    return NativeEngine.sequor_multiplies_bfloat16(instructionSet) != 0;
  }
}
