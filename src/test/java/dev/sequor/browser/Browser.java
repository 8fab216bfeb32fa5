package dev.sequor.browser;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * Chromium without a window, with a profile of its own that goes when it is closed. It is spoken to
 * through pipes: nobody else can reach it, and it ends by itself when this process is gone.
 */
public final class Browser implements AutoCloseable {
  private static final String VARIABLE = "SEQUOR_CHROMIUM";
  private static final List<String> NAMES =
      List.of("chromium", "chromium-browser", "google-chrome");
  private static final long ENDS_WITHIN_SECONDS = 10;

  /** Chromium takes its pipes as the files 3 and 4; the first argument is where the rest goes. */
  private static final String WITH_PIPES =
      "log=$1; shift; exec \"$@\" 3<&0 4>&1 < /dev/null > \"$log\" 2>&1";

  private final Path folder;
  private final Process process;
  private final DevTools tools;

  private Browser(Path folder, Process process) {
    this.folder = folder;
    this.process = process;
    this.tools = new DevTools(process.getInputStream(), process.getOutputStream());
  }

  /** The program, as {@code SEQUOR_CHROMIUM} or the {@code PATH} has it. */
  static Optional<Path> installed() {
    String set = System.getenv(VARIABLE);
    if (set != null && !set.isEmpty()) {
      return Optional.of(Path.of(set));
    }
    for (String name : NAMES) {
      for (String directory :
          System.getenv().getOrDefault("PATH", "").split(File.pathSeparator, -1)) {
        Path program = Path.of(directory, name);
        if (Files.isExecutable(program)) {
          return Optional.of(program);
        }
      }
    }
    return Optional.empty();
  }

  /**
   * Starts one, or skips the test where none is installed.
   *
   * @throws IOException if it is installed and does not start; says why
   */
  public static Browser startOrSkip() throws IOException {
    Optional<Path> program = installed();
    assumeTrue(
        program.isPresent(),
        "no chromium on the PATH or in " + VARIABLE + ": install it (Debian: chromium)");
    return start(program.orElseThrow());
  }

  private static Browser start(Path program) throws IOException {
    Path folder = Files.createTempDirectory("sequor-browser");
    Path log = folder.resolve("log");
    List<String> command =
        new ArrayList<>(
            List.of(
                "sh",
                "-c",
                WITH_PIPES,
                "sh",
                log.toString(),
                program.toString(),
                "--headless=new",
                "--remote-debugging-pipe",
                "--user-data-dir=" + folder.resolve("profile"),
                "--no-first-run",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--hide-scrollbars",
                "--force-color-profile=srgb"));
    if (isRoot()) {
      command.add("--no-sandbox"); // It refuses to start otherwise.
    }
    ProcessBuilder builder = new ProcessBuilder(command);
    // What the tests' own process finds there is a simulated driver.
    builder.environment().remove("LD_LIBRARY_PATH");
    Browser browser = new Browser(folder, builder.start());
    try {
      browser.tools.call("", "Browser.getVersion", DevTools.parameters());
      return browser;
    } catch (IOException e) {
      String said = Files.exists(log) ? Files.readString(log, StandardCharsets.UTF_8) : "";
      browser.close();
      throw new IOException(program + " does not start: " + said, e);
    }
  }

  private static boolean isRoot() throws IOException {
    return Files.exists(Path.of("/proc/self"))
        && Files.getAttribute(Path.of("/proc/self"), "unix:uid").equals(0);
  }

  /** Loads a file, whatever is in it. */
  public Tab open(Path file) throws IOException {
    return open(file.toUri());
  }

  /** Loads a page. */
  public Tab open(URI page) throws IOException {
    JsonNode target =
        tools.call("", "Target.createTarget", DevTools.parameters().put("url", "about:blank"));
    String id = target.get("targetId").asText();
    JsonNode session =
        tools.call(
            "",
            "Target.attachToTarget",
            DevTools.parameters().put("targetId", id).put("flatten", true));
    Tab tab = new Tab(tools, id, session.get("sessionId").asText());
    tab.load(page);
    return tab;
  }

  /** Its processes, as far as they are known. */
  List<ProcessHandle> processes() {
    List<ProcessHandle> processes = new ArrayList<>(process.descendants().toList());
    processes.add(process.toHandle());
    return processes;
  }

  Path folder() {
    return folder;
  }

  /** Closes its pipe, upon which it ends. */
  void abandon() throws IOException {
    process.getOutputStream().close();
  }

  @Override
  public void close() throws IOException {
    List<ProcessHandle> processes = processes();
    try {
      if (process.isAlive()) {
        tools.call("", "Browser.close", DevTools.parameters());
      }
    } catch (IOException e) {
      // It is gone already, or hangs: then it is ended below.
    } finally {
      try {
        if (!process.waitFor(ENDS_WITHIN_SECONDS, TimeUnit.SECONDS)) {
          process.destroyForcibly().waitFor(ENDS_WITHIN_SECONDS, TimeUnit.SECONDS);
        }
        for (ProcessHandle each : processes) {
          if (each.isAlive()) {
            each.destroyForcibly();
            each.onExit().completeOnTimeout(each, ENDS_WITHIN_SECONDS, TimeUnit.SECONDS).join();
          }
        }
      } catch (InterruptedException e) {
        processes.forEach(ProcessHandle::destroyForcibly);
        Thread.currentThread().interrupt();
      }
      delete(folder);
    }
  }

  private static void delete(Path folder) throws IOException {
    Files.walkFileTree(
        folder,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult visitFileFailed(Path file, IOException e) {
            return FileVisitResult.CONTINUE; // It went by itself.
          }

          @Override
          public FileVisitResult postVisitDirectory(
              Path directory, @org.jspecify.annotations.Nullable IOException e) throws IOException {
            Files.deleteIfExists(directory);
            return FileVisitResult.CONTINUE;
          }
        });
  }
}
