package dev.sequor.model;

import dev.sequor.backend.Devices;
import java.util.stream.Stream;

/** The devices of this machine that tests run on. */
public final class UsableBackends {
  private UsableBackends() {}

  /** Their names. */
  public static Stream<String> names() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name);
  }
}
