package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The program that runs all kernels without a JVM ({@code native/kernelcases}), on the simulator:
 * its cases are of all kernels and pass, and it finds what it is there to find.
 */
@Tag("gpu")
class KernelCasesTest {
  static final Path PREBUILT = Path.of("kernels/prebuilt");
  private static final Path BUILD = NativeProgram.BUILD;

  @SuppressWarnings("NullAway.Init")
  static Path simulator;

  @TempDir
  @SuppressWarnings("NullAway.Init")
  Path folder;

  @BeforeAll
  static void build() throws IOException, InterruptedException {
    assumeTrue(RawCuda.simulated(), "the simulator is not in this build");
    simulator = NativeProgram.simulator();
    NativeProgram.run("ci/build-kernel-cases", BUILD.toString(), simulator.toString()).require(0);
  }

  private static NativeProgram kernelCases(String... words)
      throws IOException, InterruptedException {
    return kernelCases(Map.of(), words);
  }

  static NativeProgram kernelCases(Map<String, String> environment, String... words)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(BUILD.resolve("kernel-cases").toString()));
    command.addAll(List.of(words));
    return NativeProgram.run(environment, command);
  }

  /** Runs cases on the simulator, or on another driver, and gives the file of their results. */
  private Path results(String name, Path driver, String seed, String... words)
      throws IOException, InterruptedException {
    Path file = folder.resolve(name);
    List<String> all =
        new ArrayList<>(
            List.of(
                "run",
                "--out",
                file.toString(),
                "--driver",
                driver.resolve("libcuda.so.1").toString()));
    all.addAll(List.of(words));
    kernelCases(Map.of("SEQUOR_SIMULATOR_SEED", seed), all.toArray(String[]::new)).require(0);
    return file;
  }

  private static NativeProgram compare(Path a, Path b) throws IOException, InterruptedException {
    return kernelCases("compare", a.toString(), b.toString());
  }

  static Set<String> kernels() throws IOException {
    Properties catalog = new Properties();
    try (var in = Files.newInputStream(PREBUILT.resolve("kernels.properties"))) {
      catalog.load(in);
    }
    return catalog.stringPropertyNames().stream()
        .filter(name -> name.startsWith("kernel."))
        .map(name -> name.substring("kernel.".length()))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void everyKernelHasCasesAndTheOrderOfThreadsChangesNoBit()
      throws IOException, InterruptedException {
    Path first = results("first", simulator, "1");
    Path second = results("second", simulator, "2");
    assertArrayEquals(Files.readAllBytes(first), Files.readAllBytes(second));
    String table = compare(first, second).require(0).output();
    for (String kernel : kernels()) {
      assertTrue(table.contains("\n" + kernel + " "), () -> kernel + " has no cases:\n" + table);
    }
    int count = kernels().size();
    assertTrue(
        table.contains(count + " kernels, " + count + " with the same bits, 0 wrong"), table);
  }

  /** As they may be on a device: other functions of the elementary ones, nothing contracted. */
  @Test
  void functionsAsInexactAsThoseOfCudaAreWithinTheLimits()
      throws IOException, InterruptedException {
    Path exact = results("exact", simulator, "1", "--seed", "3");
    Path inexact = results("inexact", BUILD.resolve("inexact"), "1", "--like", exact.toString());
    String table = compare(exact, inexact).require(0).output();
    assertTrue(table.endsWith(" 0 wrong\n"), table);
    assertFalse(table.contains(kernels().size() + " with the same bits"), table);
  }

  /** Of each kernel the last element of the last buffer. */
  @Test
  void oneWrongElementIsFound() throws IOException, InterruptedException {
    for (String kernel : kernels()) {
      Path file = results(kernel, simulator, "1", "--kernel", kernel, "--cases", "2");
      byte[] bytes = Files.readAllBytes(file);
      bytes[bytes.length - 1] ^= 0x40; // the highest bit of an exponent, or of an integer
      Path changed = Files.write(folder.resolve("changed"), bytes);
      NativeProgram ended = compare(file, changed);
      assertTrue(
          ended.code() == 1 && ended.output().contains("1 elements are beyond the limit"),
          () -> kernel + ":\n" + ended.output());
    }
  }

  @Test
  void plantedFaultsAreFoundAndOneThatTakesTheDeviceEndsItsKernelOnly()
      throws IOException, InterruptedException {
    StringBuilder catalog = new StringBuilder();
    for (String fault : List.of("out_of_bounds", "add", "fill", "endless_spin")) {
      catalog.append("kernel.simulator_").append(fault).append("=faults\n");
    }
    Files.writeString(folder.resolve("kernels.properties"), catalog);
    Files.copy(
        PREBUILT.resolve("sums.fatbin"),
        folder.resolve("faults.fatbin")); // its contents are of no interest to the simulator
    String output =
        kernelCases(
                "run",
                "--kernels",
                folder.toString(),
                "--driver",
                simulator.resolve("libcuda.so.1").toString(),
                "--cases",
                "2")
            .require(1)
            .output();
    assertTrue(
        output.contains("simulator_add, case 0: element 0 of to is not the same in a second run"),
        output);
    assertTrue(
        output.contains("simulator_endless_spin, case 0: running it: CUDA_ERROR_LAUNCH_FAILED"),
        output);
    assertTrue(
        output.contains("simulator_fill, case 1: changed to, which it is to read only"), output);
    assertTrue(
        output.contains(
            "simulator_out_of_bounds, case 1: wrote 1 bytes past the end of to of 100 elements"),
        output);
    assertTrue(output.endsWith("8 cases, 7 failures\n"), output);
  }

  @Test
  void exactAllocationsWithoutGuardsAreEnough() throws IOException, InterruptedException {
    String driver = simulator.resolve("libcuda.so.1").toString();
    kernelCases("run", "--bare", "--driver", driver, "--seed", "5").require(0);
    assertTrue(
        kernelCases("run", "--driver", driver, "--kernel", "nothing")
            .require(2)
            .output()
            .contains("no cases of a kernel nothing"));
    assertTrue(
        kernelCases("run", "--driver", "nowhere.so").require(1).output().contains("nowhere.so"));
  }
}
