package dev.sequor.backend.cuda;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * The files by which Linux shows that there is an NVIDIA device, whatever else of CUDA is missing:
 * those that its kernel module makes, and that of Windows' subsystem for Linux.
 */
final class DeviceFiles {
  private DeviceFiles() {}

  /** Whether this machine, or this container, has one. */
  static boolean present() {
    return presentIn(Path.of("/dev"));
  }

  static boolean presentIn(Path folder) {
    return Stream.of("nvidiactl", "nvidia0", "dxg")
        .anyMatch(name -> Files.exists(folder.resolve(name)));
  }
}
