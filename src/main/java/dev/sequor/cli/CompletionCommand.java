package dev.sequor.cli;

import java.util.Map;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** Prints what a shell needs to complete this program's commands, options and their values. */
@Command(
    name = "completion",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Prints a script for completion in bash and zsh.",
    description =
        "The Tab key then completes commands, options, and the names that options take. For the"
            + " shell that runs: source <(sequor completion). For every one to come, write the"
            + " script to a file and source that in .bashrc or .zshrc.")
final class CompletionCommand implements Callable<Integer> {
  @Mixin private Console console = new Console();

  @Override
  public Integer call() {
    String script = AutoComplete.bash(Main.NAME, Main.commandLine());
    if (!console.isJson()) {
      console.words().print(script);
    }
    console.result(Map.of("script", script));
    return 0;
  }
}
