package dev.sequor.backend;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What users set for this whole process: a system property such as {@code sequor.threads}, or else
 * the environment variable of the same name in upper case with underscores, {@code SEQUOR_THREADS}.
 * {@link BackendSettings} is for a single backend.
 */
public final class HostSettings {
  private HostSettings() {}

  /**
   * {@code sequor.threads.always}: whether all threads share every layer, even one so small that a
   * single thread is faster. For tests, which want small layers and teams.
   */
  public static boolean sharesEverything() {
    return Boolean.parseBoolean(value("sequor.threads.always"));
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
