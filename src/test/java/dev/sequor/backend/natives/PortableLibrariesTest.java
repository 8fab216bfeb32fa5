package dev.sequor.backend.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The libraries that are shipped run on systems older than the one that they were built on. */
@EnabledIf("dev.sequor.backend.cpu.NativeBuild#present")
class PortableLibrariesTest {
  private static final Path CLASSES = Path.of("target/classes");

  /** The newest versions that Debian 10 and RHEL 8 have: glibc 2.28, and libstdc++ of GCC 8. */
  private static final Map<String, List<Integer>> NEWEST =
      Map.of(
          "GLIBC", List.of(2, 28),
          "GLIBCXX", List.of(3, 4, 25),
          "CXXABI", List.of(1, 3, 11),
          "GCC", List.of(8, 0, 0));

  private static final Set<String> NEEDED =
      Set.of(
          "ld-linux-x86-64.so.2",
          "libc.so.6",
          "libdl.so.2",
          "libgcc_s.so.1",
          "libm.so.6",
          "libpthread.so.0",
          "libstdc++.so.6");

  static Stream<Path> libraries() throws IOException {
    try (Stream<Path> all = Files.walk(CLASSES)) {
      List<Path> found = all.filter(each -> each.toString().endsWith(".so")).sorted().toList();
      assertFalse(found.isEmpty(), "no library was built");
      return found.stream();
    }
  }

  @ParameterizedTest
  @MethodSource("libraries")
  void symbolsAreOfOldVersions(Path library) throws Exception {
    Matcher version =
        Pattern.compile("\\b(GLIBC|GLIBCXX|CXXABI|GCC)_(\\d+(?:\\.\\d+)*)\\b")
            .matcher(readelf("--version-info", library));
    Set<String> tooNew = new TreeSet<>();
    Set<String> families = new HashSet<>();
    while (version.find()) {
      families.add(version.group(1));
      List<Integer> numbers =
          Stream.of(version.group(2).split("\\.", -1)).map(Integer::valueOf).toList();
      if (compare(numbers, NEWEST.getOrDefault(version.group(1), List.of())) > 0) {
        tooNew.add(version.group());
      }
    }
    assertTrue(families.contains("GLIBC"), families::toString);
    assertEquals(
        Set.of(),
        tooNew,
        "see objdump -T " + library + " | grep VERSION, and add the function to native/glibc.h");
  }

  private static int compare(List<Integer> version, List<Integer> other) {
    for (int i = 0; i < Math.min(version.size(), other.size()); i++) {
      if (!version.get(i).equals(other.get(i))) {
        return version.get(i) - other.get(i);
      }
    }
    return version.size() - other.size();
  }

  @ParameterizedTest
  @MethodSource("libraries")
  void otherLibrariesAreLookedForWhereTheSystemHasThem(Path library) throws Exception {
    String dynamic = readelf("--dynamic", library);
    assertFalse(dynamic.contains("RUNPATH") || dynamic.contains("RPATH"), dynamic);
    Set<String> needed =
        Pattern.compile("\\(NEEDED\\).*\\[(.*)\\]")
            .matcher(dynamic)
            .results()
            .map(each -> each.group(1))
            .collect(Collectors.toCollection(TreeSet::new));
    assertFalse(needed.isEmpty(), dynamic);
    needed.removeAll(NEEDED);
    assertEquals(Set.of(), needed);
  }

  /** Where glibc before 2.34 has what is in libc.so.6 since. */
  private static final Map<String, String> FORMER_HOMES =
      Map.of(
          "dlopen", "libdl.so.2",
          "dlsym", "libdl.so.2",
          "dlclose", "libdl.so.2",
          "dlerror", "libdl.so.2",
          "dladdr", "libdl.so.2",
          "pthread_create", "libpthread.so.0",
          "pthread_join", "libpthread.so.0",
          "pthread_once", "libpthread.so.0",
          "pthread_setname_np", "libpthread.so.0");

  /** A version that libc.so.6 is asked for is looked for nowhere else. */
  @ParameterizedTest
  @MethodSource("libraries")
  void whatHasMovedIsLookedForInItsFormerPlace(Path library) throws Exception {
    Map<String, String> fileOfVersion = new HashMap<>();
    String file = "";
    for (String line : readelf("--version-info", library).lines().toList()) {
      Matcher of = Pattern.compile("File: (\\S+)").matcher(line);
      Matcher version = Pattern.compile("Flags: .*Version: (\\d+)").matcher(line);
      if (of.find()) {
        file = of.group(1);
      } else if (version.find()) {
        fileOfVersion.put(version.group(1), file);
      }
    }
    int checked = 0;
    Matcher symbol =
        Pattern.compile("UND (\\w+)@\\S+ \\((\\d+)\\)").matcher(readelf("--dyn-syms", library));
    while (symbol.find()) {
      String home = FORMER_HOMES.get(symbol.group(1));
      assertTrue(
          home != null || !symbol.group(1).matches("dl(?!_iterate_phdr).*"),
          () -> library + " uses " + symbol.group(1) + "; where was it before glibc 2.34?");
      if (home != null) {
        assertEquals(home, fileOfVersion.get(symbol.group(2)), symbol.group(1) + " of " + library);
        checked++;
      }
    }
    assertTrue(checked > 0 || !library.toString().contains("cublas12"), "no symbol was read");
  }

  @ParameterizedTest
  @MethodSource("libraries")
  void noFolderOfTheBuildIsInside(Path library) throws Exception {
    String code = Files.readString(library, StandardCharsets.ISO_8859_1);
    for (String folder :
        List.of(Path.of("").toAbsolutePath().toString(), System.getProperty("java.home"))) {
      assertFalse(code.contains(folder), () -> library + " holds the path " + folder);
    }
  }

  private static String readelf(String option, Path library) throws Exception {
    Process process;
    try {
      process =
          new ProcessBuilder("readelf", "--wide", option, library.toString())
              .redirectError(ProcessBuilder.Redirect.INHERIT)
              .start();
    } catch (IOException e) {
      assumeTrue(false, "there is no readelf: " + e.getMessage());
      throw e;
    }
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertTrue(process.waitFor(1, TimeUnit.MINUTES));
    assertEquals(0, process.exitValue(), out);
    return out;
  }
}
