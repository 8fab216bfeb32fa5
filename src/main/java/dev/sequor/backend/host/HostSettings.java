package dev.sequor.backend.host;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What users may set for backends, on this host: a system property such as {@code sequor.threads},
 * or else the environment variable of the same name in upper case with underscores, {@code
 * SEQUOR_THREADS}.
 */
public final class HostSettings {
  private static final String THREADS = "sequor.threads";
  private static final int MOST_THREADS = 1024;

  private HostSettings() {}

  /**
   * The number of threads to compute with: {@code sequor.threads}, or else one per processor.
   *
   * @throws IllegalArgumentException if the setting is not a whole number from 1 to 1024
   */
  public static int threads() {
    String text = value(THREADS);
    if (text == null) {
      return Runtime.getRuntime().availableProcessors();
    }
    try {
      int threads = Integer.parseInt(text.trim());
      if (threads >= 1 && threads <= MOST_THREADS) {
        return threads;
      }
    } catch (NumberFormatException e) {
      // Reported below, with what was needed.
    }
    throw new IllegalArgumentException(
        source(THREADS) + " is '" + text + "'; needed a whole number from 1 to " + MOST_THREADS);
  }

  /**
   * {@code sequor.threads.always}: whether all threads share every layer, even one so small that a
   * single thread is faster. For tests, which want small layers and teams.
   */
  public static boolean sharesEverything() {
    return Boolean.parseBoolean(value(THREADS + ".always"));
  }

  /** The value of a setting, or null if it is not set. */
  public static @Nullable String value(String property) {
    String value = System.getProperty(property);
    return value != null ? value : System.getenv(variable(property));
  }

  /** Where the value of a setting comes from, for messages about it. */
  public static String source(String property) {
    return System.getProperty(property) != null
        ? "system property " + property
        : "environment variable " + variable(property);
  }

  private static String variable(String property) {
    return property.toUpperCase(Locale.ROOT).replace('.', '_');
  }
}
