package dev.sequor.backend.cuda;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendProvider;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.Closing;
import dev.sequor.backend.UsableProbes;
import dev.sequor.backend.host.ProbeStep;
import dev.sequor.backend.natives.LoadFailure;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * NVIDIA GPUs of compute capability 8.0 (Ampere) and newer. System properties, or else the
 * environment variables of the same names in upper case with underscores, set:
 *
 * <ul>
 *   <li>{@code sequor.cuda.memory}: the most device memory that a backend allocates, in bytes (with
 *       k, m, g or t for powers of 1024) or as a part of what is free when it opens ({@code 80%}).
 *       Unless set, all that is free but a tenth, or 1 GiB if that is less
 *   <li>{@code sequor.cuda.cache}: {@code off} gives freed memory to the driver at once, {@code on}
 *       (unless set) keeps it for reuse
 *   <li>{@code sequor.cuda.math}: what matrix products multiply, {@code fp32} (unless set), {@code
 *       tf32}, {@code bf16} or {@code fp16}
 *   <li>{@code sequor.cublas.path}: folders in which to look for cuBLAS first, separated as on a
 *       class path
 * </ul>
 */
public final class CudaBackendProvider implements BackendProvider {
  /** Libraries that did not load fail at once the second time. */
  private static final UsableProbes USABLE = new UsableProbes();

  @Override
  public String name() {
    return "cuda";
  }

  @Override
  public int priority() {
    return 30;
  }

  @Override
  public Availability probe(BackendSettings settings) {
    return USABLE.of(settings, this::tryLayer);
  }

  private Availability tryLayer(BackendSettings settings) {
    try (Backend backend = open(0, settings)) {
      float got = ProbeStep.run(backend);
      double expected = ProbeStep.expected();
      if (!(Math.abs(got - expected) < 1e-5)) {
        return Availability.unusable(
            backend.name() + " computes " + got + " where " + expected + " is right",
            "report this device",
            null);
      }
      int count = CudaDevice.count();
      String devices =
          IntStream.range(0, count)
              .mapToObj(CudaDevice::describe)
              .collect(Collectors.joining(", "));
      return Availability.usable(count == 1 ? devices : devices + "; " + peersInWords(count));
    } catch (CudaUnavailableException e) {
      String reason = String.valueOf(e.getMessage());
      return e.withoutDevice() && !DeviceFiles.present()
          ? Availability.absent(reason, e.cure(), e)
          : Availability.unusable(reason, e.cure(), e);
    } catch (Throwable e) { // linkage errors among others: whatever it is, it is the answer
      return Availability.unusable("the CUDA engine fails: " + LoadFailure.words(e), cure(e), e);
    }
  }

  /** Which of so many devices reach each other's memory. */
  private static String peersInWords(int count) {
    List<String> pairs = new ArrayList<>();
    for (int a = 0; a < count; a++) {
      for (int b = a + 1; b < count; b++) {
        if (CudaDevice.reaches(a, b) && CudaDevice.reaches(b, a)) {
          pairs.add("cuda:" + a + " and cuda:" + b);
        }
      }
    }
    if (pairs.isEmpty()) {
      return "none reaches another's memory";
    }
    return pairs.size() == count * (count - 1) / 2
        ? "all reach each other's memory"
        : String.join(", ", pairs) + " reach each other's memory";
  }

  /** What helps against what a device, or its opening, has thrown. */
  static String cure(Throwable e) {
    String words = String.valueOf(e.getMessage());
    if (e instanceof IllegalArgumentException) {
      return "correct that setting";
    }
    if (words.contains("page-locked")) {
      return "let this process lock more memory, or free some of the host's";
    }
    if (words.contains("OUT_OF_MEMORY") || words.contains("no memory for")) {
      return "free memory of the device (nvidia-smi shows who has it), or raise SEQUOR_CUDA_MEMORY if"
          + " it is set";
    }
    if (words.contains("DEVICE_UNAVAILABLE")) {
      return "end the process that has the device for itself (see nvidia-smi)";
    }
    return "report this with the device's name";
  }

  @Override
  public Backend open(int ordinal, BackendSettings settings) {
    MathMode mode = MathMode.of(settings.mathMode());
    CudaDevice device = CudaDevice.open(ordinal, settings);
    CudaEngine engine;
    try {
      engine = new CudaEngine(device, mode);
    } catch (RuntimeException | Error e) {
      Closing.after(e, device::close);
      throw e;
    }
    try {
      return new Backend(engine);
    } catch (RuntimeException | Error e) {
      Closing.after(e, engine::close);
      throw e;
    }
  }
}
