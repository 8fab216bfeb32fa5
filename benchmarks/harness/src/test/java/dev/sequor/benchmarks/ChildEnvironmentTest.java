package dev.sequor.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** No system is timed with a handicap. */
class ChildEnvironmentTest {
  private static final Entrant.Python PYTHON =
      new Entrant.Python(Path.of("python3"), Path.of("scripts"));

  private static final List<String> HANDICAPS =
      List.of(
          "OPENBLAS_CORETYPE",
          "OPENBLAS_L2_SIZE",
          "OPENBLAS_NUM_THREADS",
          "GOTO_NUM_THREADS",
          "OMP_NUM_THREADS",
          "OMP_WAIT_POLICY",
          "KMP_BLOCKTIME",
          "MKL_NUM_THREADS",
          "MKL_ENABLE_INSTRUCTIONS",
          "ATEN_CPU_CAPABILITY",
          "ONEDNN_MAX_CPU_ISA",
          "DNNL_DEFAULT_FPMATH_MODE",
          "MALLOC_ARENA_MAX",
          "MALLOC_PERTURB_",
          "GLIBC_TUNABLES",
          "SEQUOR_CPU_ISA",
          "SEQUOR_CPU_MATH",
          "JAVA_TOOL_OPTIONS",
          "_JAVA_OPTIONS");

  private static Map<String, String> crippled() {
    Map<String, String> environment =
        new HashMap<>(Map.of("PATH", "/bin", "HOME", "/home/a", "OMPI_PATH", "/x"));
    HANDICAPS.forEach(name -> environment.put(name, "crippled"));
    return environment;
  }

  @Test
  void everyChildGetsWhatIsMeantForItAndNoHandicap() {
    for (Entrant entrant : Entrant.all(2, "peers", "dl4j", PYTHON)) {
      Map<String, String> expected = new HashMap<>(ChildEnvironment.GIVEN);
      expected.putAll(Map.of("PATH", "/bin", "HOME", "/home/a", "OMPI_PATH", "/x"));
      expected.putAll(entrant.allocator().environment());
      expected.putAll(entrant.environment());
      assertEquals(expected, new HashMap<>(ChildEnvironment.of(crippled(), entrant)));
    }
  }

  @Test
  void whatIsWithheldIsReported() {
    assertEquals(HANDICAPS.stream().sorted().toList(), ChildEnvironment.withheld(crippled()));
  }

  @Test
  void theKernelsOfOpenBlasAreRead(@TempDir Path folder) throws IOException {
    Path log = Files.writeString(folder.resolve("log"), "Core: Haswell\nother\n");
    long before = Files.size(log);
    assertEquals("", ChildProcess.openBlasKernels(log, before));
    Files.writeString(log, Files.readString(log) + "warning\nCore: SkylakeX\n");
    assertEquals(", OpenBLAS kernels for SkylakeX", ChildProcess.openBlasKernels(log, before));
  }

  @Test
  void openBlasIsAskedForItsKernels() {
    assertEquals("2", ChildEnvironment.GIVEN.get("OPENBLAS_VERBOSE"));
    assertNull(ChildEnvironment.GIVEN.get("OPENBLAS_CORETYPE"));
  }

  @Test
  void eachSystemTriesTheAllocatorAsItComesAndKeepingItsPages() {
    List<Entrant> all = Entrant.all(2, "peers", "dl4j", PYTHON);
    for (Entrant entrant : all) {
      for (Allocator allocator : Allocator.values()) {
        assertTrue(
            all.stream()
                .anyMatch(
                    other ->
                        other.system().equals(entrant.system())
                            && other.setting().equals(entrant.setting())
                            && other.allocator() == allocator),
            entrant + " with its allocator " + allocator);
      }
    }
  }

  @Test
  void eachSystemStartsOnceBeforeAnyStartsTwice() {
    List<Entrant> all = Entrant.all(2, "peers", "dl4j", PYTHON);
    List<String> order = CpuPeers.oneOfEachFirst(all).stream().map(Entrant::system).toList();
    List<String> systems = all.stream().map(Entrant::system).distinct().toList();
    assertEquals(all.size(), order.size());
    assertEquals(systems, order.subList(0, systems.size()));
  }
}
