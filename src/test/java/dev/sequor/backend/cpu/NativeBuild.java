package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.natives.LibraryUnavailableException;

/** Whether this build has the native engine. */
final class NativeBuild {
  private NativeBuild() {}

  /** Goes on if the engine is in this build, and skips if it is not. */
  static void assumePresent() {
    boolean built;
    try {
      NativeEngine.load();
      built = true;
    } catch (LibraryUnavailableException e) {
      built = false;
    }
    assumeTrue(built, "the native engine is not in this build");
  }
}
