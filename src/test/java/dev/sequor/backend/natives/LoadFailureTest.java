package dev.sequor.backend.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.natives.LoadFailure.Origin;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The cure fits what the loader says, and where the library comes from. */
class LoadFailureTest {
  private static final String FILE = "/tmp/.sequor-1/libjniNativeEngine.so";

  /** Words of glibc 2.36, musl 1.2 and OpenJDK 17 and 25. */
  @ParameterizedTest(name = "{0}")
  @CsvSource(
      delimiter = '|',
      value = {
        "failed to map segment from shared object | noexec or a security policy",
        "cannot apply additional memory protection after relocation: Permission denied | security policy",
        "cannot open shared object file: Permission denied | security policy",
        "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.34' not found (required by {}) |"
            + " what is there needs GLIBC_2.34",
        "/lib/libstdc++.so.6: version `GLIBCXX_3.4.30' not found (required by {}) |"
            + " install a libstdc++ that has GLIBCXX_3.4.30",
        "libstdc++.so.6: cannot open shared object file: No such file or directory |"
            + " install the C++ library",
        "libgomp.so.1: cannot open shared object file: No such file or directory |"
            + " install libgomp.so.1, or add its folder to LD_LIBRARY_PATH",
        "Error relocating {}: __memcpy_chk: symbol not found | use a Linux with glibc",
        "Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by {}) |"
            + " use a Linux with glibc",
        "wrong ELF class: ELFCLASS64 (Possible cause: architecture word width mismatch) |"
            + " use a 64-bit Java",
        "{} (Possible cause: can't load AMD 64 .so on a AARCH64 platform) | Java for x86-64",
        "failed to map segment from shared object: Cannot allocate memory | more memory",
        "cannot allocate memory in static TLS block | more memory",
        "undefined symbol: sequor_free | build Sequor anew",
        "file too short | build Sequor anew",
        "something that no loader has said so far | report these words",
      })
  void theLoadersWordsNameTheirCure(String words, String cure) {
    UnsatisfiedLinkError error = new UnsatisfiedLinkError(FILE + ": " + words.replace("{}", FILE));
    LibraryUnavailableException explained = LoadFailure.explain("the engine", Origin.BUILT, error);
    assertTrue(explained.cure().contains(cure), explained.cure());
    assertTrue(
        String.valueOf(explained.getMessage()).startsWith("the engine does not load: " + FILE),
        explained.getMessage());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "from an unnamed module (file:/x.jar) | start Java with --enable-native-access=ALL-UNNAMED",
        "from module dev.sequor | start Java with --enable-native-access=dev.sequor",
      })
  void whatJavaForbidsIsAllowedByItsOption(String whose, String cure) {
    Throwable refusal = new IllegalCallerException("Illegal native access " + whose);
    assertEquals(cure, LoadFailure.explain("it", Origin.BUILT, refusal).cure());
    // As an initialiser of JCuda's classes wraps it.
    Throwable wrapped = new ExceptionInInitializerError(refusal);
    assertEquals(cure, LoadFailure.explain("it", Origin.BUILT, wrapped).cure());
  }

  @Test
  void aMissingClassIsNamed() {
    assertEquals(
        "have the jar with jcuda/driver/JCudaDriver on the class path",
        LoadFailure.explain(
                "it", Origin.BUILT, new NoClassDefFoundError("jcuda/driver/JCudaDriver"))
            .cure());
  }

  /** Who did not build a library cannot build it anew, and what was not unpacked has no folder. */
  @Test
  void whatOthersHaveBuiltIsNotToBeBuiltAnew() {
    Origin jar = Origin.unpacked("jcuda-natives.jar");
    Origin system = Origin.installed("cuBLAS");
    String tooOld = "version `GLIBC_2.99' not found (required by " + FILE + ")";
    for (Origin origin : List.of(jar, system, Origin.PACKED)) {
      for (String words : List.of(tooOld, "file too short", "failed to map segment from it")) {
        assertFalse(LoadFailure.cure(words, origin).contains("build"), words);
      }
    }
    assertTrue(LoadFailure.cure("file too short", jar).contains("jcuda-natives.jar"));
    assertTrue(LoadFailure.cure("file too short", system).equals("install cuBLAS anew"));
    String noexec = LoadFailure.cure("failed to map segment from it", system);
    assertFalse(noexec.contains("UNPACK"), noexec);
  }
}
