package dev.sequor.cli;

import dev.sequor.backend.WeightStorage;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a trained model's recurrent weights are kept while it is used. */
final class WeightOption {
  @Option(
      names = "--weights",
      paramLabel = "float32|bfloat16|int8",
      description =
          "How to keep the recurrent layers' weights: fewer bits are faster and a little less exact"
              + " (default: float32; the others on device cpu only).")
  private @Nullable String weights;

  /**
   * What was asked for.
   *
   * @throws IllegalArgumentException if there is no such storage
   */
  WeightStorage storage() {
    if (weights == null) {
      return WeightStorage.FLOAT32;
    }
    for (WeightStorage storage : WeightStorage.values()) {
      if (storage.id().equals(weights)) {
        return storage;
      }
    }
    throw new IllegalArgumentException(
        "unknown --weights '"
            + weights
            + "'; known: "
            + Arrays.stream(WeightStorage.values())
                .map(WeightStorage::id)
                .collect(Collectors.joining(", ")));
  }
}
