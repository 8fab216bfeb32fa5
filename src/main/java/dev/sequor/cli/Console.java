package dev.sequor.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command may print: one JSON line, or words; and what it says on the way. */
final class Console {
  /** The option for the JSON line. */
  static final String JSON_OPTION = "--json";

  private static final ObjectMapper JSON = new ObjectMapper();

  @Option(
      names = JSON_OPTION,
      description =
          "Print exactly one line on stdout, a JSON object, of an error too; all else goes to"
              + " stderr.")
  private boolean json;

  @Option(names = "--quiet", description = "Nothing on stderr but errors.")
  private boolean quiet;

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec spec;

  private final PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
  private volatile Map<String, ?> result = Map.of();
  private final AtomicBoolean ended = new AtomicBoolean();
  private final Inputs inputs = new Inputs();
  private @Nullable Interruption interruption;

  /** That of a command; null of the program itself, which prints nothing but help. */
  static @Nullable Console of(CommandLine command) {
    for (CommandSpec mixin : command.getCommandSpec().mixins().values()) {
      if (mixin.userObject() instanceof Console console) {
        return console;
      }
    }
    return null;
  }

  private CommandSpec spec() {
    if (spec == null) {
      throw new IllegalStateException("used before the command line was parsed");
    }
    return spec;
  }

  /** Whether stdout is for one JSON line only. */
  boolean isJson() {
    return json;
  }

  /** Whether stderr is for errors only. */
  boolean isQuiet() {
    return quiet;
  }

  /** Results in words: stdout, or stderr if stdout is for JSON. */
  PrintWriter words() {
    return json ? notes() : spec().commandLine().getOut();
  }

  /** Progress and warnings. */
  PrintWriter notes() {
    return quiet ? nowhere : spec().commandLine().getErr();
  }

  /** Says how far the work is, at once. */
  void note(String line) {
    PrintWriter notes = notes();
    notes.println(line);
    notes.flush();
  }

  /** What the one line on stdout will hold when the command has ended, if it was asked for. */
  void result(Map<String, ?> values) {
    result = values;
  }

  /** What the command reads. */
  Inputs inputs() {
    return inputs;
  }

  /** What asks this process to stop. */
  Interruption interruption() {
    if (interruption == null) {
      throw new IllegalStateException("used outside a command");
    }
    return interruption;
  }

  /** The command begins. */
  Interruption begin() {
    Interruption begun = new Interruption(() -> fail("interrupted", Interruption.exitCode()));
    interruption = begun;
    return begun;
  }

  /** The command has done what it was to do. */
  void succeed() {
    words().flush();
    if (!ended.getAndSet(true)) {
      if (json) {
        print(spec().commandLine().getOut(), result);
      }
    }
  }

  /** The command has ended with an error: one line on stderr, and the one on stdout says it too. */
  void fail(String message, int exitCode) {
    if (!ended.getAndSet(true)) {
      PrintWriter err = spec().commandLine().getErr();
      err.println(spec().qualifiedName() + ": " + message);
      err.flush();
      if (json) {
        printError(spec().commandLine().getOut(), result, message, exitCode);
      }
    }
  }

  /** The line that says an error, and what is known besides. */
  static void printError(PrintWriter out, Map<String, ?> known, String message, int exitCode) {
    Map<String, @Nullable Object> values = new LinkedHashMap<>(known);
    values.put("error", message);
    values.put("exitCode", exitCode);
    print(out, values);
  }

  private static void print(PrintWriter out, Map<String, ?> values) {
    try {
      out.println(JSON.writeValueAsString(values));
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("cannot write the result as JSON", e);
    }
    out.flush();
  }
}
