package dev.sequor.backend.cuda;

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
 * A Java process of its own, since a process loads a library once and for all. Without the library
 * path and the settings of this one, unless they are given.
 */
public final class ChildJvm {
  private static final int MINUTES = 3;

  /** From this Java on, loading a native library asks for a permission or prints a warning. */
  private static final int QUIETLY_NATIVE = 24;

  private final String mainClass;

  /** Short programs are over before what the second compiler makes would pay. */
  private final List<String> options = new ArrayList<>(List.of("-XX:TieredStopAtLevel=1"));

  private final Map<String, String> environment = new HashMap<>();
  private final List<String> launcher = new ArrayList<>();
  private boolean nativeAccess = true;
  private String classPath =
      System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));

  private ChildJvm(String mainClass) {
    this.mainClass = mainClass;
  }

  /**
   * How it ended.
   *
   * @param code the exit code
   * @param out what it wrote to stdout
   * @param err what it wrote to stderr
   */
  public record Result(int code, String out, String err) {
    /** Requires that neither stream shows a stack trace. */
    public Result showsNoStackTrace() {
      assertFalse((out + err).contains("\tat "), this::toString);
      return this;
    }

    /** Requires text on stdout. */
    public Result says(String... parts) {
      for (String part : parts) {
        assertTrue(out.contains(part), () -> "needed '" + part + "' in: " + this);
      }
      return this;
    }
  }

  public static ChildJvm running(String mainClass) {
    return new ChildJvm(mainClass);
  }

  public ChildJvm option(String option) {
    options.add(option);
    return this;
  }

  public ChildJvm environment(String name, Object value) {
    environment.put(name, value.toString());
    return this;
  }

  /** Leaves Java's permission to load native libraries out. */
  public ChildJvm withoutNativeAccess() {
    nativeAccess = false;
    return this;
  }

  /** Has another program start Java: its command comes before Java's. */
  public ChildJvm startedBy(String... command) {
    launcher.addAll(List.of(command));
    return this;
  }

  /** Puts a folder before everything else on the class path. */
  public ChildJvm classPathBegins(Path folder) {
    classPath = folder + File.pathSeparator + classPath;
    return this;
  }

  public Result run(String... arguments) throws IOException, InterruptedException {
    Path out = Files.createTempFile("child", ".out");
    Path err = Files.createTempFile("child", ".err");
    try {
      List<String> command = new ArrayList<>(launcher);
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      if (Runtime.version().feature() >= QUIETLY_NATIVE) {
        if (nativeAccess) {
          command.add("--enable-native-access=ALL-UNNAMED");
        }
        command.add("--sun-misc-unsafe-memory-access=allow");
      }
      command.addAll(options);
      command.addAll(List.of("-cp", classPath, mainClass));
      command.addAll(Arrays.asList(arguments));
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile());
      builder
          .environment()
          .keySet()
          .removeIf(name -> name.equals("LD_LIBRARY_PATH") || name.startsWith("SEQUOR_"));
      builder.environment().putAll(environment);
      Process process = builder.start();
      if (!process.waitFor(MINUTES, TimeUnit.MINUTES)) {
        process.destroyForcibly();
        throw new AssertionError(mainClass + " did not end: " + Files.readString(out));
      }
      return new Result(process.exitValue(), Files.readString(out), Files.readString(err));
    } finally {
      Files.delete(out);
      Files.delete(err);
    }
  }
}
