package dev.sequor.backend.cpu;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendProvider;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.ProbeStep;
import dev.sequor.backend.host.HostSettings;
import org.jspecify.annotations.Nullable;

/**
 * The native CPU engine. {@code sequor.threads} (system property) or {@code SEQUOR_THREADS}
 * (environment) sets the number of threads, {@code sequor.cpu.isa} or {@code SEQUOR_CPU_ISA} the
 * instruction set: AVX-512, AVX2 or baseline.
 */
public final class CpuBackendProvider implements BackendProvider {
  private @Nullable Availability availability;

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int priority() {
    return 20;
  }

  @Override
  public synchronized Availability probe() {
    if (availability == null) {
      availability = tryLayer();
    }
    return availability;
  }

  private static Availability tryLayer() {
    try {
      NativeEngine.load();
    } catch (Throwable e) { // linkage errors among others: whatever it is, it is the answer
      return Availability.unusable(
          "the native engine is not in this build or does not load: " + firstLine(e),
          "build with g++ on the PATH, on linux-x86_64",
          e);
    }
    try (Backend backend = openBackend()) {
      float got = ProbeStep.run(backend);
      double expected = ProbeStep.expected();
      if (!(Math.abs(got - expected) < 1e-6)) {
        return Availability.unusable(
            "the native engine computes " + got + " where " + expected + " is right",
            "report this processor: " + backend.name(),
            null);
      }
      return Availability.usable(backend.name());
    } catch (Throwable e) {
      return Availability.unusable(
          "the native engine fails: " + firstLine(e),
          "correct sequor.threads and sequor.cpu.isa if they are set, else report this processor",
          e);
    }
  }

  private static String firstLine(Throwable e) {
    String text = String.valueOf(e.getMessage() == null ? e : e.getMessage());
    return text.lines().findFirst().orElse("");
  }

  @Override
  public Backend open(int ordinal) {
    if (ordinal != 0) {
      throw new BackendUnavailableException(
          "device 'cpu:" + ordinal + "' does not exist; the CPU is one device, cpu");
    }
    return openBackend();
  }

  private static Backend openBackend() {
    String set = HostSettings.value("sequor.cpu.isa");
    return new Backend(
        new CpuEngine(
            set == null ? NativeEngine.sequor_best_instruction_set() : set,
            HostSettings.threads(),
            HostSettings.sharesEverything()));
  }
}
