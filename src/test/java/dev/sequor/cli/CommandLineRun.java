package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import picocli.CommandLine;

/**
 * One run of the program inside this process.
 *
 * @param code the exit code
 * @param out what it wrote to stdout
 * @param err what it wrote to stderr
 */
record CommandLineRun(int code, String out, String err) {

  /** Runs the program; an argument given as {@code "--a b"} stays one argument. */
  static CommandLineRun of(Object... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    CommandLine commandLine = Main.commandLine();
    commandLine.setOut(new PrintWriter(out, true));
    commandLine.setErr(new PrintWriter(err, true));
    String[] texts = new String[arguments.length];
    for (int i = 0; i < texts.length; i++) {
      texts[i] = arguments[i].toString();
    }
    int code = commandLine.execute(texts);
    return new CommandLineRun(code, out.toString(), err.toString());
  }

  /** Requires success. */
  CommandLineRun succeeds() {
    assertEquals(0, code, () -> "stderr: " + err);
    return this;
  }

  /**
   * Requires that the program refused its input in one line with {@code part}, and nothing else.
   */
  void isRefusedWith(int expectedCode, String part) {
    assertEquals(expectedCode, code, () -> "stdout: " + out + " stderr: " + err);
    assertEquals("", out);
    assertEquals(1, err.lines().count(), err);
    assertTrue(err.contains(part), () -> "needed '" + part + "' in: " + err);
    assertFalse(err.contains("Exception"), err);
    assertFalse(err.contains("\tat "), err);
  }

  /** The JSON object that is the one line on stdout. */
  JsonNode json() throws IOException {
    assertEquals(1, out.lines().count(), out);
    return new ObjectMapper().readTree(out);
  }
}
