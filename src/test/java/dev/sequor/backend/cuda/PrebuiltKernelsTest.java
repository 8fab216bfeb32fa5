package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The compiled kernels that are committed are those of the sources beside them. */
class PrebuiltKernelsTest {
  private static final Path PREBUILT = Path.of("kernels/prebuilt");
  private static final String CURE = "; run ci/build-kernels and commit kernels/prebuilt";

  private static String sha256(Path file) throws IOException {
    try {
      return HexFormat.of()
          .formatHex(MessageDigest.getInstance("SHA-256").digest(Files.readAllBytes(file)));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private static void add(Map<String, String> hashes, Path folder, String... endings)
      throws IOException {
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(Files::isRegularFile).toList()) {
        if (Stream.of(endings).anyMatch(file.toString()::endsWith)) {
          hashes.put(file.toString(), sha256(file));
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"kernels, ci/build-kernels", "native/deviceconstants, ci/build-constants-kernels"})
  void noSourceHasChangedSinceTheyWereCompiled(Path folder, String script) throws IOException {
    Map<String, String> expected = new TreeMap<>();
    for (String line : Files.readAllLines(folder.resolve("prebuilt/SOURCES.sha256"))) {
      String[] parts = line.split("  ", 2);
      expected.put(parts[1], parts[0]);
    }
    Map<String, String> actual = new TreeMap<>();
    for (String file : expected.keySet()) {
      actual.put(file, Files.exists(Path.of(file)) ? sha256(Path.of(file)) : "missing");
    }
    // New headers come in only by a change of these.
    add(actual, folder, ".cu", ".fatbin", ".ptx", ".properties");
    TreeSet<String> stale = new TreeSet<>(expected.keySet());
    stale.addAll(actual.keySet());
    stale.removeIf(file -> String.valueOf(expected.get(file)).equals(actual.get(file)));
    assertTrue(
        stale.isEmpty(),
        () ->
            "compiled kernels do not belong to these files: "
                + stale
                + "; run "
                + script
                + " and commit "
                + folder
                + "/prebuilt");
  }

  @Test
  void everyRegisteredKernelIsInTheCatalog() throws IOException {
    KernelCatalog catalog = KernelCatalog.read();
    assertEquals(List.of("80", "90a", "100", "120"), catalog.targets());
    for (String file : new TreeSet<>(catalog.files().values())) {
      String ptx = catalog.ptx(file);
      catalog
          .files()
          .forEach(
              (kernel, itsFile) ->
                  assertEquals(
                      itsFile.equals(file), ptx.contains(".entry " + kernel + "("), kernel));
      assertTrue(Files.exists(Path.of("kernels", file + ".cu")));
      assertTrue(catalog.machineCode(file).length > 0);
    }
  }

  /** JCuda's compiler is that of CUDA 12.0, so this also shows that drivers of that age read it. */
  @ParameterizedTest
  @ValueSource(ints = {80, 90})
  void thePtxCompilesWithJcudasCompiler(int computeCapability) throws IOException {
    String constants = Files.readString(Path.of("native/deviceconstants/prebuilt/constants.ptx"));
    assertTrue(PtxCompiler.compile("constants", constants, computeCapability).length > 0);
    KernelCatalog catalog = KernelCatalog.read();
    for (String file : new TreeSet<>(catalog.files().values())) {
      byte[] code = PtxCompiler.compile(file, catalog.ptx(file), computeCapability);
      String text = new String(code, StandardCharsets.ISO_8859_1);
      assertTrue(text.startsWith("\u007fELF"), file);
      catalog
          .files()
          .forEach(
              (kernel, itsFile) ->
                  assertEquals(itsFile.equals(file), text.contains(".text." + kernel + "\0")));
    }
  }

  /** Where nvcc is: compiles once more; register spills fail that. */
  @Test
  void compilingOnceMoreGivesTheSameKernels(@TempDir Path folder)
      throws IOException, InterruptedException {
    String nvcc = System.getenv().getOrDefault("NVCC", "nvcc");
    assumeTrue(
        Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(path -> Files.isExecutable(Path.of(path).resolve(nvcc))),
        "no " + nvcc + " on the PATH");
    Path log = folder.resolve("log");
    Process build =
        new ProcessBuilder("ci/build-kernels", folder.resolve("out").toString())
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertEquals(0, build.waitFor(), () -> read(log));
    Properties committed = properties(PREBUILT);
    Properties built = properties(folder.resolve("out"));
    boolean sameCompiler = committed.getProperty("nvcc").equals(built.getProperty("nvcc"));
    committed.remove("nvcc");
    built.remove("nvcc");
    assertEquals(committed, built, CURE);
    if (sameCompiler) { // nvcc writes the same bits each time
      try (Stream<Path> files = Files.list(folder.resolve("out"))) {
        for (Path file : files.toList()) {
          assertArrayEquals(
              Files.readAllBytes(PREBUILT.resolve(String.valueOf(file.getFileName()))),
              Files.readAllBytes(file),
              file.getFileName() + CURE);
        }
      }
    }
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return e.toString();
    }
  }

  private static Properties properties(Path folder) throws IOException {
    Properties properties = new Properties();
    try (var in = Files.newInputStream(folder.resolve("kernels.properties"))) {
      properties.load(in);
    }
    assertFalse(properties.isEmpty());
    return properties;
  }

  @Test
  void machineCodeIsUsedOnlyWhereItRuns() {
    KernelCatalog catalog =
        new KernelCatalog(13, List.of("80", "90a", "100", "120"), Map.of(), Map.of());
    for (int fits : new int[] {80, 86, 87, 89, 90, 100, 103, 120, 121}) {
      assertTrue(catalog.fits(fits), "" + fits);
    }
    for (int misfit : new int[] {75, 91, 110, 130}) {
      assertFalse(catalog.fits(misfit), "" + misfit);
    }
    assertFalse(new KernelCatalog(13, List.of("86"), Map.of(), Map.of()).fits(80));
  }
}
