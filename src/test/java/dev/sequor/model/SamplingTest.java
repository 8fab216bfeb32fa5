package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

final class SamplingTest {
  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  @Test
  void badNumbersAreNamed() {
    refused(
        "temperature is -1.0; needed a finite number of at least 0",
        () -> Sampling.ofTemperature(-1, 0));
    refused("topK is -1; needed at least 0 (0 keeps all)", () -> new Sampling(1, -1, 1, 0));
    refused("topP is 0.0; needed 0 < topP <= 1", () -> new Sampling(1, 0, 0, 0));
  }
}
