package dev.sequor.backend.cuda.simulator;

import dev.sequor.backend.cuda.simulator.PtxSnippet.Kind;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One instruction and what it must do.
 *
 * @param text with its operands: {@code add.s32 %d, %a, %b}
 * @param expected the result's bits; one that is not a float32 but NaN stands for every NaN
 * @param second the predicate after {@code |}, or null if it writes none
 * @param ulps by how much a float32 or float64 may be off
 */
record PtxInstruction(
    String text,
    Kind result,
    List<Kind> operands,
    Reference expected,
    @Nullable Reference second,
    int ulps) {
  /** From the operands' bits to the result's. */
  interface Reference {
    long of(long a, long b, long c, long m);
  }

  /** {@code add.s32}. */
  String form() {
    return text.substring(0, text.indexOf(' '));
  }

  boolean matches(long expectedBits, long found) {
    if (expectedBits == found) {
      return true;
    }
    if (result == Kind.F64) {
      double e = Double.longBitsToDouble(expectedBits);
      double f = Double.longBitsToDouble(found);
      return (Double.isNaN(e) && Double.isNaN(f))
          || (ulps > 0 && Math.abs(e - f) <= ulps * Math.ulp(e));
    }
    if (result == Kind.F32 && ulps > 0) {
      float e = Float.intBitsToFloat((int) expectedBits);
      float f = Float.intBitsToFloat((int) found);
      return Math.abs((double) e - f) <= ulps * (double) Math.ulp(e);
    }
    return false;
  }

  @Override
  public String toString() {
    return text;
  }
}
