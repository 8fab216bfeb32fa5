package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.study.ClippingStudy;
import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows gradients that explode, with and without clipping. */
@Command(
    name = "clipping",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Lets gradients explode, with and without clipping.",
    description =
        "A plain RNN that is set up so that its gradients grow at each step back learns sentences"
            + " twice, from the same weights: once as it is, and once with gradients that are"
            + " clipped.")
final class DemoClippingCommand implements Callable<Integer> {
  /** Words between subject and verb, units and updates, where nothing else is said. */
  private static final int DISTANCE = 10;

  private static final int HIDDEN = 32;
  private static final long STEPS = 300;

  @Range("[5,500]")
  @Option(
      names = "--distance",
      paramLabel = "N",
      description = "Words between subject and verb (default: " + DISTANCE + ").")
  private int distance = DISTANCE;

  @Range("[1,1000000]")
  @Option(names = "--steps", paramLabel = "N", description = "Updates (default: " + STEPS + ").")
  private long steps = STEPS;

  @Range("[1,256]")
  @Option(
      names = "--hidden",
      paramLabel = "H",
      description = "Units of the cell (default: " + HIDDEN + ").")
  private int hidden = HIDDEN;

  @Range("(,)")
  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "First weights and sentences (default: 1).")
  private long seed = 1;

  @Mixin private FindingsFiles files = new FindingsFiles();
  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private Console console = new Console();

  /** What comes of a training of the usual length at most. */
  static ClippingStudy usual(int hidden, long mostSteps, long seed) {
    return new ClippingStudy(DISTANCE, hidden, Math.min(mostSteps, STEPS), seed);
  }

  @Override
  public Integer call() throws IOException {
    files.check();
    ClippingStudy study = new ClippingStudy(distance, hidden, steps, seed);
    ClippingReport found;
    try (Backend backend = device.open(console.notes())) {
      found = new ClippingReport(study.run(backend));
    }
    files.write(found, console);
    return 0;
  }
}
