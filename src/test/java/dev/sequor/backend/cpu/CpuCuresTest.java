package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendSettings;
import org.junit.jupiter.api.Test;

/** What is named as the cure is one for the cause that was met. */
class CpuCuresTest {
  private static String cure(Throwable e) {
    return CpuBackendProvider.cure(e, BackendSettings.defaults());
  }

  @Test
  void whatTheEngineThrowsNamesItsCure() {
    assertEquals("correct that setting", cure(new IllegalArgumentException("bad")));
    assertTrue(
        cure(new UnsatisfiedLinkError("'long sequor_new(int)'")).startsWith("build Sequor anew"));
    BackendException noStart = new BackendException("cpu (AVX2, 9 threads): it does not start");
    assertTrue(cure(noStart).startsWith("set SEQUOR_THREADS to fewer"));
    BackendSettings settings = BackendSettings.builder().instructionSet("AVX-512").build();
    assertTrue(CpuBackendProvider.cure(noStart, settings).startsWith("set SEQUOR_CPU_ISA"));
  }
}
