package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendSettings;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CudaSettingsTest {
  private static BackendSettings settings(@Nullable String memory) {
    return memory == null
        ? BackendSettings.defaults()
        : BackendSettings.builder().cudaMemory(memory).build();
  }

  @ParameterizedTest
  @CsvSource({
    ", 8589934592, 7730941133",
    ", 150000000000, 148926258176",
    "8g, 1, 8589934592",
    "512M, 1, 536870912",
    "3k, 1, 3072",
    "1t, 1, 1099511627776",
    "1234567, 1, 1234567",
    "80%, 1000, 800",
    "100%, 1000, 1000",
  })
  void memoryBudgets(@Nullable String setting, long free, long budget) {
    assertEquals(budget, CudaDevice.memoryBudget(settings(setting), free));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "0%", "-1", "101%", "8 gb", "g", "1e9", "9999999999999999"})
  void budgetsThatMakeNoSense(String setting) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> settings(setting)).getMessage();
    assertTrue(String.valueOf(message).contains("is '" + setting + "'; needed"), message);
  }

  /** Settings know the modes by name, engines by what they do. */
  @Test
  void everyMathModeHasItsName() {
    for (MathMode mode : MathMode.values()) {
      BackendSettings settings = BackendSettings.builder().mathMode(mode.name()).build();
      assertEquals(mode, MathMode.of(settings.mathMode()));
    }
  }
}
