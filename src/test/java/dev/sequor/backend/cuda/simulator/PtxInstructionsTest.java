package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.cuda.simulator.PtxSnippet.Kind;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** The instructions that one thread executes by itself give what the PTX manual says. */
class PtxInstructionsTest extends SimulatorTest {
  private static final Path PREBUILT = Path.of("kernels/prebuilt");
  private static final Pattern INSTRUCTION =
      Pattern.compile(
          "^\\s*(?:@!?%p\\d+\\s+)?([a-z][a-z0-9_]*(?:\\.[a-z0-9_:]+)*)\\s*[^:]*;?\\s*$");

  @Test
  void everyInstructionGivesTheIndependentResult() {
    List<String> wrong = new ArrayList<>();
    long tried = 0;
    for (PtxInstruction instruction : PtxInstructionTable.instructions()) {
      long[] in = PtxOperands.of(instruction.operands(), instruction.text().hashCode());
      long[] out = run(instruction, in);
      int rows = in.length / PtxSnippet.OPERANDS;
      tried += rows;
      int differing = 0;
      for (int row = 0; row < rows; row++) {
        String difference = difference(instruction, in, out, row);
        if (difference != null && differing++ == 0) {
          wrong.add(instruction + ": " + difference);
        }
      }
    }
    assertEquals("", String.join("\n", wrong), wrong.size() + " instructions, " + tried + " cases");
  }

  private long[] run(PtxInstruction i, long[] in) {
    boolean second = i.second() != null;
    try (PtxSnippet snippet =
        PtxSnippet.ofInstruction(control, i.text(), i.result(), second, i.operands())) {
      return snippet.run(in);
    } catch (IllegalStateException e) {
      throw new IllegalStateException(i + ": " + control.lastError(), e);
    }
  }

  private static @Nullable String difference(PtxInstruction i, long[] in, long[] out, int row) {
    int at = row * PtxSnippet.OPERANDS;
    long expected = i.expected().of(in[at], in[at + 1], in[at + 2], in[at + 3]);
    long found = out[2 * row];
    PtxInstruction.Reference reference = i.second();
    long second = reference == null ? 0 : reference.of(in[at], in[at + 1], in[at + 2], in[at + 3]);
    if (i.matches(expected, found) && second == out[2 * row + 1]) {
      return null;
    }
    return String.format(
        "of %x, %x, %x, %x it is %x|%x, should be %x|%x",
        in[at], in[at + 1], in[at + 2], in[at + 3], found, out[2 * row + 1], expected, second);
  }

  /** So that a new compiler, or a new kernel, cannot bring what nothing has tried. */
  @Test
  void everyInstructionThatShipsIsInATest() throws IOException {
    Set<String> tried = new TreeSet<>(PtxMemoryTest.FORMS);
    tried.addAll(PtxThreadsTest.FORMS);
    PtxInstructionTable.instructions().forEach(i -> tried.add(i.form()));
    Set<String> shipped = new TreeSet<>();
    try (var files = Files.newDirectoryStream(PREBUILT, "*.ptx")) {
      for (Path file : files) {
        for (String line : Files.readAllLines(file, StandardCharsets.US_ASCII)) {
          Matcher m = INSTRUCTION.matcher(line);
          if (m.matches() && !line.contains("//")) {
            shipped.add(m.group(1));
          }
        }
      }
    }
    shipped.removeIf(word -> word.startsWith("param")); // arguments of calls, on lines of their own
    assertTrue(shipped.size() > 150, "only " + shipped.size() + " were found");
    shipped.removeAll(tried);
    assertEquals(Set.of(), shipped);
  }

  /** One that is guarded happens only where its predicate says so. */
  @Test
  void guardsDecideForEachThread() {
    String body =
        """
          .reg .pred %p;
          .reg .b64 %v;
          .reg .b32 %t;
          ld.global.u32 %t, [%in];
          setp.ne.s32 %p, %t, 0;
          mov.u64 %v, 1;
          @%p mov.u64 %v, 2;
          st.global.u64 [%out], %v;
          @!%p mov.u64 %v, 3;
          st.global.u64 [%out+8], %v;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, body)) {
      long[] out = snippet.run(new long[] {0, 0, 0, 0, 1, 0, 0, 0});
      assertEquals("[1, 3, 2, 2]", Arrays.toString(out));
    }
  }

  /** Where the guard is false, nothing is written: not even a result that a vector would have. */
  @Test
  void resultsOfOneInstructionMayBeItsOperands() {
    String body =
        """
          .reg .b32 %x<2>;
          .reg .b64 %v;
          ld.global.u64 %v, [%in];
          mov.b64 {%x0, %x1}, %v;
          mov.b64 %v, {%x1, %x0};
          st.global.u64 [%out], %v;
        """;
    try (PtxSnippet snippet = PtxSnippet.ofBody(control, "  {\n" + body + "  }\n")) {
      assertEquals(
          0x55667788_11223344L, snippet.run(new long[] {0x11223344_55667788L, 0, 0, 0})[0]);
    }
  }

  /** A test of the tests: each kind of operand has the values at which results turn. */
  @Test
  void operandsHoldWhatMakesADifference() {
    for (Kind kind : new Kind[] {Kind.F32, Kind.F64}) {
      long[] words = PtxOperands.of(List.of(kind, kind), 1);
      boolean nan = false;
      boolean subnormal = false;
      for (int row = 0; row < words.length; row += PtxSnippet.OPERANDS) {
        double x =
            kind == Kind.F32
                ? Float.intBitsToFloat((int) words[row])
                : Double.longBitsToDouble(words[row]);
        double least = kind == Kind.F32 ? Float.MIN_NORMAL : Double.MIN_NORMAL;
        nan |= Double.isNaN(x);
        subnormal |= x != 0 && Math.abs(x) < least;
      }
      assertTrue(nan && subnormal, kind.name());
    }
  }
}
