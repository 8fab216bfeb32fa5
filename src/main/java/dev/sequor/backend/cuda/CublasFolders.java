package dev.sequor.backend.cuda;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Folders that cuBLAS may lie in though the system's loader does not look there: those that the
 * user names, and those in which NVIDIA's toolkits and Python's packages are usually installed.
 */
final class CublasFolders {
  /** Where it lies in a toolkit, in an environment of conda, and in Python's packages. */
  private static final List<String> BELOW =
      List.of(
          "",
          "lib",
          "lib64",
          "targets/x86_64-linux/lib",
          "nvidia/cublas/lib",
          "nvidia/cu12/lib",
          "nvidia/cu13/lib");

  private static final List<String> TOOLKITS = List.of("CUDA_HOME", "CUDA_PATH", "CUDA_ROOT");
  private static final List<String> PYTHONS = List.of("VIRTUAL_ENV", "CONDA_PREFIX");
  private static final List<String> PACKAGES = List.of("site-packages", "dist-packages");

  private CublasFolders() {}

  /** Of a setting that names folders, each itself and what lies below it. */
  static List<Path> named(@Nullable String setting) {
    Set<Path> folders = new LinkedHashSet<>();
    for (String entry : setting == null ? new String[0] : setting.split(File.pathSeparator)) {
      if (!entry.isBlank()) {
        add(folders, Path.of(entry.strip()).toAbsolutePath());
      }
    }
    return List.copyOf(folders);
  }

  /**
   * The usual ones that there are, those of the user's environment first, newer toolkits before
   * older ones.
   *
   * @param environment the process's variables
   * @param root of the file system
   */
  static List<Path> usual(Map<String, String> environment, Path root) {
    Set<Path> folders = new LinkedHashSet<>();
    for (String toolkit : TOOLKITS) {
      add(folders, folder(environment, toolkit));
    }
    for (String python : PYTHONS) {
      Path folder = folder(environment, python);
      add(folders, folder);
      addPackages(folders, folder);
    }
    add(folders, root.resolve("usr/local/cuda"));
    matching(root.resolve("usr/local"), "cuda-").forEach(folder -> add(folders, folder));
    add(folders, root.resolve("opt/cuda"));
    Path home = folder(environment, "HOME");
    addPackages(folders, home == null ? null : home.resolve(".local"));
    addPackages(folders, root.resolve("usr/local"));
    addPackages(folders, root.resolve("usr"));
    return folders.stream().filter(Files::isDirectory).toList();
  }

  private static @Nullable Path folder(Map<String, String> environment, String variable) {
    String value = environment.getOrDefault(variable, "");
    return value.isBlank() ? null : Path.of(value).toAbsolutePath();
  }

  private static void add(Set<Path> folders, @Nullable Path folder) {
    if (folder != null) {
      BELOW.forEach(below -> folders.add(folder.resolve(below)));
    }
  }

  /** Packages of any Python that is installed below {@code prefix}. */
  private static void addPackages(Set<Path> folders, @Nullable Path prefix) {
    if (prefix != null) {
      for (Path python : matching(prefix.resolve("lib"), "python3")) {
        PACKAGES.forEach(packages -> add(folders, python.resolve(packages)));
      }
    }
  }

  /** What begins so in a folder, the largest version first; nothing if it cannot be read. */
  private static List<Path> matching(Path folder, String begin) {
    List<Path> found = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      files.filter(file -> name(file).startsWith(begin)).forEach(found::add);
    } catch (IOException | UncheckedIOException e) {
      return List.of();
    }
    found.sort(Comparator.comparing((Path file) -> version(name(file), begin)).reversed());
    return found;
  }

  private static String name(Path file) {
    return String.valueOf(file.getFileName());
  }

  /** {@code 13.1} before {@code 9.2} as text, too. */
  private static String version(String name, String begin) {
    StringBuilder version = new StringBuilder();
    for (String part : name.substring(begin.length()).split("\\.", -1)) {
      version.append("0".repeat(Math.max(0, 4 - part.length()))).append(part).append('.');
    }
    return version.toString();
  }
}
