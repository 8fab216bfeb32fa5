package dev.sequor.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Parameters;

/** Shows several trainings beside each other. */
@Command(
    name = "compare",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Shows several trainings beside each other.",
    description =
        "Trainings on the same data, by their reports (train --report) or by what the directories of"
            + " their models know: losses, speed, and what differs in their configurations.")
final class CompareCommand implements Callable<Integer> {
  @Parameters(
      arity = "1..*",
      paramLabel = "REPORT|DIR",
      description = "A report, the directory of a model, or a folder of these.")
  private List<Path> paths = List.of();

  @Mixin private FindingsFiles files = new FindingsFiles();
  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    files.check();
    files.write(new ComparisonReport(ComparedTrainings.of(paths, console.notes())), console);
    return 0;
  }
}
