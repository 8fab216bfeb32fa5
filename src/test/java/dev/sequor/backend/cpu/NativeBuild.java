package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.natives.ShippedLibrary;

/** Whether this build has the native engine: one that was made, and works or does not. */
public final class NativeBuild {
  private NativeBuild() {}

  /** Whether there was a compiler. */
  public static boolean present() {
    return ShippedLibrary.built(NativeEngine.LIBRARY).sha256() != null;
  }

  /** Goes on if the engine is in this build, loaded, and skips if it is not. */
  static void assumePresent() {
    assumeTrue(present(), "the native engine is not in this build");
    NativeEngine.load();
  }
}
