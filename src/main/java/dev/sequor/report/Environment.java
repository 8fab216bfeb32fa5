package dev.sequor.report;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.Map;

/** Where a training runs. */
public final class Environment {
  /** Of this library and its program. */
  public static final String VERSION = "0.1.0";

  private Environment() {}

  /**
   * By name, for people.
   *
   * @param device in words, as {@link dev.sequor.backend.Backend#name()} has it
   */
  public static Map<String, String> of(String device) {
    Map<String, String> environment = new LinkedHashMap<>();
    environment.put("device", device);
    environment.put("processors", String.valueOf(Runtime.getRuntime().availableProcessors()));
    environment.put(
        "Java", Runtime.version() + ", " + System.getProperty("java.vendor", "unknown vendor"));
    environment.put(
        "operating system",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + ", "
            + System.getProperty("os.arch"));
    environment.put("Sequor", VERSION);
    environment.put("begun", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
    return environment;
  }
}
