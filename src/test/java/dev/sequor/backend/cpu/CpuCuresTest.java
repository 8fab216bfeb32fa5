package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What is named as the cure is one for the cause that was met. */
class CpuCuresTest {
  private static final String SETTING = "sequor.cpu.isa";

  @AfterEach
  void forget() {
    System.clearProperty(SETTING);
  }

  @Test
  void whatTheEngineThrowsNamesItsCure() {
    assertEquals(
        "correct that setting", CpuBackendProvider.cure(new IllegalArgumentException("bad")));
    assertTrue(
        CpuBackendProvider.cure(new UnsatisfiedLinkError("'long sequor_new(int)'"))
            .startsWith("build Sequor anew"));
    BackendException noStart = new BackendException("cpu (AVX2, 9 threads): it does not start");
    assertTrue(CpuBackendProvider.cure(noStart).startsWith("set SEQUOR_THREADS to fewer"));
    System.setProperty(SETTING, "AVX-1024");
    assertTrue(CpuBackendProvider.cure(noStart).startsWith("set SEQUOR_CPU_ISA"));
  }
}
