package dev.sequor.model;

import dev.sequor.backend.Devices;
import java.util.stream.Stream;

/** The devices of this machine that tests run on. */
public final class UsableBackends {
  private UsableBackends() {}

  /**
   * Their names. Where the simulator has a seed of the environment's, only what runs on it: the
   * others do the same under every seed.
   */
  public static Stream<String> names() {
    boolean seeded = System.getenv("SEQUOR_SIMULATOR_SEED") != null;
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name)
        .filter(name -> !seeded || name.startsWith("cuda"));
  }
}
