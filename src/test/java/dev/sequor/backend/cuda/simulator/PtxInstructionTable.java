package dev.sequor.backend.cuda.simulator;

import static dev.sequor.backend.cuda.simulator.PtxSnippet.Kind.B16;
import static dev.sequor.backend.cuda.simulator.PtxSnippet.Kind.B32;
import static dev.sequor.backend.cuda.simulator.PtxSnippet.Kind.B64;
import static dev.sequor.backend.cuda.simulator.PtxSnippet.Kind.F32;
import static dev.sequor.backend.cuda.simulator.PtxSnippet.Kind.F64;
import static dev.sequor.backend.cuda.simulator.PtxSnippet.Kind.PRED;

import dev.sequor.backend.cuda.simulator.ExactRounding.Mode;
import dev.sequor.backend.cuda.simulator.PtxInstruction.Reference;
import dev.sequor.backend.cuda.simulator.PtxSnippet.Kind;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What each instruction of one thread must do, worked out in Java after the PTX manual. */
final class PtxInstructionTable {
  private static final long NAN = 0x7fffffffL; // the one NaN that float32 arithmetic makes

  private final List<PtxInstruction> all = new ArrayList<>();

  private PtxInstructionTable() {}

  static List<PtxInstruction> instructions() {
    PtxInstructionTable table = new PtxInstructionTable();
    table.addIntegers();
    table.addBits();
    table.addFloats();
    table.addDoubles();
    table.addApproximations();
    table.addComparisons();
    table.addIntegerConversions();
    table.addFloatConversions();
    table.addMoves();
    return table.all;
  }

  // ---- how the table is written

  private void add(String text, Kind result, Reference expected, Kind... operands) {
    all.add(new PtxInstruction(text, result, List.of(operands), expected, null, 0));
  }

  private void addNear(String text, Kind result, int ulps, Reference expected, Kind... operands) {
    all.add(new PtxInstruction(text, result, List.of(operands), expected, null, ulps));
  }

  private static float f(long bits) {
    return Float.intBitsToFloat((int) bits);
  }

  private static double g(long bits) {
    return Double.longBitsToDouble(bits);
  }

  /** As float32 arithmetic leaves it. */
  private static long bits(float x) {
    return Float.isNaN(x) ? NAN : Float.floatToRawIntBits(x) & 0xffffffffL;
  }

  private static long bits(double x) {
    return Double.doubleToRawLongBits(x);
  }

  private static float flushed(float x) {
    return Math.abs(x) < Float.MIN_NORMAL ? Math.copySign(0f, x) : x;
  }

  private static float saturated(float x) {
    return x >= 1 ? 1 : x > 0 ? x : 0f;
  }

  private static Kind kind(int width) {
    return width == 16 ? B16 : width == 32 ? B32 : B64;
  }

  private static BigInteger integer(long bits, int width, boolean signed) {
    long value = signed ? bits << (64 - width) >> (64 - width) : bits;
    BigInteger all = BigInteger.valueOf(value);
    return signed || value >= 0 ? all : all.add(BigInteger.ONE.shiftLeft(64));
  }

  private static long low(BigInteger value, int width) {
    return value.longValue() & (width == 64 ? -1L : (1L << width) - 1);
  }

  private interface Big {
    BigInteger of(BigInteger a, BigInteger b);
  }

  // ---- integers

  private void addIntegers() {
    for (int width : new int[] {16, 32, 64}) {
      for (boolean signed : new boolean[] {true, false}) {
        String type = (signed ? "s" : "u") + width;
        int w = width;
        boolean s = signed;
        addBig("add." + type, w, s, BigInteger::add);
        addBig("sub." + type, w, s, BigInteger::subtract);
        addBig("mul.lo." + type, w, s, BigInteger::multiply);
        addBig("mul.hi." + type, w, s, (a, b) -> a.multiply(b).shiftRight(w));
        addBig("min." + type, w, s, BigInteger::min);
        addBig("max." + type, w, s, BigInteger::max);
        addBig(
            "div." + type, w, s, (a, b) -> b.signum() == 0 ? BigInteger.ONE.negate() : a.divide(b));
        addBig(
            "rem." + type,
            w,
            s,
            (a, b) -> b.signum() == 0 ? a : a.subtract(a.divide(b).multiply(b)));
        add(
            "mad.lo." + type + " %d, %a, %b, %c",
            kind(w),
            (a, b, c, m) ->
                low(integer(a, w, s).multiply(integer(b, w, s)).add(integer(c, w, s)), w),
            kind(w),
            kind(w),
            kind(w));
        add(
            "mad.hi." + type + " %d, %a, %b, %c",
            kind(w),
            (a, b, c, m) ->
                low(
                    integer(a, w, s).multiply(integer(b, w, s)).shiftRight(w).add(integer(c, w, s)),
                    w),
            kind(w),
            kind(w),
            kind(w));
        if (width < 64) {
          add(
              "mul.wide." + type + " %d, %a, %b",
              kind(2 * w),
              (a, b, c, m) -> low(integer(a, w, s).multiply(integer(b, w, s)), 2 * w),
              kind(w),
              kind(w));
          add(
              "mad.wide." + type + " %d, %a, %b, %c",
              kind(2 * w),
              (a, b, c, m) ->
                  low(
                      integer(a, w, s).multiply(integer(b, w, s)).add(BigInteger.valueOf(c)),
                      2 * w),
              kind(w),
              kind(w),
              kind(2 * w));
        }
        if (signed) {
          add(
              "neg." + type + " %d, %a",
              kind(w),
              (a, b, c, m) -> low(integer(a, w, true).negate(), w),
              kind(w));
          add(
              "abs." + type + " %d, %a",
              kind(w),
              (a, b, c, m) -> low(integer(a, w, true).abs(), w),
              kind(w));
        }
        add(
            "shr." + type + " %d, %a, %b",
            kind(w),
            (a, b, c, m) -> low(integer(a, w, s).shiftRight((int) Math.min(b, w)), w),
            kind(w),
            B32);
      }
    }
  }

  private void addBig(String form, int width, boolean signed, Big function) {
    add(
        form + " %d, %a, %b",
        kind(width),
        (a, b, c, m) ->
            low(function.of(integer(a, width, signed), integer(b, width, signed)), width),
        kind(width),
        kind(width));
  }

  private void addBits() {
    for (int width : new int[] {16, 32, 64}) {
      int w = width;
      Kind kind = kind(width);
      add("and.b" + w + " %d, %a, %b", kind, (a, b, c, m) -> a & b, kind, kind);
      add("or.b" + w + " %d, %a, %b", kind, (a, b, c, m) -> a | b, kind, kind);
      add("xor.b" + w + " %d, %a, %b", kind, (a, b, c, m) -> a ^ b, kind, kind);
      add("not.b" + w + " %d, %a", kind, (a, b, c, m) -> ~a & kind.mask(), kind);
      add(
          "shl.b" + w + " %d, %a, %b",
          kind,
          (a, b, c, m) -> b >= w ? 0 : a << b & kind.mask(),
          kind,
          B32);
      add("shr.b" + w + " %d, %a, %b", kind, (a, b, c, m) -> b >= w ? 0 : a >>> b, kind, B32);
      for (String type : new String[] {"b", "u", "s"}) {
        add(
            "selp." + type + w + " %d, %a, %b, %c",
            kind,
            (a, b, c, m) -> c != 0 ? a : b,
            kind,
            kind,
            PRED);
      }
    }
    add("selp.f32 %d, %a, %b, %c", F32, (a, b, c, m) -> c != 0 ? a : b, F32, F32, PRED);
    add("selp.f64 %d, %a, %b, %c", F64, (a, b, c, m) -> c != 0 ? a : b, F64, F64, PRED);
    add("and.pred %d, %a, %b", PRED, (a, b, c, m) -> a & b, PRED, PRED);
    add("or.pred %d, %a, %b", PRED, (a, b, c, m) -> a | b, PRED, PRED);
    add("xor.pred %d, %a, %b", PRED, (a, b, c, m) -> a ^ b, PRED, PRED);
    add("not.pred %d, %a", PRED, (a, b, c, m) -> a ^ 1, PRED);
    add("brev.b32 %d, %a", B32, (a, b, c, m) -> Integer.reverse((int) a) & 0xffffffffL, B32);
    add("brev.b64 %d, %a", B64, (a, b, c, m) -> Long.reverse(a), B64);
    add("popc.b32 %d, %a", B32, (a, b, c, m) -> Long.bitCount(a), B32);
    add("popc.b64 %d, %a", B32, (a, b, c, m) -> Long.bitCount(a), B64);
    add("clz.b32 %d, %a", B32, (a, b, c, m) -> Integer.numberOfLeadingZeros((int) a), B32);
    add("clz.b64 %d, %a", B32, (a, b, c, m) -> Long.numberOfLeadingZeros(a), B64);
    addFunnelShift("l.wrap", (both, amount) -> both << (amount & 31) >>> 32);
    addFunnelShift("r.wrap", (both, amount) -> both >>> (amount & 31));
    addFunnelShift("l.clamp", (both, amount) -> both << Math.min(amount, 32) >>> 32);
    addFunnelShift("r.clamp", (both, amount) -> both >>> Math.min(amount, 32));
    for (int width : new int[] {32, 64}) {
      int w = width;
      for (boolean signed : new boolean[] {true, false}) {
        boolean s = signed;
        String type = (signed ? "s" : "u") + width;
        Reference place =
            (a, b, c, m) -> {
              BigInteger value = integer(a, w, s);
              int length = value.signum() < 0 ? value.not().bitLength() : value.bitLength();
              return length == 0 ? 0xffffffffL : length - 1;
            };
        add("bfind." + type + " %d, %a", B32, place, kind(w));
        add(
            "bfind.shiftamt." + type + " %d, %a",
            B32,
            (a, b, c, m) -> {
              long at = place.of(a, b, c, m);
              return at == 0xffffffffL ? at : w - 1 - at;
            },
            kind(w));
      }
      add(
          "bfi.b" + w + " %d, %a, %b, %c, %m",
          kind(w),
          (a, b, c, m) -> {
            int position = (int) c & 255;
            int length = (int) m & 255;
            BigInteger mask =
                BigInteger.ONE.shiftLeft(length).subtract(BigInteger.ONE).shiftLeft(position);
            BigInteger field = integer(a, w, false).shiftLeft(position).and(mask);
            return low(integer(b, w, false).andNot(mask).or(field), w);
          },
          kind(w),
          kind(w),
          B32,
          B32);
    }
  }

  private interface Shift {
    long of(long both, long amount);
  }

  private void addFunnelShift(String mode, Shift shift) {
    add(
        "shf." + mode + ".b32 %d, %a, %b, %c",
        B32,
        (a, b, c, m) -> shift.of(b << 32 | a, c) & 0xffffffffL,
        B32,
        B32,
        B32);
  }

  // ---- floating point

  private interface Float2 {
    float of(float a, float b, Mode mode);
  }

  private void addFloat2(String name, Float2 function) {
    String operands = ".f32 %d, %a, %b";
    add(name + operands, F32, (a, b, c, m) -> bits(function.of(f(a), f(b), Mode.RN)), F32, F32);
    for (Mode mode : Mode.values()) {
      String form = name + "." + mode.name().toLowerCase(Locale.ROOT);
      add(form + operands, F32, (a, b, c, m) -> bits(function.of(f(a), f(b), mode)), F32, F32);
      add(
          form + ".ftz" + operands,
          F32,
          (a, b, c, m) -> bits(flushed(function.of(flushed(f(a)), flushed(f(b)), mode))),
          F32,
          F32);
      add(
          form + ".sat" + operands,
          F32,
          (a, b, c, m) -> bits(saturated(function.of(f(a), f(b), mode))),
          F32,
          F32);
    }
  }

  private void addFloats() {
    addFloat2("add", ExactRounding::add);
    addFloat2("sub", (a, b, mode) -> ExactRounding.add(a, -b, mode));
    addFloat2("mul", ExactRounding::multiply);
    for (Mode mode : Mode.values()) {
      String form = "fma." + mode.name().toLowerCase(Locale.ROOT);
      add(
          form + ".f32 %d, %a, %b, %c",
          F32,
          (a, b, c, m) -> bits(ExactRounding.fma(f(a), f(b), f(c), mode)),
          F32,
          F32,
          F32);
      add(
          form + ".ftz.f32 %d, %a, %b, %c",
          F32,
          (a, b, c, m) ->
              bits(flushed(ExactRounding.fma(flushed(f(a)), flushed(f(b)), flushed(f(c)), mode))),
          F32,
          F32,
          F32);
      add(
          form + ".sat.f32 %d, %a, %b, %c",
          F32,
          (a, b, c, m) -> bits(saturated(ExactRounding.fma(f(a), f(b), f(c), mode))),
          F32,
          F32,
          F32);
    }
    add("div.rn.f32 %d, %a, %b", F32, (a, b, c, m) -> bits(f(a) / f(b)), F32, F32);
    add("div.full.f32 %d, %a, %b", F32, (a, b, c, m) -> bits(f(a) / f(b)), F32, F32);
    add("div.approx.f32 %d, %a, %b", F32, (a, b, c, m) -> bits(f(a) / f(b)), F32, F32);
    add("rcp.rn.f32 %d, %a", F32, (a, b, c, m) -> bits(1 / f(a)), F32);
    add("rcp.rn.ftz.f32 %d, %a", F32, (a, b, c, m) -> bits(flushed(1 / flushed(f(a)))), F32);
    add("sqrt.rn.f32 %d, %a", F32, (a, b, c, m) -> bits((float) Math.sqrt(f(a))), F32);
    for (boolean ftz : new boolean[] {false, true}) {
      String type = (ftz ? ".ftz" : "") + ".f32 %d, %a, %b";
      add("min" + type, F32, (a, b, c, m) -> bits(extreme(in(a, ftz), in(b, ftz), true)), F32, F32);
      add(
          "max" + type,
          F32,
          (a, b, c, m) -> bits(extreme(in(a, ftz), in(b, ftz), false)),
          F32,
          F32);
    }
    // Signs are bits, of NaN too.
    add("neg.f32 %d, %a", F32, (a, b, c, m) -> a ^ 0x80000000L, F32);
    add("neg.ftz.f32 %d, %a", F32, (a, b, c, m) -> flushedBits(a) ^ 0x80000000L, F32);
    add("abs.f32 %d, %a", F32, (a, b, c, m) -> a & 0x7fffffffL, F32);
    add("abs.ftz.f32 %d, %a", F32, (a, b, c, m) -> flushedBits(a) & 0x7fffffffL, F32);
    add(
        "copysign.f32 %d, %a, %b",
        F32, (a, b, c, m) -> (b & 0x7fffffffL) | (a & 0x80000000L), F32, F32);
  }

  private static float in(long bits, boolean ftz) {
    return ftz ? flushed(f(bits)) : f(bits);
  }

  private static long flushedBits(long bits) {
    return (bits & 0x7f800000L) == 0 ? bits & 0x80000000L : bits;
  }

  /** Math.min and max order the zeros; here a NaN gives way. */
  private static float extreme(float a, float b, boolean least) {
    return Float.isNaN(a) ? b : Float.isNaN(b) ? a : least ? Math.min(a, b) : Math.max(a, b);
  }

  private static double extreme(double a, double b, boolean least) {
    return Double.isNaN(a) ? b : Double.isNaN(b) ? a : least ? Math.min(a, b) : Math.max(a, b);
  }

  private interface Double2 {
    double of(double a, double b, Mode mode);
  }

  private void addDouble2(String name, Double2 function) {
    add(
        name + ".f64 %d, %a, %b",
        F64,
        (a, b, c, m) -> bits(function.of(g(a), g(b), Mode.RN)),
        F64,
        F64);
    for (Mode mode : Mode.values()) {
      add(
          name + "." + mode.name().toLowerCase(Locale.ROOT) + ".f64 %d, %a, %b",
          F64,
          (a, b, c, m) -> bits(function.of(g(a), g(b), mode)),
          F64,
          F64);
    }
  }

  private void addDoubles() {
    addDouble2("add", ExactRounding::add);
    addDouble2("sub", (a, b, mode) -> ExactRounding.add(a, -b, mode));
    addDouble2("mul", ExactRounding::multiply);
    for (Mode mode : Mode.values()) {
      add(
          "fma." + mode.name().toLowerCase(Locale.ROOT) + ".f64 %d, %a, %b, %c",
          F64,
          (a, b, c, m) -> bits(ExactRounding.fma(g(a), g(b), g(c), mode)),
          F64,
          F64,
          F64);
    }
    add("div.rn.f64 %d, %a, %b", F64, (a, b, c, m) -> bits(g(a) / g(b)), F64, F64);
    add("rcp.rn.f64 %d, %a", F64, (a, b, c, m) -> bits(1 / g(a)), F64);
    add("sqrt.rn.f64 %d, %a", F64, (a, b, c, m) -> bits(Math.sqrt(g(a))), F64);
    add("min.f64 %d, %a, %b", F64, (a, b, c, m) -> bits(extreme(g(a), g(b), true)), F64, F64);
    add("max.f64 %d, %a, %b", F64, (a, b, c, m) -> bits(extreme(g(a), g(b), false)), F64, F64);
    add("neg.f64 %d, %a", F64, (a, b, c, m) -> a ^ Long.MIN_VALUE, F64);
    add("abs.f64 %d, %a", F64, (a, b, c, m) -> a & Long.MAX_VALUE, F64);
    add(
        "copysign.f64 %d, %a, %b",
        F64, (a, b, c, m) -> (b & Long.MAX_VALUE) | (a & Long.MIN_VALUE), F64, F64);
  }

  private interface Function {
    double of(double x);
  }

  private void addApproximations() {
    addApproximation("ex2", x -> StrictMath.pow(2, x));
    addApproximation("lg2", x -> StrictMath.log(x) / StrictMath.log(2));
    addApproximation("rcp", x -> 1 / x);
    addApproximation("sqrt", StrictMath::sqrt);
    addApproximation("rsqrt", x -> 1 / StrictMath.sqrt(x));
    // The upper words alone: a device is off by more than the last bit of these, so this is, too.
    add(
        "rcp.approx.ftz.f64 %d, %a",
        F64,
        (a, b, c, m) -> {
          double x = g(a);
          if (Double.isNaN(x)) {
            return bits(Double.NaN);
          }
          double upper = upper(x);
          double y = 1 / (Math.abs(upper) < Double.MIN_NORMAL ? Math.copySign(0.0, x) : upper);
          return bits(upper(Math.abs(y) < Double.MIN_NORMAL ? Math.copySign(0.0, y) : y));
        },
        F64);
  }

  private static double upper(double x) {
    return g(bits(x) & 0xffffffff00000000L);
  }

  private void addApproximation(String name, Function function) {
    addNear(
        name + ".approx.f32 %d, %a", F32, 1, (a, b, c, m) -> bits((float) function.of(f(a))), F32);
    addNear(
        name + ".approx.ftz.f32 %d, %a",
        F32,
        1,
        (a, b, c, m) -> bits(flushed((float) function.of(flushed(f(a))))),
        F32);
  }

  // ---- comparisons

  private static boolean compared(String name, int order) {
    return switch (name) {
      case "eq" -> order == 0;
      case "ne" -> order != 0;
      case "lt", "lo" -> order < 0;
      case "le", "ls" -> order <= 0;
      case "gt", "hi" -> order > 0;
      case "ge", "hs" -> order >= 0;
      default -> throw new IllegalArgumentException(name);
    };
  }

  private static boolean compared(String name, double a, double b) {
    boolean unordered = Double.isNaN(a) || Double.isNaN(b);
    if (name.equals("num") || name.equals("nan")) {
      return unordered == name.equals("nan");
    }
    boolean orUnordered = name.length() == 3;
    int order = a < b ? -1 : a > b ? 1 : 0;
    return unordered ? orUnordered : compared(name.substring(0, 2), order);
  }

  private interface Test {
    boolean of(long a, long b);
  }

  private void addComparison(String form, Kind kind, Test test) {
    add("setp." + form + " %d, %a, %b", PRED, (a, b, c, m) -> test.of(a, b) ? 1 : 0, kind, kind);
  }

  private void addComparisons() {
    for (int width : new int[] {16, 32, 64}) {
      int w = width;
      for (String name : new String[] {"eq", "ne", "lt", "le", "gt", "ge"}) {
        for (boolean signed : new boolean[] {true, false}) {
          addComparison(
              name + (signed ? ".s" : ".u") + w,
              kind(w),
              (a, b) -> compared(name, integer(a, w, signed).compareTo(integer(b, w, signed))));
        }
      }
      for (String name : new String[] {"lo", "ls", "hi", "hs"}) {
        addComparison(
            name + ".u" + w, kind(w), (a, b) -> compared(name, Long.compareUnsigned(a, b)));
      }
      addComparison("eq.b" + w, kind(w), (a, b) -> a == b);
      addComparison("ne.b" + w, kind(w), (a, b) -> a != b);
    }
    for (String name :
        new String[] {
          "eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"
        }) {
      addComparison(name + ".f32", F32, (a, b) -> compared(name, f(a), f(b)));
      addComparison(name + ".ftz.f32", F32, (a, b) -> compared(name, flushed(f(a)), flushed(f(b))));
      addComparison(name + ".f64", F64, (a, b) -> compared(name, g(a), g(b)));
    }
    // Two results, and a predicate joined to both.
    addJoined("", (is, with) -> is);
    addJoined(".and", (is, with) -> is && with);
    addJoined(".or", (is, with) -> is || with);
    addJoined(".xor", (is, with) -> is != with);
  }

  private interface Joined {
    boolean of(boolean is, boolean with);
  }

  private void addJoined(String operation, Joined join) {
    boolean joined = !operation.isEmpty();
    List<Kind> kinds = joined ? List.of(B32, B32, PRED) : List.of(B32, B32);
    all.add(
        new PtxInstruction(
            "setp.lt" + operation + ".s32 %d|%e, %a, %b" + (joined ? ", %c" : ""),
            PRED,
            kinds,
            (a, b, c, m) -> join.of((int) a < (int) b, c != 0) ? 1 : 0,
            (a, b, c, m) -> join.of((int) a >= (int) b, c != 0) ? 1 : 0,
            0));
  }

  // ---- conversions

  private void addIntegerConversions() {
    for (int to : new int[] {8, 16, 32, 64}) {
      for (int from : new int[] {8, 16, 32, 64}) {
        for (boolean toSigned : new boolean[] {true, false}) {
          for (boolean fromSigned : new boolean[] {true, false}) {
            String form =
                "cvt." + (toSigned ? "s" : "u") + to + "." + (fromSigned ? "s" : "u") + from;
            Kind result = to == 8 ? B32 : kind(to);
            Kind operand = from == 8 ? B32 : kind(from);
            // To a register that is wider than the type goes what the type's value is in it.
            add(
                form + " %d, %a",
                result,
                (a, b, c, m) -> {
                  BigInteger value = integer(low(integer(a, 64, true), from), from, fromSigned);
                  return integer(low(value, to), to, toSigned).longValue() & result.mask();
                },
                operand);
          }
        }
      }
    }
    for (int width : new int[] {16, 32, 64}) {
      int w = width;
      for (boolean signed : new boolean[] {true, false}) {
        boolean s = signed;
        String type = (signed ? "s" : "u") + width;
        for (Mode mode : Mode.values()) {
          String rounding = mode.name().toLowerCase(Locale.ROOT);
          add(
              "cvt." + rounding + ".f32." + type + " %d, %a",
              F32,
              (a, b, c, m) -> {
                BigDecimal exact = new BigDecimal(integer(a, w, s));
                return exact.signum() == 0 ? 0 : bits(ExactRounding.toFloat(exact, mode));
              },
              kind(w));
          add(
              "cvt." + rounding + ".f64." + type + " %d, %a",
              F64,
              (a, b, c, m) -> {
                BigDecimal exact = new BigDecimal(integer(a, w, s));
                return exact.signum() == 0 ? 0 : bits(ExactRounding.toDouble(exact, mode));
              },
              kind(w));
          add(
              "cvt." + rounding + "i." + type + ".f32 %d, %a",
              kind(w),
              (a, b, c, m) -> toInteger(f(a), w, s, mode, w == 64),
              F32);
          add(
              "cvt." + rounding + "i.ftz." + type + ".f32 %d, %a",
              kind(w),
              (a, b, c, m) -> toInteger(flushed(f(a)), w, s, mode, w == 64),
              F32);
          add(
              "cvt." + rounding + "i." + type + ".f64 %d, %a",
              kind(w),
              (a, b, c, m) -> toInteger(g(a), w, s, mode, true),
              F64);
        }
      }
    }
  }

  /** Out of range becomes the end of the range; NaN zero, unless 64 bits take part. */
  private static long toInteger(double x, int width, boolean signed, Mode mode, boolean wide) {
    if (Double.isNaN(x)) {
      return wide ? 1L << (width - 1) : 0;
    }
    BigInteger least = signed ? BigInteger.ONE.shiftLeft(width - 1).negate() : BigInteger.ZERO;
    BigInteger most = BigInteger.ONE.shiftLeft(signed ? width - 1 : width).subtract(BigInteger.ONE);
    if (Double.isInfinite(x)) {
      return low(x > 0 ? most : least, width);
    }
    BigInteger exact = new BigDecimal(x).setScale(0, mode.integral()).toBigInteger();
    return low(exact.max(least).min(most), width);
  }

  private static double integral(double x, Mode mode) {
    if (!Double.isFinite(x)) {
      return x;
    }
    double value = new BigDecimal(x).setScale(0, mode.integral()).doubleValue();
    return value == 0 ? Math.copySign(0.0, x) : value;
  }

  private void addFloatConversions() {
    add("cvt.f64.f32 %d, %a", F64, (a, b, c, m) -> bits((double) f(a)), F32);
    add("cvt.f32.f32 %d, %a", F32, (a, b, c, m) -> bits(f(a)), F32);
    add("cvt.ftz.f32.f32 %d, %a", F32, (a, b, c, m) -> bits(flushed(f(a))), F32);
    add("cvt.sat.f32.f32 %d, %a", F32, (a, b, c, m) -> bits(saturated(f(a))), F32);
    add("cvt.ftz.sat.f32.f32 %d, %a", F32, (a, b, c, m) -> bits(saturated(flushed(f(a)))), F32);
    for (Mode mode : Mode.values()) {
      String rounding = mode.name().toLowerCase(Locale.ROOT);
      add(
          "cvt." + rounding + "i.f32.f32 %d, %a",
          F32,
          (a, b, c, m) -> bits((float) integral(f(a), mode)),
          F32);
      add(
          "cvt." + rounding + "i.f64.f64 %d, %a",
          F64,
          (a, b, c, m) -> bits(integral(g(a), mode)),
          F64);
      Reference narrowed =
          (a, b, c, m) -> {
            double x = g(a);
            boolean plain = !Double.isFinite(x) || x == 0;
            return bits(plain ? (float) x : ExactRounding.toFloat(new BigDecimal(x), mode));
          };
      add("cvt." + rounding + ".f32.f64 %d, %a", F32, narrowed, F64);
      add(
          "cvt." + rounding + ".ftz.f32.f64 %d, %a",
          F32,
          (a, b, c, m) -> bits(flushed(f(narrowed.of(a, b, c, m)))),
          F64);
      add(
          "cvt." + rounding + ".sat.f32.f64 %d, %a",
          F32,
          (a, b, c, m) -> bits(saturated(f(narrowed.of(a, b, c, m)))),
          F64);
    }
    add("cvt.f32.f16 %d, %a", F32, (a, b, c, m) -> bits(fromHalf((int) a)), B16);
    add("cvt.rn.f16.f32 %d, %a", B16, (a, b, c, m) -> toHalf(f(a)), F32);
    add("cvt.rna.tf32.f32 %d, %a", B32, (a, b, c, m) -> toTf32(f(a)), F32);
  }

  private static float fromHalf(int half) {
    int exponent = half >> 10 & 31;
    int fraction = half & 1023;
    float magnitude =
        exponent == 31
            ? (fraction == 0 ? Float.POSITIVE_INFINITY : Float.NaN)
            : exponent == 0
                ? Math.scalb((float) fraction, -24)
                : Math.scalb(1024f + fraction, exponent - 25);
    return (half & 0x8000) != 0 ? -magnitude : magnitude;
  }

  /** The nearest of the numbers that are there, ties to the even one. */
  private static long toHalf(float x) {
    if (Float.isNaN(x)) {
      return 0x7fff;
    }
    long sign = Float.floatToRawIntBits(x) < 0 ? 0x8000 : 0;
    double magnitude = Math.abs((double) x);
    if (magnitude >= 65520) {
      return sign | 0x7c00;
    }
    int exponent = Math.max(magnitude == 0 ? -14 : Math.getExponent(magnitude), -14);
    long steps = (long) Math.rint(Math.scalb(magnitude, 10 - exponent)); // 1024 and more: normal
    return sign | (((long) (exponent + 14) << 10) + steps);
  }

  /** Ten bits of fraction, ties away from zero. */
  private static long toTf32(float x) {
    if (Float.isNaN(x)) {
      return NAN;
    }
    if (Float.isInfinite(x)) {
      return bits(x);
    }
    int exponent = Math.max(Math.getExponent(x), Float.MIN_EXPONENT);
    double steps = Math.floor(Math.scalb(Math.abs((double) x), 10 - exponent) + 0.5);
    return bits(Math.copySign((float) Math.scalb(steps, exponent - 10), x));
  }

  private void addMoves() {
    add("mov.pred %d, %a", PRED, (a, b, c, m) -> a, PRED);
    for (int width : new int[] {16, 32, 64}) {
      for (String type : new String[] {"b", "u", "s"}) {
        add("mov." + type + width + " %d, %a", kind(width), (a, b, c, m) -> a, kind(width));
      }
    }
    add("mov.f32 %d, %a", F32, (a, b, c, m) -> a, F32);
    add("mov.f64 %d, %a", F64, (a, b, c, m) -> a, F64);
    add("mov.b32 %d, %a", F32, (a, b, c, m) -> a, B32);
    add("mov.b32 %d, %a", B32, (a, b, c, m) -> a, F32);
    add("mov.b64 %d, %a", B64, (a, b, c, m) -> a, F64);
    add("mov.b64 %d, {%a, %b}", F64, (a, b, c, m) -> a | b << 32, B32, B32);
    add("mov.b32 %d, {%a, %b}", B32, (a, b, c, m) -> a | b << 16, B16, B16);
    add(
        "mov.b64 %d, {%a, %b, %c, %m}",
        B64, (a, b, c, m) -> a | b << 16 | c << 32 | m << 48, B16, B16, B16, B16);
    add("mov.b64 {%d, _}, %a", B32, (a, b, c, m) -> a & 0xffffffffL, F64);
    add("mov.b64 {_, %d}, %a", B32, (a, b, c, m) -> a >>> 32, F64);
    add("mov.u32 %d, %ctaid.y", B32, (a, b, c, m) -> 0);
    add("mov.f32 %d, 0fC0490FDB", F32, (a, b, c, m) -> 0xc0490fdbL);
    add("mov.f64 %d, 0d400921FB54442D18", F64, (a, b, c, m) -> 0x400921fb54442d18L);
    add("mov.u64 %d, -2", B64, (a, b, c, m) -> -2);
    add("mov.u32 %d, 0xFFFFFFFF", B32, (a, b, c, m) -> 0xffffffffL);
    add("mov.b32 %d, -1", B32, (a, b, c, m) -> 0xffffffffL);
    add("cvta.to.global.u64 %d, %a", B64, (a, b, c, m) -> a, B64);
    add("cvta.global.u64 %d, %a", B64, (a, b, c, m) -> a, B64);
  }
}
