package dev.sequor.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.PrintWriter;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What every command may print: one JSON line, or words. */
final class Console {
  private static final ObjectMapper JSON = new ObjectMapper();

  @Option(
      names = "--json",
      description = "Print exactly one line on stdout, a JSON object; all else goes to stderr.")
  private boolean json;

  @Spec(Spec.Target.MIXEE)
  private @Nullable CommandSpec spec;

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

  /** Results in words: stdout, or stderr if stdout is for JSON. */
  PrintWriter words() {
    return json ? err() : spec().commandLine().getOut();
  }

  /** Progress and warnings. */
  PrintWriter err() {
    return spec().commandLine().getErr();
  }

  /** The one line on stdout, if it was asked for. */
  void result(Map<String, ?> values) {
    if (json) {
      try {
        spec().commandLine().getOut().println(JSON.writeValueAsString(values));
      } catch (JsonProcessingException e) {
        throw new IllegalStateException("cannot write the result as JSON", e);
      }
      spec().commandLine().getOut().flush();
    }
  }
}
