package dev.sequor.backend.cuda.simulator;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** PTX with one thing wrong in it, as a compiler's fault would have it. */
final class PtxMutants {
  /** What is wrong. */
  enum Kind {
    /** Another instruction of the same operands: a sum that should be a difference. */
    OPERATION,
    /** A comparison the other way round, or that takes in its boundary when it should not. */
    COMPARISON,
    /** A guard that is negated. */
    GUARD,
    /** A number that is one off, or another float. */
    CONSTANT,
    /** An address or a shift that is off. */
    OFFSET,
    /** Another register of the same type. */
    REGISTER,
    /** An instruction that is left out. */
    OMISSION,
    /** Rounded in another way: at most the last digit of one operation. */
    ROUNDING
  }

  /**
   * A text with one line changed.
   *
   * @param what for messages: the line before and after
   */
  record Mutant(Kind kind, String what, String text) {}

  private static final Map<String, String> OPERATIONS = new HashMap<>();
  private static final Map<String, String> COMPARISONS =
      Map.ofEntries(
          Map.entry("lt", "le"),
          Map.entry("le", "lt"),
          Map.entry("gt", "ge"),
          Map.entry("ge", "gt"),
          Map.entry("eq", "ne"),
          Map.entry("ne", "eq"),
          Map.entry("ltu", "geu"),
          Map.entry("leu", "gtu"),
          Map.entry("gtu", "leu"),
          Map.entry("geu", "ltu"),
          Map.entry("neu", "equ"),
          Map.entry("num", "nan"));

  static {
    for (String type : List.of("f32", "f64", "s32", "s64", "rn.f32", "rn.f64")) {
      OPERATIONS.put("add." + type, "sub." + type);
      OPERATIONS.put("sub." + type, "add." + type);
    }
    for (String type : List.of("f32", "f64", "rn.f64")) {
      OPERATIONS.put("mul." + type, "add." + type);
      OPERATIONS.put("div.rn." + type, "mul." + type);
      OPERATIONS.put("max." + type, "min." + type);
    }
    for (String type : List.of("s32", "s64")) {
      OPERATIONS.put("mul.lo." + type, "add." + type);
      OPERATIONS.put("max." + type, "min." + type);
      OPERATIONS.put("min." + type, "max." + type);
    }
    for (String type : List.of("b32", "b64", "pred")) {
      OPERATIONS.put("and." + type, "or." + type);
      OPERATIONS.put("or." + type, "and." + type);
      OPERATIONS.put("xor." + type, "or." + type);
    }
    OPERATIONS.put("neg.f32", "abs.f32");
    OPERATIONS.put("abs.f32", "neg.f32");
    OPERATIONS.put("cvt.rni.f32.f32", "cvt.rzi.f32.f32");
    OPERATIONS.put("cvt.sat.f32.f32", "cvt.f32.f32");
    OPERATIONS.put("cvt.s64.s32", "cvt.u64.u32");
    OPERATIONS.put("shl.b32", "shr.u32");
    OPERATIONS.put("shr.u32", "shl.b32");
    OPERATIONS.put("ex2.approx.f32", "lg2.approx.f32");
    OPERATIONS.put("rcp.rn.f32", "sqrt.rn.f32");
    OPERATIONS.put("copysign.f32", "max.f32");
  }

  private static final Pattern LINE =
      Pattern.compile("^(\\s+)(?:@(!?)(%p\\d+) )?\\s*([a-z][a-z0-9._]*)\\s+(.*);$");
  private static final Pattern REGISTER = Pattern.compile("%(p|r|rd|rs|f|fd)\\d+");
  private static final Pattern NUMBER = Pattern.compile("(?<=, )(-?\\d+|0f[0-9A-F]{8})$");
  private static final Pattern OFFSET = Pattern.compile("\\[(%rd\\d+)(?:\\+(-?\\d+))?\\]");
  private static final Set<String> STRUCTURE = Set.of("bra", "bra.uni", "ret", "call.uni");

  private final List<String> lines;
  private final int first;
  private final int end;

  /** Of one kernel of a file. */
  PtxMutants(String text, String kernel) {
    lines = List.of(text.split("\n", -1));
    int entry = -1;
    for (int i = 0; i < lines.size(); i++) {
      if (lines.get(i).equals(".visible .entry " + kernel + "(")) {
        entry = i;
      }
    }
    if (entry < 0) {
      throw new IllegalArgumentException("there is no kernel " + kernel);
    }
    int close = entry;
    while (!lines.get(close).equals("}")) {
      close++;
    }
    first = entry;
    end = close;
  }

  /** Some of them, of all kinds that the kernel's code allows, different from each other. */
  List<Mutant> draw(int count, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Mutant> all = new ArrayList<>();
    Set<String> seen = new java.util.HashSet<>();
    Kind[] kinds = Kind.values();
    for (int attempt = 0; attempt < 400 * count && all.size() < count; attempt++) {
      Kind kind = kinds[(all.size() + attempt / 100) % kinds.length];
      int at = random.nextInt(first, end);
      String changed = change(kind, lines.get(at), random);
      if (changed != null && !changed.equals(lines.get(at)) && seen.add(at + changed)) {
        List<String> copy = new ArrayList<>(lines);
        copy.set(at, changed);
        String what = (at + 1) + ": " + lines.get(at).strip() + " -> " + changed.strip();
        all.add(new Mutant(kind, what.replace('\t', ' '), String.join("\n", copy)));
      }
    }
    return all;
  }

  private @Nullable String change(Kind kind, String line, SplittableRandom random) {
    Matcher m = LINE.matcher(line);
    if (!m.matches()) {
      return null;
    }
    String opcode = m.group(4);
    String operands = m.group(5);
    return switch (kind) {
      case OPERATION -> {
        String other = OPERATIONS.get(opcode);
        yield other == null ? null : line.replaceFirst(Pattern.quote(opcode), other);
      }
      case COMPARISON -> {
        if (!opcode.startsWith("setp.")) {
          yield null;
        }
        String name = opcode.split("\\.", -1)[1];
        String other = COMPARISONS.get(name);
        yield other == null ? null : line.replaceFirst("setp\\." + name, "setp." + other);
      }
      case GUARD ->
          m.group(3) == null
              ? null
              : line.replaceFirst("@!?%p", m.group(2).isEmpty() ? "@!%p" : "@%p");
      case CONSTANT -> constant(line, operands, opcode);
      case OFFSET -> offset(line, opcode);
      case REGISTER -> STRUCTURE.contains(opcode) ? null : register(line, operands, random);
      case OMISSION ->
          opcode.startsWith("st.") || opcode.startsWith("bra") ? "\t// left out" : null;
      case ROUNDING -> {
        if (opcode.matches("(add|sub|mul|fma)(\\.rn)?\\.f(32|64)")) {
          yield line.replaceFirst("\\.(rn\\.)?f(32|64)", ".rz.f$2");
        }
        yield opcode.equals("cvt.rn.f32.f64") ? line.replaceFirst("\\.rn\\.", ".rz.") : null;
      }
    };
  }

  private static @Nullable String constant(String line, String operands, String opcode) {
    Matcher m = NUMBER.matcher(operands);
    if (!m.find() || opcode.startsWith("shfl") || opcode.startsWith("bar")) {
      return null;
    }
    String number = m.group(1);
    String other =
        number.startsWith("0f")
            ? String.format("0f%08X", Integer.parseUnsignedInt(number.substring(2), 16) ^ 0x600000)
            : Long.toString(Long.parseLong(number) + 1);
    return line.substring(0, line.lastIndexOf(number)) + other + ";";
  }

  private static @Nullable String offset(String line, String opcode) {
    if (opcode.startsWith("shl") || opcode.startsWith("shr")) {
      Matcher m = Pattern.compile(", (\\d+);$").matcher(line);
      return m.find()
          ? line.substring(0, m.start()) + ", " + (Long.parseLong(m.group(1)) + 1) + ";"
          : null;
    }
    Matcher m = OFFSET.matcher(line);
    if (!m.find()) {
      return null;
    }
    int step = opcode.contains("v4") ? 16 : opcode.contains("64") || opcode.contains("v2") ? 8 : 4;
    long before = m.group(2) == null ? 0 : Long.parseLong(m.group(2));
    long after = before >= step ? before - step : before + step;
    return line.substring(0, m.start())
        + "["
        + m.group(1)
        + "+"
        + after
        + "]"
        + line.substring(m.end());
  }

  /** One that is read gives way to another of its kind that the kernel has. */
  private @Nullable String register(String line, String operands, SplittableRandom random) {
    List<int[]> places = new ArrayList<>();
    Matcher m = REGISTER.matcher(operands);
    while (m.find()) {
      places.add(new int[] {m.start(), m.end()});
    }
    if (places.size() < 2) {
      return null;
    }
    int[] place = places.get(random.nextInt(1, places.size()));
    String register = operands.substring(place[0], place[1]);
    String kind = register.replaceAll("\\d", "");
    for (int attempt = 0; attempt < 20; attempt++) {
      Matcher other = REGISTER.matcher(lines.get(random.nextInt(first, end)));
      if (other.find()
          && other.group().replaceAll("\\d", "").equals(kind)
          && !other.group().equals(register)) {
        int at = line.indexOf(operands);
        return line.substring(0, at + place[0]) + other.group() + line.substring(at + place[1]);
      }
    }
    return null;
  }
}
