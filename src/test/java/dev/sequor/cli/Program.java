package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The program, or another class, in a process of its own: with the streams, the locale and the
 * memory that users give it.
 */
final class Program {
  private static final int MINUTES = 2;

  /** From this Java on, loading a native library asks for a permission or prints a warning. */
  private static final int QUIETLY_NATIVE = 24;

  private final Class<?> main;
  private final Path folder;
  private final List<String> options = new ArrayList<>(List.of("-XX:TieredStopAtLevel=1"));
  private final Map<String, String> environment = new HashMap<>();
  private ProcessBuilder.Redirect out;
  private boolean outIsClosed;
  private String before = "";
  private String classPath =
      System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));

  /** Runs {@code main} in {@code folder}, where its stdout and stderr become files. */
  Program(Class<?> main, Path folder) {
    this.main = main;
    this.folder = folder;
    this.out = ProcessBuilder.Redirect.to(outFile());
  }

  private File outFile() {
    return folder.resolve("stdout").toFile();
  }

  /**
   * How it ended.
   *
   * @param code the exit code
   * @param out what it wrote to stdout, if that is a file
   * @param err what it wrote to stderr
   */
  record Result(int code, String out, String err) {
    /** Requires this exit code, no stack trace, and one line on stderr with each of these parts. */
    Result endsWithOneLine(int expected, String... parts) {
      assertEquals(expected, code, this::toString);
      assertEquals(1, err.lines().count(), this::toString);
      for (String part : parts) {
        assertTrue(err.contains(part), () -> "needed '" + part + "' in: " + this);
      }
      return showsNoTrace();
    }

    /** Requires that no stream shows a stack trace. */
    Result showsNoTrace() {
      assertFalse((out + err).contains("\tat "), this::toString);
      return this;
    }
  }

  /** Gives the JVM options. */
  Program options(String... more) {
    options.addAll(Arrays.asList(more));
    return this;
  }

  /** Sets a variable of the environment. */
  Program environment(String name, String value) {
    environment.put(name, value);
    return this;
  }

  /** Sends stdout to this file. */
  Program outTo(String file) {
    out = ProcessBuilder.Redirect.to(new File(file));
    return this;
  }

  /** Makes stdout a pipe that nobody reads. */
  Program outToClosedPipe() {
    out = ProcessBuilder.Redirect.PIPE;
    outIsClosed = true;
    return this;
  }

  /** Puts a folder before everything else on the class path. */
  Program classPathBegins(Path first) {
    classPath = first + File.pathSeparator + classPath;
    return this;
  }

  /** Runs shell commands before it, in the same shell. */
  Program after(String commands) {
    before = commands;
    return this;
  }

  /**
   * Runs it to its end.
   *
   * @param arguments of the program, in the shell's notation where {@link #after} was called
   */
  Result run(Object... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    if (Runtime.version().feature() >= QUIETLY_NATIVE) {
      command.add("--enable-native-access=ALL-UNNAMED");
      command.add("--sun-misc-unsafe-memory-access=allow");
    }
    command.addAll(options);
    command.addAll(List.of("-cp", classPath, main.getName()));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    if (!before.isEmpty()) {
      command = List.of("sh", "-c", before + " && exec " + String.join(" ", command));
    }
    File err = folder.resolve("stderr").toFile();
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectOutput(out)
            .redirectError(err);
    builder
        .environment()
        .keySet()
        .removeIf(
            name ->
                name.equals("LD_LIBRARY_PATH")
                    || name.startsWith("SEQUOR_")
                    || name.startsWith("LC_"));
    builder.environment().putAll(environment);
    Process process = builder.start();
    if (outIsClosed) {
      process.getInputStream().close();
    }
    if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
      process.destroyForcibly();
      throw new AssertionError(command + " does not end: " + Files.readString(err.toPath()));
    }
    return new Result(
        process.exitValue(),
        outFile().exists() ? Files.readString(outFile().toPath()) : "",
        Files.readString(err.toPath()));
  }
}
