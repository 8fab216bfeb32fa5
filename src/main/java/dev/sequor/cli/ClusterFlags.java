package dev.sequor.cli;

import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A training on a cluster. */
final class ClusterFlags {
  @Option(
      names = "--spark",
      paramLabel = "MASTER",
      preprocessor = Verbatim.class,
      converter = Verbatim.class,
      description =
          "Train a text's model on a cluster of Apache Spark: local[N] for this machine,"
              + " spark://HOST:PORT, yarn, k8s://… as Spark has them.")
  private @Nullable String master;

  @Range("[1,65536]")
  @Option(
      names = "--workers",
      paramLabel = "N",
      description =
          "With --spark: workers that share each batch; the weights depend on it (default: the"
              + " cluster's slots).")
  private @Nullable Integer workers;

  @Range("[1,1000000]")
  @Option(
      names = "--local-steps",
      paramLabel = "K",
      description =
          "With --spark: each worker makes so many updates before weights are averaged; 1 averages"
              + " gradients (default: 1).")
  private @Nullable Integer localSteps;

  @Range("(0,10]")
  @Option(
      names = "--outer-lr",
      paramLabel = "RATE",
      description =
          "With --local-steps of 2 or more: how far weights go along the mean change (default: 1).")
  private @Nullable Float outerLearningRate;

  @Range("[0,1)")
  @Option(
      names = "--outer-momentum",
      paramLabel = "M",
      description = "With --local-steps of 2 or more: momentum of the mean change (default: 0).")
  private @Nullable Float outerMomentum;

  /** Whether a cluster is wanted. */
  boolean isGiven() {
    return master != null;
  }

  /** The cluster's name, as it was given. */
  String master() {
    return Objects.requireNonNull(master);
  }

  /** Refuses what is of a cluster where none is wanted. */
  void requireNoneOfCluster() {
    requireNot("--workers", workers);
    requireNot("--local-steps", localSteps);
    requireNot("--outer-lr", outerLearningRate);
    requireNot("--outer-momentum", outerMomentum);
  }

  private static void requireNot(String option, @Nullable Object value) {
    if (value != null) {
      throw new IllegalArgumentException(
          option + " is " + value + "; it is of a cluster, so it needs --spark MASTER");
    }
  }

  /** What these options say of the rounds. */
  Cluster.Rounds rounds() {
    return new Cluster.Rounds(
        master(),
        Objects.requireNonNullElse(workers, 0),
        Objects.requireNonNullElse(localSteps, 1),
        Objects.requireNonNullElse(outerLearningRate, 1f),
        Objects.requireNonNullElse(outerMomentum, 0f));
  }
}
