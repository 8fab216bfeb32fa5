package dev.sequor.cli;

import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.io.MalformedFileException;
import dev.sequor.model.DivergedException;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The program {@code sequor}. Exit codes: 0 done, 1 anything unforeseen, 2 bad input, 3 the device
 * is not usable, 4 the training diverged, 130 interrupted.
 */
@Command(
    name = "sequor",
    description = "Trains and runs recurrent networks on text.",
    mixinStandardHelpOptions = true,
    version = "sequor 0.1.0",
    subcommands = {InfoCommand.class, TrainCommand.class, SampleCommand.class, EvalCommand.class},
    footer = {
      "",
      "Try: sequor train    then: sequor sample DIR",
      "Exit codes: 0 done, 2 bad input, 3 device not usable, 4 training diverged,",
      "1 anything else, 130 interrupted."
    })
public final class Main implements Runnable {
  static final int BAD_INPUT = 2;
  static final int DEVICE_NOT_USABLE = 3;
  static final int DIVERGED = 4;
  static final int FAILED = 1;
  static final int INTERRUPTED = 130;

  private static final int MAX_MESSAGE = 2000;

  @Spec private @Nullable CommandSpec spec;

  private Main() {}

  /** Runs the program and ends the process. */
  public static void main(String[] args) {
    // Both are read when the first logger or window is made. Whoever set them knows better.
    setIfAbsent("org.slf4j.simpleLogger.defaultLogLevel", "warn");
    setIfAbsent("java.awt.headless", "true");
    CommandLine commandLine = commandLine();
    commandLine.setOut(writer(System.out));
    commandLine.setErr(writer(System.err));
    int code = commandLine.execute(args);
    System.exit(code);
  }

  /** Texts and samples are UTF-8 wherever the program runs. */
  private static PrintWriter writer(java.io.PrintStream stream) {
    Charset utf8 = StandardCharsets.UTF_8;
    return new PrintWriter(new java.io.OutputStreamWriter(stream, utf8), true);
  }

  private static void setIfAbsent(String property, String value) {
    if (System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  /** The program, for callers that want its output and exit code. */
  public static CommandLine commandLine() {
    CommandLine commandLine = new CommandLine(new Main());
    commandLine.setCaseInsensitiveEnumValuesAllowed(true);
    commandLine.setParameterExceptionHandler(Main::badUsage);
    commandLine.setExecutionExceptionHandler(
        (e, command, parsed) -> {
          command.getErr().println(command.getCommandSpec().qualifiedName() + ": " + describe(e));
          command.getErr().flush();
          return exitCode(e);
        });
    return commandLine;
  }

  private static int badUsage(ParameterException e, String[] args) {
    CommandLine command = e.getCommandLine();
    String name = command.getCommandSpec().qualifiedName();
    command
        .getErr()
        .println(
            name + ": " + oneLine(e.getMessage()) + " (" + name + " --help lists all options)");
    command.getErr().flush();
    return BAD_INPUT;
  }

  private static int exitCode(Exception e) {
    if (e instanceof BackendUnavailableException) {
      return DEVICE_NOT_USABLE;
    }
    if (e instanceof DivergedException) {
      return DIVERGED;
    }
    // What the library calls an illegal argument came from the command line or a file it named.
    return e instanceof IllegalArgumentException || e instanceof MalformedFileException
        ? BAD_INPUT
        : FAILED;
  }

  private static String describe(Exception e) {
    boolean foreseen = exitCode(e) != FAILED || e instanceof IOException;
    if (foreseen || System.getenv("SEQUOR_TRACE") == null) {
      String message = e.getMessage();
      return oneLine(message == null || !foreseen ? e.toString() : message)
          + (foreseen ? "" : " (set SEQUOR_TRACE=1 for the stack trace)");
    }
    java.io.StringWriter trace = new java.io.StringWriter();
    e.printStackTrace(new PrintWriter(trace));
    return trace.toString();
  }

  /** Messages may quote names from files; what they quote must not make more lines of them. */
  private static String oneLine(@Nullable String message) {
    StringBuilder line = new StringBuilder();
    String.valueOf(message)
        .codePoints()
        .limit(MAX_MESSAGE)
        .forEach(c -> line.appendCodePoint(Character.isISOControl(c) ? ' ' : c));
    return line.toString().strip();
  }

  @Override
  public void run() {
    if (spec != null) {
      spec.commandLine().usage(spec.commandLine().getOut());
    }
  }
}
