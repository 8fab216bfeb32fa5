package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.study.AgreementStudy;
import dev.sequor.study.ClippingStudy;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Shows over how many words a plain RNN, a GRU and an LSTM learn an agreement. */
@Command(
    name = "agreement",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Learns agreement over growing distances: RNN, GRU and LSTM.",
    description =
        "'The cat, which already ate ..., was full', 'The cats, ..., were full': for each distance"
            + " between subject and verb a plain RNN, a GRU and an LSTM learn which verb comes"
            + " next, all with the same settings, and are judged by sentences that they have not"
            + " seen. Also shown: how far back gradients reach, and gradients that explode with and"
            + " without clipping.")
final class DemoAgreementCommand implements Callable<Integer> {
  private static final Distances USUAL = new Distances(List.of(5, 8, 12, 18, 27, 40));

  @Option(
      names = "--distances",
      paramLabel = "N[,N...]",
      converter = Distances.Reader.class,
      description = "Words between subject and verb, rising, 5 to 500 (default: 5,8,12,18,27,40).")
  private Distances distances = USUAL;

  @Range("[1,1000000]")
  @Option(
      names = "--steps",
      paramLabel = "N",
      description = "Updates for each distance and cell (default: 3000).")
  private long steps = 3000;

  @Range("[1,256]")
  @Option(names = "--hidden", paramLabel = "H", description = "Units of a cell (default: 32).")
  private int hidden = 32;

  @Range("(,)")
  @Option(
      names = "--seed",
      paramLabel = "S",
      description = "First weights and sentences (default: 1).")
  private long seed = 1;

  @Mixin private FindingsFiles files = new FindingsFiles();
  @Mixin private DeviceOption device = new DeviceOption();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    files.check();
    AgreementStudy study = new AgreementStudy(distances.words(), hidden, steps, seed);
    ClippingStudy clipping = DemoClippingCommand.usual(hidden, steps, seed);
    AgreementReport found;
    try (Backend backend = device.open(console.notes())) {
      found =
          new AgreementReport(
              study.run(backend, console::note), new ClippingReport(clipping.run(backend)));
    }
    files.write(found, console);
    return 0;
  }
}
