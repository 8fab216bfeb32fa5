package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * What users are told of a machine: what it lacks for CUDA, and the cure. Every case has a process
 * of its own.
 */
class CudaDiscoveryTest {
  private static final String PROGRAM = "dev.sequor.cli.Main";
  private static final String DRIVER = "libcuda.so.1";
  private static final String CUBLAS = "libcublas.so.12";

  private static @Nullable Boolean cublasIsElsewhere;

  @TempDir Path folder;

  private static ChildJvm sequor() {
    return ChildJvm.running(PROGRAM);
  }

  /** What {@code sequor info} says of CUDA. */
  private static String cudaLine(ChildJvm.Result info) {
    assertEquals(0, info.code(), info::toString);
    info.showsNoStackTrace();
    List<String> lines = info.out().lines().toList();
    assertEquals(3, lines.size(), info::toString);
    assertTrue(lines.get(0).startsWith("cuda"), info::toString);
    return lines.get(0);
  }

  private static void assertSays(String part, String line) {
    assertTrue(line.contains(part), () -> "needed '" + part + "' in: " + line);
  }

  @Nested
  class WithoutADriver {
    private static void assumeNone(ChildJvm.Result info) {
      assumeFalse(cudaLine(info).startsWith("cuda  usable"), "this machine has a driver");
    }

    @Test
    void infoNamesTheLibraryAndTheCure() throws IOException, InterruptedException {
      ChildJvm.Result info = sequor().run("info");
      assumeNone(info);
      assertSays(
          "not usable NVIDIA's driver library does not load: libcuda.so.1: cannot open shared object"
              + " file",
          cudaLine(info));
      assertSays("; cure: install NVIDIA's driver", cudaLine(info));
      assertEquals("", info.err());
    }

    @Test
    void theNamedDeviceFailsWithTheSameCauseAndItsExitCode()
        throws IOException, InterruptedException {
      assumeNone(sequor().run("info"));
      Path text = Files.writeString(folder.resolve("text"), "abcd ".repeat(1000));
      ChildJvm.Result result =
          sequor()
              .run(
                  "train",
                  "--device",
                  "cuda:0",
                  "--text",
                  text.toString(),
                  "--out",
                  folder.resolve("out").toString());
      assertEquals(3, result.code(), result::toString);
      assertEquals(1, result.err().lines().count(), result::toString);
      assertSays("device 'cuda:0' is not usable: cuda: NVIDIA's driver library", result.err());
      assertSays("libcuda.so.1: cannot open", result.err());
      result.showsNoStackTrace();
    }

    @Test
    void autoSaysInOneLineWhyCudaWasSkipped() throws IOException, InterruptedException {
      assumeNone(sequor().run("info"));
      ChildJvm.Result result =
          ChildJvm.running(OpenAuto.class.getName())
              .option("-Dorg.slf4j.simpleLogger.defaultLogLevel=info")
              .run();
      assertEquals(0, result.code(), result::toString);
      List<String> lines = result.err().lines().filter(line -> line.contains("cuda")).toList();
      assertEquals(1, lines.size(), result::toString);
      assertSays("; skipped cuda: NVIDIA's driver library does not load", lines.get(0));
      result.showsNoStackTrace();
    }

    /** Whoever has no such device need not hear of CUDA. */
    @Test
    void commandsDoNotSpeakOfCuda() throws IOException, InterruptedException {
      assumeNone(sequor().run("info"));
      assumeFalse(DeviceFiles.present(), "this machine has a device");
      Path text = Files.writeString(folder.resolve("text"), "abcd ".repeat(1000));
      String out = folder.resolve("out").toString();
      ChildJvm.Result result =
          sequor().run("train", "--text", text.toString(), "--out", out, "--steps", "1");
      assertEquals(0, result.code(), result::toString);
      assertFalse(result.err().contains("not using cuda"), result::toString);
    }
  }

  @Test
  void aDeviceShowsByItsFiles() throws IOException {
    assertFalse(DeviceFiles.presentIn(folder));
    Files.createFile(folder.resolve("nvidiactl"));
    assertTrue(DeviceFiles.presentIn(folder));
  }

  /**
   * The folder of the simulated driver and cuBLAS that the tests are run with, or an empty path.
   */
  private static Path simulator() {
    String path = System.getenv("LD_LIBRARY_PATH");
    return Stream.of(path == null ? new String[0] : path.split(File.pathSeparator))
        .map(Path::of)
        .filter(folder -> Files.exists(folder.resolve(DRIVER)))
        .filter(folder -> Files.exists(folder.resolve(CUBLAS)))
        .findFirst()
        .orElse(Path.of(""));
  }

  static boolean isSimulated() {
    return !simulator().toString().isEmpty();
  }

  /** Not tagged "gpu": nothing here depends on what that tag's repeated runs vary. */
  @Nested
  @EnabledIf("dev.sequor.backend.cuda.CudaDiscoveryTest#isSimulated")
  class WithADriver {
    private ChildJvm withBoth() {
      return sequor().environment("LD_LIBRARY_PATH", simulator());
    }

    /** With the driver, and without cuBLAS; skips the test if the loader finds one elsewhere. */
    private ChildJvm withDriverOnly() throws IOException, InterruptedException {
      Path driver = Files.createDirectories(folder.resolve("driver"));
      Files.copy(simulator().resolve(DRIVER), driver.resolve(DRIVER));
      if (cublasIsElsewhere == null) {
        String line = cudaLine(sequor().environment("LD_LIBRARY_PATH", driver).run("info"));
        cublasIsElsewhere = !line.contains("cuBLAS is missing");
      }
      assumeFalse(cublasIsElsewhere, "the loader finds a cuBLAS on this machine");
      return sequor().environment("LD_LIBRARY_PATH", driver);
    }

    @Test
    void infoListsTheDevices() throws IOException, InterruptedException {
      assertSays(
          "usable     cuda:0 Sequor simulator, cuda:1 Sequor simulator, cuda:2 Sequor simulator, cuda:3"
              + " Sequor simulator; all reach each other's memory  <- auto",
          cudaLine(withBoth().run("info")));
    }

    @ParameterizedTest(name = "{0}={1}")
    @CsvSource(
        delimiter = '|',
        value = {
          "DEVICES | 0 | finds no device; cure: see nvidia-smi, and what CUDA_VISIBLE_DEVICES is",
          "DRIVER_VERSION | 11080 | it is for CUDA 11.8, needed 12.0 or newer; cure: update",
          "COMPUTE_CAPABILITY | 7.5 | compute capability 7.5; the kernels need 8.0 or newer",
        })
    void whatDoesNotSufficeIsNamed(String setting, String value, String part)
        throws IOException, InterruptedException {
      String line =
          cudaLine(withBoth().environment("SEQUOR_SIMULATOR_" + setting, value).run("info"));
      assertSays("not usable", line);
      assertSays(part, line);
    }

    @Test
    void aDeviceNumberTooLargeIsAnsweredWithTheDevicesThatThereAre()
        throws IOException, InterruptedException {
      Path text = Files.writeString(folder.resolve("text"), "abcd ".repeat(1000));
      ChildJvm.Result result =
          withBoth()
              .run(
                  "train",
                  "--device",
                  "cuda:7",
                  "--text",
                  text.toString(),
                  "--out",
                  folder.resolve("out").toString());
      assertEquals(3, result.code(), result::toString);
      assertSays(
          "device 'cuda:7' does not exist; this machine has 4 CUDA devices, cuda:0 to cuda:3",
          result.err());
      result.showsNoStackTrace();
    }

    @Test
    void aSettingThatMakesNoSenseIsNamed() throws IOException, InterruptedException {
      assertSays(
          "environment variable SEQUOR_CUDA_MEMORY is 'much'; needed a number of bytes",
          cudaLine(withBoth().environment("SEQUOR_CUDA_MEMORY", "much").run("info")));
    }

    @ParameterizedTest(name = "{0}={1}")
    @CsvSource(
        delimiter = '|',
        value = {
          "DRIVER_VERSION | 12040 | needs a driver for CUDA 13, this one is for 12.4; its PTX is"
              + " compiled when first needed, by JCuda's PTX compiler",
          "COMPUTE_CAPABILITY | 11.0 | no machine code of the kernels for compute capability 11.0;"
              + " its PTX is compiled when first needed, by the driver",
          // The simulator interprets that PTX.
          "KERNELS | ptx | no machine code of the kernels for compute capability 11.0;"
              + " its PTX is compiled when first needed, by the driver",
        })
    void ptxIsCompiledWhereNoMachineCodeFits(String setting, String value, String part)
        throws IOException, InterruptedException {
      ChildJvm.Result info =
          withBoth()
              .environment("SEQUOR_SIMULATOR_" + setting, value)
              .option("-Dorg.slf4j.simpleLogger.defaultLogLevel=info")
              .run("info");
      assertSays("usable     cuda:0", cudaLine(info));
      assertSays(part, info.err());
    }

    @Test
    void withoutCublasTheNamesAndTheLoadersWordsAreTold() throws IOException, InterruptedException {
      String line =
          cudaLine(
              withDriverOnly()
                  .environment("SEQUOR_CUBLAS_PATH", folder.resolve("nowhere"))
                  .run("info"));
      assertSays(
          "cuBLAS is missing: libcublas.so.12 is in none of the folders of "
              + folder.resolve("nowhere"),
          line);
      assertSays("the loader: libcublas.so.12: cannot open shared object file", line);
      assertSays("libcublas.so.13 is in none of the folders of", line);
      assertSays("cure: set SEQUOR_CUBLAS_PATH to the folder of libcublas.so.12 or .13", line);
      assertSays("cuda-redist", line);
    }

    @Test
    void aCublasThatIsNoneIsNamedWithTheLoadersWords() throws IOException, InterruptedException {
      Path file = Files.writeString(folder.resolve(CUBLAS), "not a library");
      assertSays(
          file + " does not load: " + file + ": file too short",
          cudaLine(withDriverOnly().environment("SEQUOR_CUBLAS_PATH", folder).run("info")));
    }

    @ParameterizedTest
    @CsvSource({"''", "lib", "lib64", "nvidia/cublas/lib", "nvidia/cu12/lib"})
    void cublasIsFoundWherePackagesKeepIt(String below) throws IOException, InterruptedException {
      Path place = Files.createDirectories(folder.resolve("site-packages").resolve(below));
      Files.copy(simulator().resolve(CUBLAS), place.resolve(CUBLAS));
      assertSays(
          "usable     cuda:0",
          cudaLine(
              withDriverOnly()
                  .environment(
                      "SEQUOR_CUBLAS_PATH",
                      folder.resolve("nowhere") + ":" + folder.resolve("site-packages"))
                  .run("info")));
    }

    @Test
    void cublasIsFoundInJavacppsPackage() throws IOException, InterruptedException {
      Path jar = folder.resolve("cuda-linux-x86_64-redist.jar");
      try (OutputStream file = Files.newOutputStream(jar);
          JarOutputStream out = new JarOutputStream(file)) {
        out.putNextEntry(new JarEntry("org/bytedeco/cuda/linux-x86_64/" + CUBLAS));
        Files.copy(simulator().resolve(CUBLAS), out);
      }
      assertSays(
          "usable     cuda:0",
          cudaLine(
              withDriverOnly()
                  .classPathBegins(jar)
                  .option("-Dorg.bytedeco.javacpp.cachedir=" + folder.resolve("cache"))
                  .run("info")));
    }

    /** As large and as old as the jar's, so JavaCPP would take it for that. */
    @Test
    void aChangedCublasInTheCacheIsReplacedAndAnOpenCacheClosed()
        throws IOException, InterruptedException {
      Path jar = folder.resolve("cuda-linux-x86_64-redist.jar");
      try (OutputStream file = Files.newOutputStream(jar);
          JarOutputStream out = new JarOutputStream(file)) {
        out.putNextEntry(new JarEntry("org/bytedeco/cuda/linux-x86_64/" + CUBLAS));
        Files.copy(simulator().resolve(CUBLAS), out);
      }
      Path cache = folder.resolve("cache");
      ChildJvm info =
          withDriverOnly().classPathBegins(jar).option("-Dorg.bytedeco.javacpp.cachedir=" + cache);
      assertSays("usable     cuda:0", cudaLine(info.run("info")));
      Path file =
          cache.resolve(jar.getFileName()).resolve("org/bytedeco/cuda/linux-x86_64/" + CUBLAS);
      byte[] shipped = Files.readAllBytes(file);
      FileTime time = Files.getLastModifiedTime(file);
      byte[] changed = shipped.clone();
      changed[changed.length / 2] ^= 1;
      Files.write(file, changed);
      Files.setLastModifiedTime(file, time);
      Files.setPosixFilePermissions(file.getParent(), PosixFilePermissions.fromString("rwxrwxrwx"));

      assertSays("usable     cuda:0", cudaLine(info.run("info")));
      assertArrayEquals(shipped, Files.readAllBytes(file));
      assertEquals(
          "rwxr-xr-x",
          PosixFilePermissions.toString(Files.getPosixFilePermissions(file.getParent())));
    }

    /** JCuda would load whatever lies in the temporary folder under the names of its libraries. */
    @Test
    void whatLiesInTheTemporaryFolderIsNotLoadedAndNothingIsLeftThere()
        throws IOException, InterruptedException {
      Path temporary = Files.createDirectories(folder.resolve("tmp"));
      List<Path> planted =
          List.of(
              temporary.resolve("libJCublas2-12.6.0-linux-x86_64.so"),
              temporary.resolve("libJCudaDriver-12.6.0-linux-x86_64.so"));
      for (Path file : planted) {
        Files.writeString(file, "not a library");
      }
      assertSays(
          "usable     cuda:0",
          cudaLine(withBoth().option("-Djava.io.tmpdir=" + temporary).run("info")));
      try (Stream<Path> files = Files.list(temporary)) {
        assertEquals(planted, files.sorted().toList());
      }
    }
  }
}
