package dev.sequor.model;

import dev.sequor.backend.Devices;
import java.util.stream.Stream;

/** The devices of this machine that tests run on. */
final class UsableBackends {
  private UsableBackends() {}

  static Stream<String> names() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name);
  }
}
