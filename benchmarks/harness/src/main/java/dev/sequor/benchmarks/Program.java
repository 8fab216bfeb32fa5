package dev.sequor.benchmarks;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * How a contender's process is started.
 *
 * @param command the program and its arguments
 */
record Program(List<String> command) {
  Program {
    command = List.copyOf(command);
  }

  /** A class with a {@code main}, on the virtual machine that this one is. */
  static Program java(String classPath, String mainClass, List<String> arguments) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    if (Runtime.version().feature() >= 24) {
      command.add("--enable-native-access=ALL-UNNAMED");
      command.add("--sun-misc-unsafe-memory-access=allow");
    }
    // The serial collector has no threads of its own that could disturb whoever is being timed.
    command.add("-XX:+UseSerialGC");
    command.add("-Xmx6g");
    command.add("-Dorg.bytedeco.javacpp.maxBytes=0");
    command.add("-Dorg.bytedeco.javacpp.maxPhysicalBytes=0");
    command.add("-cp");
    command.add(classPath);
    command.add(mainClass);
    command.addAll(arguments);
    return new Program(command);
  }

  /** A script. */
  static Program python(Path python, Path script, List<String> arguments) {
    List<String> command = new ArrayList<>(List.of(python.toString(), script.toString()));
    command.addAll(arguments);
    return new Program(command);
  }
}
