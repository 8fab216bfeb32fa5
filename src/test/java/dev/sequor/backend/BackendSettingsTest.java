package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Backends of one process may be set differently; what is not set is as the process is set. */
class BackendSettingsTest {
  private static final String THREADS = "sequor.threads";

  @AfterEach
  void forget() {
    System.clearProperty(THREADS);
  }

  private static BackendSettings threads(int threads) {
    return BackendSettings.builder().threads(threads).build();
  }

  private static void assumeUsable(String device) {
    assumeTrue(
        Devices.survey().stream()
            .anyMatch(status -> status.name().equals(device) && status.availability().usable()),
        device + " does not work here");
  }

  private static void assertRefused(String message, Executable work) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, work).getMessage());
  }

  @Test
  void whatMakesNoSenseIsRefusedAtOnceWithSettingValueAndNeed() {
    BackendSettings.Builder builder = BackendSettings.builder();
    assertRefused("threads is 0; needed a whole number from 1 to 1024", () -> builder.threads(0));
    assertRefused(
        "threads is 1025; needed a whole number from 1 to 1024", () -> builder.threads(1025));
    assertRefused(
        "instructionSet is 'SSE2'; needed one of AVX-512, AVX2, baseline",
        () -> builder.instructionSet("SSE2"));
    assertRefused(
        "mathMode is 'fp8'; needed one of fp32, tf32, bf16, fp16", () -> builder.mathMode("fp8"));
    assertRefused(
        "cudaMemory is '101%'; needed a number of bytes such as 8g or 512m, or a part of the free"
            + " memory such as 80%",
        () -> builder.cudaMemory("101%"));
    assertEquals(BackendSettings.defaults(), builder.build(), "nothing refused is kept");
  }

  @Test
  void settingsAreValues() {
    BackendSettings one = BackendSettings.builder().mathMode("BF16").cudaCache(false).build();
    BackendSettings same = BackendSettings.builder().cudaCache(false).mathMode("bf16").build();
    assertEquals(one, same);
    assertEquals(one.hashCode(), same.hashCode());
    assertNotEquals(one, threads(1));
    assertEquals("bf16", one.mathMode());
    assertFalse(one.cudaCache());
    assertTrue(one.toString().contains("mathMode=bf16"), one.toString());
  }

  @ParameterizedTest
  @ValueSource(strings = {"cpu", "java"})
  void twoHostBackendsHaveTheirOwnThreads(String device) {
    assumeUsable(device);
    try (Backend one = Devices.open(device, threads(1));
        Backend two = Devices.open(device, threads(2))) {
      assertTrue(one.name().contains("1 thread)"), one.name());
      assertTrue(two.name().contains("2 threads)"), two.name());
      for (int seed = 0; seed < 6; seed++) {
        assertEquals("", run(one, seed).difference(run(two, seed)));
      }
    }
  }

  private static RandomWork.Outcome run(Backend backend, int seed) {
    return RandomWork.run(backend, seed, RandomWork.FLOAT32_ONLY, () -> {});
  }

  @Test
  void anInstructionSetIsOneBackends() {
    assumeUsable("cpu");
    BackendSettings plain = BackendSettings.builder().instructionSet("baseline").build();
    try (Backend backend = Devices.open("cpu", plain)) {
      assertTrue(backend.name().contains("(baseline, "), backend.name());
    }
  }

  @Test
  void theProcessSetsWhatABackendsSettingsDoNot() {
    System.setProperty(THREADS, "3");
    try (Backend asTheProcess = Devices.open("java", BackendSettings.defaults());
        Backend ownThreads = Devices.open("java", threads(2))) {
      assertTrue(asTheProcess.name().contains("3 threads"), asTheProcess.name());
      assertTrue(ownThreads.name().contains("2 threads"), ownThreads.name());
    }
  }

  @Test
  void aBadSettingOfTheProcessHarmsOnlyThoseWhoUseIt() {
    System.setProperty(THREADS, "many");
    assertRefused(
        "system property sequor.threads is 'many'; needed a whole number from 1 to 1024",
        () -> Devices.open("java").close());
    try (Backend backend = Devices.open("java", threads(2))) {
      assertTrue(backend.name().contains("2 threads"), backend.name());
    }
    System.clearProperty(THREADS);
    Devices.open("java").close(); // the failure was not kept
  }

  @Test
  void theBestDeviceIsOpenedWithTheSettings() {
    BackendSettings settings = BackendSettings.builder().threads(2).mathMode("bf16").build();
    try (Backend backend = Devices.auto(settings);
        Backend named = Devices.open("auto", settings)) {
      assertEquals(backend.name(), named.name());
      boolean asSet = backend.name().contains("2 threads") || backend.name().contains("bf16");
      assertTrue(asSet, backend.name());
    }
  }

  @Tag("gpu")
  @Test
  void twoMathModesWorkBesideEachOther() {
    assumeUsable("cuda");
    BackendSettings halves = BackendSettings.builder().mathMode("bf16").cudaMemory("256m").build();
    BackendSettings exact = BackendSettings.builder().mathMode("fp32").cudaCache(false).build();
    try (Backend bf16 = Devices.open("cuda", halves);
        Backend fp32 = Devices.open("cuda", exact);
        Backend alone = Devices.open("cuda")) {
      assertTrue(bf16.name().endsWith("(bf16)"), bf16.name());
      assertFalse(fp32.name().contains("bf16"), fp32.name());
      int differing = 0;
      for (int seed = 0; seed < 6; seed++) {
        RandomWork.Outcome expected = run(alone, seed);
        RandomWork.Outcome rounded = run(bf16, seed);
        assertEquals("", expected.difference(run(fp32, seed)));
        differing += expected.difference(rounded).isEmpty() ? 0 : 1;
      }
      assertTrue(differing > 0, "bf16 gave the bits of fp32 six times");
    }
  }
}
