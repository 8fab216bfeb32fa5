package dev.sequor.benchmarks.devices;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.Devices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import jcuda.driver.JCudaDriver;

/**
 * A device that works here.
 *
 * @param id as {@link Devices#open} takes it, with its number if it has one
 * @param name in its own words, for example {@code cuda:0 NVIDIA H200}
 * @param gpu whether it is one, or pretends to be
 * @param driver null for the CPU
 * @param threads null for a GPU
 */
record Device(String id, String name, boolean gpu, String driver, Integer threads) {
  private static final Path KERNEL_DRIVER = Path.of("/proc/driver/nvidia/version");
  private static final Pattern VERSION = Pattern.compile("\\b\\d{3,}\\.\\d+(\\.\\d+)?\\b");

  /**
   * Opens it once to see that it works.
   *
   * @throws dev.sequor.backend.BackendUnavailableException if it does not; says why, and the cure
   */
  static Device find(String asked) {
    boolean gpu = isGpu(asked);
    String id = asked.equals("cuda") ? "cuda:0" : asked;
    try (Backend backend = Devices.open(asked)) {
      return new Device(
          id,
          backend.name(),
          gpu,
          gpu ? driverInWords() : null,
          gpu ? null : Integer.valueOf(BackendSettings.defaults().threads()));
    }
  }

  static boolean isGpu(String asked) {
    return asked.equals("cuda") || asked.startsWith("cuda:");
  }

  /** Whether its times are those of a program on the CPU that pretends to be a GPU. */
  boolean isSimulated() {
    return gpu && name.toLowerCase(Locale.ROOT).contains("simulator");
  }

  private static String driverInWords() {
    int[] version = new int[1];
    JCudaDriver.cuDriverGetVersion(version);
    String cuda = "for CUDA " + version[0] / 1000 + "." + version[0] % 1000 / 10;
    String release = kernelDriver();
    return release.isEmpty() ? cuda : release + ", " + cuda;
  }

  /** The release that nvidia-smi shows; empty where the kernel does not tell. */
  private static String kernelDriver() {
    try {
      Matcher release = VERSION.matcher(Files.readString(KERNEL_DRIVER));
      return release.find() ? release.group() : "";
    } catch (IOException e) {
      return "";
    }
  }
}
