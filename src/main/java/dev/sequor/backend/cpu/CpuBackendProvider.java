package dev.sequor.backend.cpu;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendProvider;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.HostSettings;
import dev.sequor.backend.UsableProbes;
import dev.sequor.backend.host.ProbeStep;
import dev.sequor.backend.natives.LibraryUnavailableException;
import java.util.concurrent.atomic.AtomicBoolean;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The native CPU engine. {@code sequor.threads} (system property) or {@code SEQUOR_THREADS}
 * (environment) sets the number of threads, {@code sequor.cpu.isa} or {@code SEQUOR_CPU_ISA} the
 * instruction set: AVX-512, AVX2 or baseline, {@code sequor.cpu.math} or {@code SEQUOR_CPU_MATH}
 * what matrix products multiply: {@code fp32} or {@code bf16}.
 */
public final class CpuBackendProvider implements BackendProvider {
  private static final Logger LOG = LoggerFactory.getLogger(CpuBackendProvider.class);
  private static final UsableProbes USABLE = new UsableProbes();
  private static final AtomicBoolean TOLD = new AtomicBoolean();

  @Override
  public String name() {
    return "cpu";
  }

  @Override
  public int priority() {
    return 20;
  }

  @Override
  public Availability probe(BackendSettings settings) {
    return USABLE.of(settings, CpuBackendProvider::tryLayer);
  }

  private static Availability tryLayer(BackendSettings settings) {
    try {
      NativeEngine.load();
    } catch (LibraryUnavailableException e) {
      return Availability.unusable(firstLine(e), e.cure(), e);
    } catch (Throwable e) { // linkage errors among others: whatever it is, it is the answer
      return Availability.unusable(
          "the native engine does not load: " + firstLine(e), cure(e, settings), e);
    }
    try (Backend backend = openBackend(settings)) {
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
          "the native engine fails: " + firstLine(e), cure(e, settings), e);
    }
  }

  /** What helps against what a loaded engine, or its loading, has thrown. */
  static String cure(Throwable e, BackendSettings settings) {
    if (e instanceof IllegalArgumentException) {
      return "correct that setting";
    }
    if (e instanceof LinkageError) { // a function that the library lacks: it is of another build
      return "build Sequor anew (mvn clean verify)";
    }
    if (e instanceof BackendException && settings.instructionSet().isPresent()) {
      return "set SEQUOR_CPU_ISA to one that this processor has (AVX-512, AVX2, baseline), or not at"
          + " all";
    }
    if (e instanceof BackendException || e instanceof OutOfMemoryError) {
      return "set SEQUOR_THREADS to fewer, or allow this process more threads and memory (ulimit,"
          + " limits of the container)";
    }
    return "report this with the processor's name";
  }

  private static String firstLine(Throwable e) {
    String text = String.valueOf(e.getMessage() == null ? e : e.getMessage());
    return text.lines().findFirst().orElse("");
  }

  @Override
  public Backend open(int ordinal, BackendSettings settings) {
    if (ordinal != 0) {
      throw new BackendUnavailableException(
          "device 'cpu:" + ordinal + "' does not exist; the CPU is one device, cpu");
    }
    Backend backend = openBackend(settings);
    String instructionSet = instructionSet(settings);
    if (products(settings) == CpuProducts.BFLOAT16
        && !CpuProducts.isFast(instructionSet)
        && !TOLD.getAndSet(true)) {
      LOG.warn(
          "bf16 takes longer than fp32 with {} on this processor, which has no AVX512_BF16; cure:"
              + " fp32 (SEQUOR_CPU_MATH)",
          instructionSet);
    }
    return backend;
  }

  private static String instructionSet(BackendSettings settings) {
    return settings.instructionSet().orElseGet(NativeEngine::sequor_best_instruction_set);
  }

  private static CpuProducts products(BackendSettings settings) {
    return settings.cpuMathMode().equals("bf16") ? CpuProducts.BFLOAT16 : CpuProducts.FLOAT32;
  }

  private static Backend openBackend(BackendSettings settings) {
    return new Backend(
        new CpuEngine(
            instructionSet(settings),
            settings.threads(),
            HostSettings.sharesEverything(),
            products(settings)));
  }
}
