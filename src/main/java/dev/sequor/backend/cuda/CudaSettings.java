package dev.sequor.backend.cuda;

import dev.sequor.backend.host.HostSettings;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What users may set for CUDA, see {@link CudaBackendProvider}. */
final class CudaSettings {
  private static final String MEMORY = "sequor.cuda.memory";
  private static final String CACHE = "sequor.cuda.cache";
  private static final String MATH = "sequor.cuda.math";

  private static final Pattern SIZE = Pattern.compile("(\\d{1,15})([kmgt]?)|(100|\\d{1,2})%");

  /**
   * At most a tenth of the free memory, and at most this, is left to what this backend does not
   * allocate itself: recorded graphs, loaded kernels, and the driver's needs.
   */
  private static final long RESERVE = 1L << 30;

  private CudaSettings() {}

  /**
   * The most that a backend may allocate.
   *
   * @param free bytes that are free when the device is opened
   * @throws IllegalArgumentException if the setting makes no sense
   */
  static long memoryBudget(long free) {
    return memoryBudget(HostSettings.value(MEMORY), free);
  }

  static long memoryBudget(@Nullable String setting, long free) {
    if (setting == null) {
      return free - Math.min(free / 10, RESERVE);
    }
    Matcher size = SIZE.matcher(setting.trim().toLowerCase(Locale.ROOT));
    if (size.matches()) {
      double bytes =
          size.group(3) == null
              ? Double.parseDouble(size.group(1)) * unit(size.group(2))
              : free * (Integer.parseInt(size.group(3)) / 100.0);
      if (bytes >= 1) {
        return (long) bytes;
      }
    }
    throw new IllegalArgumentException(
        HostSettings.source(MEMORY)
            + " is '"
            + setting
            + "'; needed a number of bytes such as 8g or 512m, or a part of the free memory such as"
            + " 80%");
  }

  private static long unit(String suffix) {
    return suffix.isEmpty() ? 1 : 1L << (10 * ("kmgt".indexOf(suffix) + 1));
  }

  /** Whether freed memory is kept for reuse. */
  static boolean cachesMemory() {
    String text = HostSettings.value(CACHE);
    if (text == null || text.equals("on")) {
      return true;
    }
    if (text.equals("off")) {
      return false;
    }
    throw new IllegalArgumentException(
        HostSettings.source(CACHE) + " is '" + text + "'; needed on or off");
  }

  /** What matrix products multiply; strict float32 unless set. */
  static MathMode mathMode() {
    String text = HostSettings.value(MATH);
    return text == null ? MathMode.FP32 : MathMode.of(text, HostSettings.source(MATH));
  }
}
