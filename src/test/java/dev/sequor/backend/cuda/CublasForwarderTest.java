package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.module.ModuleDescriptor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** JCublas2 12.6 on a machine that has only a {@code libcublas.so.13}, which is a fake here. */
@EnabledIf("forwarderIsBuilt")
class CublasForwarderTest {
  private static final String PROGRAM = CublasCalls.class.getName();

  @TempDir Path folder;

  static boolean forwarderIsBuilt() {
    return CublasLibrary.class.getResource("linux-x86_64/libcublas12.so") != null;
  }

  private static void compile(Path library, String... options)
      throws IOException, InterruptedException {
    compileSource("fake_cublas13.cpp", library, options);
  }

  private static void compileSource(String source, Path library, String... options)
      throws IOException, InterruptedException {
    Files.createDirectories(library.getParent());
    List<String> command =
        new ArrayList<>(
            List.of(
                "g++",
                "-shared",
                "-fPIC",
                "-Wl,-soname," + library.getFileName(),
                "src/test/native/" + source,
                "-o",
                library.toString()));
    command.addAll(List.of(options));
    assertEquals(0, new ProcessBuilder(command).inheritIO().start().waitFor());
  }

  @Test
  void everyFunctionArrivesWithAllItsArguments() throws IOException, InterruptedException {
    // As Python's packages of CUDA 13 lay it out.
    compile(folder.resolve("nvidia/cu13/lib/libcublas.so.13"));
    ChildJvm.Result result =
        ChildJvm.running(PROGRAM).environment("SEQUOR_CUBLAS_PATH", folder).run();
    assertEquals(0, result.code(), result::toString);
    List<String> calls = result.out().lines().filter(line -> line.startsWith("cublas")).toList();
    assertEquals(
        List.of(
            "cublasCreate_v2",
            "cublasGetVersion_v2 0x1234",
            "cublasSetStream_v2 0x1234 (nil)",
            "cublasGetStream_v2 0x1234",
            "cublasSetWorkspace_v2 0x1234 0x100 8589934592",
            "cublasSetPointerMode_v2 0x1234 1",
            "cublasGetPointerMode_v2 0x1234",
            "cublasSetMathMode 0x1234 5",
            "cublasGetMathMode 0x1234",
            "cublasGemmEx 0x1234 0 1 2 3 4 2.5 0xa00 5 6 0xb00 7 8 -1 0xc00 9 10 68 -1",
            "cublasGemmStridedBatchedEx 0x1234 1 0 2 3 4 2.5 0xa00 5 6 1099511627776"
                + " 0xb00 7 8 2199023255552 -1 0xc00 9 10 3298534883328 11 68 -1",
            "cublasSgemm_v2 0x1234 1 1 2 3 4 2.5 0xa00 5 0xb00 6 -1 0xc00 7",
            "cublasDestroy_v2 0x1234"),
        calls);
    result.says("java saw version 130000, pointer mode 1, math mode 3, status 15");
  }

  @Test
  void whatTheLoaderFindsServesToo() throws IOException, InterruptedException {
    compile(folder.resolve("libcublas.so.13"));
    ChildJvm.running(PROGRAM)
        .environment("LD_LIBRARY_PATH", folder)
        .run()
        .says("cublasDestroy_v2 0x1234");
  }

  @Test
  void packagesOfTheActivePythonServeToo() throws IOException, InterruptedException {
    Path packages = folder.resolve("lib/python3.12/site-packages");
    compile(packages.resolve("nvidia/cu13/lib/libcublas.so.13"));
    ChildJvm.running(PROGRAM)
        .environment("VIRTUAL_ENV", folder)
        .run()
        .says("cublasDestroy_v2 0x1234");
  }

  @Test
  void aLibraryThatLacksAFunctionIsRefusedByItsName() throws IOException, InterruptedException {
    Path library = folder.resolve("libcublas.so.13");
    compile(library, "-DWITHOUT_GEMM");
    ChildJvm.Result result =
        ChildJvm.running(PROGRAM).environment("SEQUOR_CUBLAS_PATH", folder).run();
    assertEquals(1, result.code(), result::toString);
    result.says(
        "cuBLAS is missing: ", library + " does not load: " + library + " has no cublasGemmEx");
  }

  @Test
  void aGoodLibraryBehindABadOneIsFound() throws IOException, InterruptedException {
    compile(folder.resolve("bad/libcublas.so.13"), "-DWITHOUT_GEMM");
    compile(folder.resolve("good/libcublas.so.13"));
    ChildJvm.Result result =
        ChildJvm.running(PROGRAM)
            .environment("SEQUOR_CUBLAS_PATH", folder.resolve("bad") + ":" + folder.resolve("good"))
            .run();
    assertEquals(0, result.code(), result::toString);
    assertTrue(result.out().contains("cublasGemmEx"), result::toString);
  }

  /** Python's packages say nowhere in the library itself that its neighbour lies beside it. */
  @Test
  void theLibraryThatCublasNeedsIsFoundBesideIt() throws IOException, InterruptedException {
    compile(folder.resolve("libcublasLt.so.13"));
    compile(
        folder.resolve("libcublas.so.13"),
        "-Wl,--no-as-needed",
        folder.resolve("libcublasLt.so.13").toString());
    ChildJvm.Result result =
        ChildJvm.running(PROGRAM).environment("SEQUOR_CUBLAS_PATH", folder).run();
    assertEquals(0, result.code(), result::toString);
    result.says("cublasDestroy_v2 0x1234");
  }

  /** Such as PyTorch for CUDA 12 in the same process. */
  @Test
  void anotherLibraryThatNeedsCublas12IsGivenItsOwn() throws IOException, InterruptedException {
    compile(folder.resolve("thirteen/libcublas.so.13"));
    Path twelve = folder.resolve("twelve/libcublas.so.12");
    compileSource("fake_cublas12.cpp", twelve);
    Path other = folder.resolve("other.so");
    compileSource(
        "needs_cublas12.cpp", other, twelve.toString(), "-Wl,-rpath," + twelve.getParent());
    ChildJvm.Result result =
        ChildJvm.running(PROGRAM)
            .environment("SEQUOR_CUBLAS_PATH", folder.resolve("thirteen"))
            .run(other.toString());
    assertEquals(0, result.code(), result::toString);
    result.says("the other library sees version 120000 and 12", "java saw version 130000");
  }

  /** What RHEL 8 and all that is newer have. */
  @Test
  void nothingNewerThanGlibc228IsNeeded() throws IOException, InterruptedException {
    Path library = Path.of("target/classes/dev/sequor/backend/cuda/linux-x86_64/libcublas12.so");
    Process objdump = new ProcessBuilder("objdump", "-T", library.toString()).start();
    String symbols = new String(objdump.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, objdump.waitFor());
    List<String> versions =
        Pattern.compile("GLIBC_([0-9.]+)")
            .matcher(symbols)
            .results()
            .map(found -> found.group(1))
            .distinct()
            .toList();
    assertTrue(versions.contains("2.2.5"), versions::toString);
    for (String version : versions) {
      ModuleDescriptor.Version needed = ModuleDescriptor.Version.parse(version);
      assertTrue(needed.compareTo(ModuleDescriptor.Version.parse("2.28")) <= 0, version);
    }
    assertTrue(symbols.contains("libdeblas.so.12"), "its versions have its own name");
  }
}
