package dev.sequor.backend.cpu;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendProvider;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
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
      float got = oneLstmStep(backend);
      // i = f = g = o = 0 before their functions but for the input weight of g, which is 1; x = 1.
      double c = 0.5 * Math.tanh(1);
      double expected = 0.5 * Math.tanh(c);
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

  private static float oneLstmStep(Backend backend) {
    RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 1, 1, 1, 1, 0f);
    try (Buffer parameters =
            backend.allocate(DType.FLOAT32, shape.parameterLayout().totalElements());
        Buffer x = backend.allocate(DType.FLOAT32, 1);
        Buffer y = backend.allocate(DType.FLOAT32, 1);
        RnnPlan plan = backend.plan(shape, Mode.INFERENCE)) {
      parameters.write(0f, 0f, 1f, 0f);
      x.write(1f);
      plan.forward(new RnnTensors(parameters, x, null, null, y, null, null, 0, 0));
      return y.readFloats()[0];
    }
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
    return new CpuBackend(
        set == null ? NativeEngine.sequor_best_instruction_set() : set,
        HostSettings.threads(),
        HostSettings.sharesEverything());
  }
}
