package dev.sequor.cli;

import dev.sequor.backend.WeightStorage;
import java.util.List;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** How a trained model's recurrent weights are kept while it is used. */
final class WeightOption {
  /** The storages by name. */
  static final class Storages extends Choice<WeightStorage> {
    Storages() {
      super(List.of(WeightStorage.values()), WeightStorage::id);
    }
  }

  @Option(
      names = "--weights",
      paramLabel = "float32|bfloat16|int8",
      converter = Storages.class,
      completionCandidates = Storages.class,
      description =
          "How to keep the recurrent layers' weights: fewer bits are faster and a little less exact"
              + " (default: float32; the others on device cpu only).")
  private @Nullable WeightStorage weights;

  /** What was asked for. */
  WeightStorage storage() {
    return weights == null ? WeightStorage.FLOAT32 : weights;
  }
}
