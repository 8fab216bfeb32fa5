package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import picocli.CommandLine;

/**
 * One run of the program inside this process.
 *
 * @param code the exit code
 * @param out what it wrote to stdout
 * @param err what it wrote to stderr
 * @param wantsJson whether its one line on stdout was asked for
 */
record CommandLineRun(int code, String out, String err, boolean wantsJson) {

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
    boolean wantsJson = List.of(texts).contains("--json");
    return new CommandLineRun(code, out.toString(), err.toString(), wantsJson);
  }

  /** Requires success. */
  CommandLineRun succeeds() {
    assertEquals(0, code, () -> "stderr: " + err);
    return this;
  }

  /**
   * Requires that the program refused its input in one line with {@code part}, and nothing else but
   * the JSON line that says the same.
   */
  void isRefusedWith(int expectedCode, String part) {
    assertEquals(expectedCode, code, () -> "stdout: " + out + " stderr: " + err);
    assertEquals(1, err.lines().count(), err);
    if (wantsJson) {
      try {
        JsonNode said = json();
        assertEquals(code, said.get("exitCode").asInt(), out);
        String message = said.get("error").asText();
        assertTrue(!message.isBlank() && err.contains(": " + message), () -> out + err);
      } catch (IOException e) {
        throw new AssertionError(out, e);
      }
    } else {
      assertEquals("", out);
    }
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
