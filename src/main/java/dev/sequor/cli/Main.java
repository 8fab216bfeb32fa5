package dev.sequor.cli;

import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.io.MalformedFileException;
import dev.sequor.model.DivergedException;
import dev.sequor.report.Environment;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExecutionException;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The program {@code sequor}. Exit codes: 0 done, 1 anything unforeseen, 2 bad input, 3 the device
 * is not usable, 4 the training diverged, 130 interrupted.
 */
@Command(
    name = "sequor",
    description = "Trains and runs recurrent networks.",
    mixinStandardHelpOptions = true,
    version = "sequor " + Environment.VERSION,
    subcommands = {
      InfoCommand.class,
      TrainCommand.class,
      SampleCommand.class,
      EvalCommand.class,
      PredictCommand.class,
      ScoreCommand.class,
      InspectCommand.class,
      ConvertCommand.class,
      DiagnoseCommand.class,
      ExplainCommand.class,
      DemoCommand.class,
      CompareCommand.class,
      CompletionCommand.class
    },
    footer = {
      "",
      "Try: sequor train    then: sequor sample DIR",
      "Exit codes: 0 done, 2 bad input, 3 device not usable, 4 training diverged,",
      "1 anything else, 130 interrupted."
    })
public final class Main implements Runnable {
  static final String NAME = "sequor";

  static final int BAD_INPUT = 2;
  static final int DEVICE_NOT_USABLE = 3;
  static final int DIVERGED = 4;
  static final int FAILED = 1;
  static final int INTERRUPTED = 130;

  private static final int MAX_MESSAGE = 2000;
  private static final String LOG_LEVEL = "org.slf4j.simpleLogger.defaultLogLevel";

  /** Whether nobody else has said what is to be logged. */
  private static volatile boolean levelIsOurs;

  @Spec private @Nullable CommandSpec spec;

  private Main() {}

  /** Runs the program and ends the process. */
  public static void main(String[] args) {
    System.exit(exitCodeOf(args));
  }

  /** Runs the program on this process's streams, for a process that is to go on; its exit code. */
  public static int exitCodeOf(String... args) {
    prepareProcess();
    return run(StandardStream.out(), StandardStream.err(), args);
  }

  /** What belongs to the whole process, and to this program rather than to the library. */
  static void prepareProcess() {
    // These are read when the first logger or window is made. Whoever set them knows better.
    levelIsOurs = setIfAbsent(LOG_LEVEL, "warn");
    // The jar of jHDF carries settings that send logs to stdout, which is for results.
    setIfAbsent("org.slf4j.simpleLogger.logFile", "System.err");
    setIfAbsent("java.awt.headless", "true");
    // Scripts read what this prints, and libraries that draw and count ask for the default.
    Locale.setDefault(Locale.ROOT);
  }

  private static boolean setIfAbsent(String property, String value) {
    boolean absent = System.getProperty(property) == null;
    if (absent) {
      System.setProperty(property, value);
    }
    return absent;
  }

  /** In time, as nothing is logged before a command runs. */
  private static void quietenLogs() {
    if (levelIsOurs) {
      System.setProperty(LOG_LEVEL, "error");
    }
  }

  /** Runs the program on these streams and returns its exit code, whatever happens. */
  static int run(StandardStream stdout, StandardStream stderr, String... args) {
    PrintWriter out = stdout.writer();
    PrintWriter err = stderr.writer();
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, e) -> err.println(NAME + ": " + thread.getName() + ": " + describe(e)));
    int code;
    try {
      JavaLocale.requireReadable(args);
      CommandLine commandLine = commandLine();
      commandLine.setOut(out);
      commandLine.setErr(err);
      code = commandLine.execute(args);
    } catch (Throwable e) { // The last place that can give it words.
      code = exitCode(e);
      err.println(NAME + ": " + describe(e));
      if (wantsJson(withAllErrors(args))) {
        Console.printError(out, Map.of(), describe(e), code);
      }
    }
    out.flush();
    String complaint = stdout.complaint();
    if (complaint != null) {
      err.println(NAME + ": " + complaint);
      code = code == 0 ? FAILED : code;
    }
    err.flush();
    return code;
  }

  /** The program, for callers that want its output and exit code. */
  public static CommandLine commandLine() {
    CommandLine commandLine = new CommandLine(new Main());
    takeValuesVerbatim(commandLine);
    String[] version = commandLine.getCommandSpec().version();
    everySubcommand(commandLine).forEach(command -> command.getCommandSpec().version(version));
    commandLine.setUsageHelpWidth(Terminal.helpColumns());
    commandLine.setParameterExceptionHandler(Main::badUsage);
    commandLine.setExecutionStrategy(Main::runChecked);
    commandLine.setExecutionExceptionHandler((e, command, parsed) -> failed(e, command));
    return commandLine;
  }

  /** The commands below one, and those below them. */
  private static Stream<CommandLine> everySubcommand(CommandLine command) {
    return command.getSubcommands().values().stream()
        .flatMap(each -> Stream.concat(Stream.of(each), everySubcommand(each)));
  }

  private static int failed(Throwable e, CommandLine command) {
    // The parser passes errors on inside an exception of its own.
    Throwable cause = e instanceof ExecutionException && e.getCause() != null ? e.getCause() : e;
    int code = exitCode(cause);
    Console console = Console.of(command);
    if (console == null) {
      command.getErr().println(command.getCommandSpec().qualifiedName() + ": " + describe(cause));
      command.getErr().flush();
    } else {
      console.fail(describe(cause), code);
    }
    return code;
  }

  /**
   * What follows an option is its value, whatever it looks like: no value is a file, an option,
   * quoted or a variable.
   */
  private static void takeValuesVerbatim(CommandLine commandLine) {
    commandLine.setExpandAtFiles(false);
    commandLine.setAllowOptionsAsOptionParameters(true);
    commandLine.setTrimQuotes(false);
    commandLine.setAbbreviatedOptionsAllowed(false);
    commandLine.setPosixClusteredShortOptionsAllowed(false);
    commandLine.registerConverter(Path.class, new PathArgument());
  }

  private static int runChecked(ParseResult parsed) {
    List<CommandLine> commands = parsed.asCommandLineList();
    CommandLine last = commands.get(commands.size() - 1);
    Console console = Console.of(last);
    try {
      ParseResult own = last.getParseResult();
      if (own.isUsageHelpRequested() || own.isVersionHelpRequested() || console == null) {
        return new CommandLine.RunLast().execute(parsed);
      }
      NumberRange.check(own);
      if (console.isQuiet()) {
        quietenLogs();
      }
      return run(parsed, last, console);
    } catch (Error e) {
      throw new ExecutionException(last, "ended by an error", e);
    }
  }

  /** A process that is asked to stop waits at most until the end of this, so all is said here. */
  @SuppressWarnings("try") // What is not used by name asks the process to stop.
  private static int run(ParseResult parsed, CommandLine command, Console console) {
    try (Interruption interruption = console.begin();
        Inputs inputs = console.inputs()) {
      try {
        int code = new CommandLine.RunLast().execute(parsed);
        console.succeed();
        return code;
      } catch (ExecutionException | Error e) {
        return failed(e, command);
      }
    }
  }

  private static int badUsage(ParameterException e, String[] args) {
    ParseResult all = withAllErrors(args);
    ParameterException first = e instanceof MissingParameterException ? firstUnknown(all, e) : e;
    return badUsage(first, e.getCommandLine(), wantsJson(all));
  }

  /** Of what is unknown and what is missing the first is said: it may be the second, mistyped. */
  private static ParameterException firstUnknown(ParseResult all, ParameterException otherwise) {
    for (Exception each : all.errors()) {
      if (each instanceof UnmatchedArgumentException unknown && unknown.isUnknownOption()) {
        return unknown;
      }
    }
    return otherwise;
  }

  private static int badUsage(ParameterException e, CommandLine command, boolean json) {
    String name = command.getCommandSpec().qualifiedName();
    NumberRange range = NumberRange.of(e.getArgSpec());
    String message =
        e instanceof UnmatchedArgumentException unmatched
            ? unknown(unmatched)
            : range == null || e.getArgSpec() == null || e.getValue() == null
                ? e.getMessage()
                : range.refusal(e.getArgSpec(), e.getValue());
    String line = oneLine(message);
    command.getErr().println(name + ": " + line + " (" + name + " --help lists all options)");
    command.getErr().flush();
    if (json) {
      Console.printError(command.getOut(), Map.of(), line, BAD_INPUT);
    }
    return BAD_INPUT;
  }

  /** The first argument that is unknown; what comes after it may belong to it. */
  private static String unknown(UnmatchedArgumentException e) {
    String first = e.getUnmatched().get(0);
    CommandSpec of = e.getCommandLine().getCommandSpec();
    if (e.isUnknownOption()) {
      String given = first.split("=", 2)[0];
      return "unknown option '" + given + "'" + Suggestion.of(given, of.optionsMap().keySet());
    }
    return of.subcommands().isEmpty()
        ? "'" + first + "' is given where nothing more is needed"
        : "unknown command '" + first + "'" + Suggestion.of(first, of.subcommands().keySet());
  }

  /** What arguments that make no sense say all the same. */
  private static ParseResult withAllErrors(String... args) {
    CommandLine commandLine = commandLine();
    commandLine.getCommandSpec().parser().collectErrors(true);
    everySubcommand(commandLine)
        .forEach(each -> each.getCommandSpec().parser().collectErrors(true));
    ParseResult parsed = commandLine.parseArgs(args);
    while (parsed.hasSubcommand()) {
      parsed = parsed.subcommand();
    }
    return parsed;
  }

  private static boolean wantsJson(ParseResult parsed) {
    return parsed.hasMatchedOption(Console.JSON_OPTION)
        || parsed.unmatched().contains(Console.JSON_OPTION);
  }

  private static int exitCode(Throwable e) {
    if (e instanceof BackendUnavailableException) {
      return DEVICE_NOT_USABLE;
    }
    if (e instanceof DivergedException) {
      return DIVERGED;
    }
    if (e instanceof StoppedException) {
      return Interruption.exitCode();
    }
    // What the library calls an illegal argument came from the command line or a file it named; so
    // did the size of what does not fit the memory.
    return e instanceof IllegalArgumentException
            || e instanceof MalformedFileException
            || e instanceof DeviceMemoryException
            || e instanceof OutOfMemoryError
        ? BAD_INPUT
        : FAILED;
  }

  private static String describe(Throwable e) {
    if (e instanceof OutOfMemoryError) {
      return oneLine("out of memory (" + e.getMessage() + "); " + HeapLimit.words());
    }
    if (e instanceof InvalidPathException path) {
      return oneLine("'" + path.getInput() + "' cannot name a file: " + JavaLocale.cure());
    }
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
  static String oneLine(@Nullable String message) {
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
