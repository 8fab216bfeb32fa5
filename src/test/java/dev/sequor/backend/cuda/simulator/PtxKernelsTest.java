package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.cuda.simulator.PtxMutants.Kind;
import dev.sequor.backend.cuda.simulator.PtxMutants.Mutant;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The PTX that ships does what the source says: every kernel on drawn inputs, as g++ has compiled
 * it and as its PTX is interpreted; and PTX with something wrong in it is found so.
 */
@Tag("gpu")
class PtxKernelsTest {
  /** Mutants of each kernel; {@code ci/ptx-check} asks for more. */
  private static final int MUTANTS = Integer.getInteger("sequor.ptx.mutants", 1);

  private static final Map<String, String> INTERPRETED =
      Map.of(
          "SEQUOR_SIMULATOR_KERNELS", "ptx",
          // A mutant may never end.
          "SEQUOR_SIMULATOR_BRANCHES", "2000000");

  @TempDir
  @SuppressWarnings("NullAway.Init")
  Path folder;

  @BeforeAll
  static void build() throws IOException, InterruptedException {
    KernelCasesTest.build();
  }

  private NativeProgram run(Map<String, String> environment, Path to, String... words)
      throws IOException, InterruptedException {
    List<String> all = new ArrayList<>(List.of("run", "--out", to.toString(), "--driver"));
    all.add(KernelCasesTest.simulator.resolve("libcuda.so.1").toString());
    all.addAll(List.of(words));
    return KernelCasesTest.kernelCases(environment, all.toArray(String[]::new));
  }

  private static NativeProgram compare(Path a, Path b) throws IOException, InterruptedException {
    return KernelCasesTest.kernelCases(Map.of(), "compare", a.toString(), b.toString());
  }

  @Test
  void whatShipsGivesWhatItsSourceGives() throws IOException, InterruptedException {
    Path compiled = folder.resolve("compiled");
    Path interpreted = folder.resolve("interpreted");
    run(Map.of(), compiled, "--cases", "20", "--seed", "11").require(0);
    NativeProgram ended =
        run(INTERPRETED, interpreted, "--ptx", "--like", compiled.toString()).require(0);
    assertTrue(ended.output().contains(" cases, 0 failures"), ended.output());
    String table = compare(compiled, interpreted).require(0).output();
    assertTrue(table.contains(KernelCasesTest.kernels().size() + " kernels, "), table);
    // Were the second file made by the same code as the first, it would have the same bits.
    assertTrue(!table.contains(KernelCasesTest.kernels().size() + " with the same bits"), table);
  }

  /** Of each kind: how many there were, how many changed a result, how many of these were found. */
  private static final class Count {
    int all;
    int changing;
    int found;
  }

  @Test
  void mutantsThatChangeResultsAreFound() throws IOException, InterruptedException {
    Map<Kind, Count> counts = new EnumMap<>(Kind.class);
    List<String> missed = new ArrayList<>();
    for (String kernel : KernelCasesTest.kernels()) {
      tryMutants(kernel, counts, missed);
    }
    StringBuilder table = new StringBuilder();
    int changing = 0;
    int found = 0;
    for (Map.Entry<Kind, Count> each : counts.entrySet()) {
      Count count = each.getValue();
      table.append(
          String.format(
              "%-10s %4d, of which %4d change a result; found: %d%n",
              each.getKey(), count.all, count.changing, count.found));
      // What rounds otherwise in one place differs by less than two compilers may.
      if (each.getKey() != Kind.ROUNDING) {
        changing += count.changing;
        found += count.found;
      }
    }
    String report = table + String.join("\n", missed);
    if (MUTANTS > 1) {
      System.out.println(report);
    }
    assertTrue(changing > 0.4 * KernelCasesTest.kernels().size() * MUTANTS, report);
    assertTrue(found >= 0.93 * changing, report);
  }

  private void tryMutants(String kernel, Map<Kind, Count> counts, List<String> missed)
      throws IOException, InterruptedException {
    Properties catalog = new Properties();
    try (var in = Files.newInputStream(KernelCasesTest.PREBUILT.resolve("kernels.properties"))) {
      catalog.load(in);
    }
    String file = catalog.getProperty("kernel." + kernel);
    Path expected = folder.resolve("expected");
    run(Map.of(), expected, "--kernel", kernel, "--cases", "12", "--seed", "12").require(0);
    Path right = folder.resolve("right");
    run(INTERPRETED, right, "--ptx", "--like", expected.toString()).require(0);
    String text =
        Files.readString(
            KernelCasesTest.PREBUILT.resolve(file + ".ptx"), StandardCharsets.US_ASCII);
    Path wrong = Files.createDirectories(folder.resolve("wrong"));
    Files.writeString(wrong.resolve("kernels.properties"), "kernel." + kernel + "=" + file + "\n");
    for (Mutant mutant : new PtxMutants(text, kernel).draw(MUTANTS, kernel.hashCode())) {
      Files.writeString(wrong.resolve(file + ".ptx"), mutant.text());
      Path made = folder.resolve("made");
      int code =
          run(
                  INTERPRETED,
                  made,
                  "--ptx",
                  "--kernels",
                  wrong.toString(),
                  "--like",
                  expected.toString(),
                  "--patience",
                  "10")
              .code();
      assertTrue(code == 0 || code == 1, mutant.what());
      Count count = counts.computeIfAbsent(mutant.kind(), k -> new Count());
      count.all++;
      if (Files.mismatch(made, right) < 0) {
        continue;
      }
      count.changing++;
      if (compare(expected, made).code() != 0) {
        count.found++;
      } else {
        missed.add(mutant.kind() + " " + kernel + ", line " + mutant.what());
      }
    }
  }

  /** Each kind can be made, and changes one line. */
  @Test
  void mutantsDifferInOneLine() throws IOException {
    String text =
        Files.readString(KernelCasesTest.PREBUILT.resolve("cells.ptx"), StandardCharsets.US_ASCII);
    Map<Kind, Integer> made = new EnumMap<>(Kind.class);
    for (Mutant mutant : new PtxMutants(text, "forward_step_Lstm").draw(80, 1)) {
      made.merge(mutant.kind(), 1, Integer::sum);
      String[] before = text.split("\n", -1);
      String[] after = mutant.text().split("\n", -1);
      int differing = 0;
      for (int i = 0; i < before.length; i++) {
        differing += before[i].equals(after[i]) ? 0 : 1;
      }
      assertEquals(1, differing, mutant.what());
    }
    assertEquals(Kind.values().length, made.size(), made.toString());
  }
}
