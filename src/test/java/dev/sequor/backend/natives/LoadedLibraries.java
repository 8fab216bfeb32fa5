package dev.sequor.backend.natives;

import dev.sequor.backend.Devices;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** A program: opens the CPU and prints which files the engine and JavaCPP's library came from. */
final class LoadedLibraries {
  private LoadedLibraries() {}

  public static void main(String[] args) throws IOException {
    Devices.open("cpu").close();
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      maps.filter(line -> line.contains("libjni"))
          .map(line -> line.substring(line.indexOf('/')))
          .distinct()
          .sorted()
          .forEach(System.out::println);
    }
  }
}
