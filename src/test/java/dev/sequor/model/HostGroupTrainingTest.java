package dev.sequor.model;

import java.util.stream.Stream;

/** Training on several host backends. */
class HostGroupTrainingTest extends GroupTrainingContract {
  @Override
  Stream<String> groups() {
    return UsableBackends.names()
        .filter(name -> !name.equals("cuda"))
        .flatMap(name -> Stream.of(name + "," + name, String.join(",", name, name, name, name)));
  }

  @Override
  Stream<String> reducedModes(String devices) {
    return devices.startsWith("cpu") ? Stream.of("bf16") : Stream.empty();
  }
}
