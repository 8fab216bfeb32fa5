package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.cpu.NativeBuild;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;

/** Opens exactly the backend under test, or skips its tests with the provider's own reason. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@SuppressWarnings("NullAway.Init") // JUnit calls open() before any test
abstract class BackendContract {
  private final String provider;

  /** The backend under test. */
  protected Backend backend;

  protected BackendContract(String provider) {
    this.provider = provider;
  }

  @BeforeAll
  final void open() {
    requireUsable(status(provider));
    // Small layers, too, are to show what a team does.
    System.setProperty("sequor.threads.always", "true");
    try {
      backend = Devices.open(provider);
    } finally {
      System.clearProperty("sequor.threads.always");
    }
    assertTrue(
        backend.name().startsWith(provider),
        () -> "asked for " + provider + ", but " + backend.name() + " answered");
  }

  /**
   * Goes on if the device is usable, skips if this build or this machine does not have it, and
   * fails if it is here but does not work: a backend that its own probe finds wrong must not look
   * like one that is absent.
   */
  static void requireUsable(Devices.Status status) {
    Availability availability = status.availability();
    String text = status.name() + " is not usable here: " + availability.reason();
    boolean notBuilt = status.name().equals("cpu") && !NativeBuild.present();
    assertTrue(availability.usable() || availability.absent() || notBuilt, text);
    assumeTrue(availability.usable(), text);
  }

  /** What the provider says of itself; a build without the provider has lost it. */
  static Devices.Status status(String provider) {
    return Devices.survey().stream()
        .filter(s -> s.name().equals(provider))
        .findFirst()
        .orElseThrow(() -> new AssertionError("no provider named " + provider + " is registered"));
  }

  @AfterAll
  final void close() {
    if (backend != null) {
      backend.close();
    }
  }
}
