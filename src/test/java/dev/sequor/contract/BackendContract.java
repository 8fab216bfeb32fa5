package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
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
    Devices.Status status = status(provider);
    assumeTrue(
        status.availability().usable(),
        () -> provider + " is not usable here: " + status.availability().reason());
    backend = Devices.open(provider);
    assertTrue(
        backend.name().startsWith(provider),
        () -> "asked for " + provider + ", but " + backend.name() + " answered");
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
