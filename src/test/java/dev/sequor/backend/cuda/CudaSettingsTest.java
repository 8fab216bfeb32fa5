package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class CudaSettingsTest {
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
  void memoryBudgets(String setting, long free, long budget) {
    assertEquals(budget, CudaSettings.memoryBudget(setting, free));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "0", "0%", "-1", "101%", "8 gb", "g", "1e9", "9999999999999999"})
  void budgetsThatMakeNoSense(String setting) {
    String message =
        assertThrows(IllegalArgumentException.class, () -> CudaSettings.memoryBudget(setting, 1000))
            .getMessage();
    assertTrue(String.valueOf(message).contains("is '" + setting + "'; needed"), message);
  }
}
