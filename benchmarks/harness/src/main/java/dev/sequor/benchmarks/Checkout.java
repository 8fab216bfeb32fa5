package dev.sequor.benchmarks;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The sources that are measured. */
public final class Checkout {
  private Checkout() {}

  /**
   * The commit of the checkout that {@code home} is in, with "+" if tracked files had changed; the
   * system property {@code benchmarks.commit} where there is no checkout, or else "unknown".
   */
  public static String commit(Path home) throws IOException {
    String revision = git(home, "rev-parse", "--short=12", "HEAD");
    if (revision.isEmpty()) {
      return System.getProperty("benchmarks.commit", "unknown");
    }
    return git(home, "status", "--porcelain", "--untracked-files=no").isEmpty()
        ? revision
        : revision + "+";
  }

  /** What git prints; empty if it fails, outside a clone for example. */
  private static String git(Path directory, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(List.of("git", "-C", directory.toString()));
    command.addAll(List.of(arguments));
    Process process;
    try {
      process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
    } catch (IOException e) {
      return ""; // no git on the PATH
    }
    return new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
  }
}
