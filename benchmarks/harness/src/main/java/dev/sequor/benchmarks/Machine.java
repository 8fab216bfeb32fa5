package dev.sequor.benchmarks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where a run took place, without anything that names the machine itself.
 *
 * @param cpu the processor's model
 * @param cores processors the JVM may use
 * @param memoryGiB installed memory
 * @param jdk the Java virtual machine and its version
 * @param os the operating system and its version
 */
public record Machine(String cpu, int cores, long memoryGiB, String jdk, String os) {

  /** This machine. */
  public static Machine current() throws IOException {
    return new Machine(
        valueOf("/proc/cpuinfo", "model name", System.getProperty("os.arch")),
        Runtime.getRuntime().availableProcessors(),
        installedMemoryGiB(),
        System.getProperty("java.vm.name") + " " + System.getProperty("java.runtime.version"),
        System.getProperty("os.name") + " " + System.getProperty("os.version"));
  }

  /** Whether the processor has products of bfloat16, and does not only emulate them. */
  static boolean multipliesBfloat16() throws IOException {
    return List.of(valueOf("/proc/cpuinfo", "flags", "").split(" ")).contains("avx512_bf16");
  }

  private static long installedMemoryGiB() throws IOException {
    String kilobytes = valueOf("/proc/meminfo", "MemTotal", "0 kB").replaceAll("\\D", "");
    return Math.round(Long.parseLong(kilobytes) / (1024.0 * 1024.0));
  }

  private static String valueOf(String file, String key, String otherwise) throws IOException {
    Path path = Path.of(file);
    if (!Files.isReadable(path)) {
      return otherwise;
    }
    try (Stream<String> lines = Files.lines(path)) {
      return lines
          .filter(line -> line.startsWith(key))
          .map(line -> line.substring(line.indexOf(':') + 1).strip())
          .findFirst()
          .orElse(otherwise);
    }
  }
}
