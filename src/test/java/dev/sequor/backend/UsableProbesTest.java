package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.ServiceLoader;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What was found usable is found once for what was set, and what was not may be by now. */
@Tag("gpu")
final class UsableProbesTest {
  private static final BackendSettings ONE = BackendSettings.builder().threads(1).build();
  private static final BackendSettings TWO = BackendSettings.builder().threads(2).build();

  private final List<BackendSettings> probed = new ArrayList<>();
  private final UsableProbes usable = new UsableProbes();
  private boolean works = true;

  private Availability probe(BackendSettings settings) {
    return usable.of(
        settings,
        s -> {
          probed.add(s);
          return works ? Availability.usable("it") : Availability.unusable("broken", "", null);
        });
  }

  @Test
  void eachSettingIsProbedOnce() {
    for (int round = 0; round < 3; round++) {
      assertTrue(probe(ONE).usable());
      assertTrue(probe(TWO).usable());
    }
    assertEquals(List.of(ONE, TWO), probed);
    works = false;
    assertTrue(probe(ONE).usable());
  }

  @Test
  void failuresAreTriedAgain() {
    works = false;
    assertFalse(probe(ONE).usable());
    works = true;
    assertTrue(probe(ONE).usable());
    assertEquals(2, probed.size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"sequor.cuda.math", "sequor.cpu.math"})
  void whatTheProcessIsSetToCounts(String setting) {
    probe(BackendSettings.defaults());
    System.setProperty(setting, "bf16");
    try {
      probe(BackendSettings.defaults());
      probe(BackendSettings.defaults());
    } finally {
      System.clearProperty(setting);
    }
    probe(BackendSettings.defaults());
    assertEquals(2, probed.size());
  }

  static Stream<BackendProvider> providers() {
    return ServiceLoader.load(BackendProvider.class).stream()
        .map(ServiceLoader.Provider::get)
        .filter(provider -> provider.probe().usable());
  }

  /** By another instance: the service loader makes one each time. */
  @ParameterizedTest
  @MethodSource("providers")
  void aUsableDeviceIsProbedOnceForAllInstances(BackendProvider provider) throws Exception {
    BackendProvider other = provider.getClass().getConstructor().newInstance();
    assertSame(provider.probe(), other.probe());
  }

  @Test
  void settingsThatLeaveTooLittleMemoryAreNotUsableAfterOthersThatDo() {
    BackendSettings little = BackendSettings.builder().cudaMemory("1k").build();
    for (Devices.Status status : Devices.survey()) {
      if (status.name().equals("cuda") && status.availability().usable()) {
        BackendUnavailableException refusal =
            assertThrows(
                BackendUnavailableException.class, () -> Devices.open("cuda", little).close());
        String message = String.valueOf(refusal.getMessage());
        assertTrue(message.contains("no memory for"), message);
        assertTrue(message.contains("(cure: free memory of the device"), message);
      }
    }
  }

  @Test
  @SuppressWarnings("NullAway") // what a caller without its checks may do
  void aDeviceThatIsNotNamedIsMissing() {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> Devices.open(null));
    assertEquals("device is missing; needed one", refusal.getMessage());
  }
}
