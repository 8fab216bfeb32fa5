package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The launcher, in a folder whose name has a space and another letter, with a Maven that only hands
 * over what is built already. {@code ci/check-launcher} does the same with the real one.
 */
@EnabledOnOs(OS.LINUX)
class LauncherTest {
  private static final long PATIENCE_SECONDS = 120;

  /** Jars that the command line needs at run time. */
  private static final Pattern NEEDED =
      Pattern.compile("(?:picocli|jackson|slf4j|jspecify|javacpp-\\d|progressbar|jline|jsvg).*");

  private static final String MAVEN =
      """
      #!/bin/sh
      echo build >> "$BUILDS"
      printf '\\033[0m\\033[1;31mred\\033[m\\n'
      for argument; do case $argument in -Dmdep.outputFile=*) out=${argument#*=} ;; esac; done
      sleep "${BUILD_SECONDS:-0.5}"
      [ -e target/classes ] || ln -s "$CLASSES" target/classes
      printf %s "$JARS" > "$out"
      """;

  @TempDir Path folder;
  private Path project = Path.of("");

  private record Result(int code, String out, String err) {}

  @BeforeEach
  void makeProject() throws IOException {
    project = folder.resolve("pro jekt é");
    for (String each : List.of("src/main", "native", "kernels/prebuilt", "ci")) {
      Files.createDirectories(project.resolve(each));
    }
    for (String each :
        List.of(
            "pom.xml", "src/pom.xml", "ci/build-native", "ci/hash-libraries", "ci/link-native")) {
      Files.createFile(project.resolve(each));
    }
    Files.copy(Path.of("ci/utf8-locale"), project.resolve("ci/utf8-locale"));
    Files.copy(Path.of("ci/on-spark"), project.resolve("ci/on-spark"));
    Files.copy(Path.of("sequor"), project.resolve("sequor"), StandardCopyOption.COPY_ATTRIBUTES);
    Path maven = Files.createDirectories(folder.resolve("bin")).resolve("mvn");
    Files.writeString(maven, MAVEN);
    Files.setPosixFilePermissions(maven, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  private ProcessBuilder launcher(String name, String... command) {
    List<String> whole = new ArrayList<>(Arrays.asList(command));
    ProcessBuilder builder =
        new ProcessBuilder(whole)
            .redirectOutput(folder.resolve(name + ".out").toFile())
            .redirectError(folder.resolve(name + ".err").toFile());
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    Map<String, String> environment = builder.environment();
    environment.keySet().removeIf(each -> each.startsWith("LC_") || each.startsWith("SEQUOR_"));
    environment.put("LANG", "C");
    environment.put("JAVA_HOME", System.getProperty("java.home"));
    environment.put("PATH", folder.resolve("bin") + ":" + System.getenv("PATH"));
    environment.put("BUILDS", folder.resolve("builds").toString());
    environment.put("CLASSES", Path.of("target/classes").toAbsolutePath().toString());
    environment.put(
        "JARS",
        Stream.of(classPath.split(File.pathSeparator, -1))
            .filter(entry -> NEEDED.matcher(String.valueOf(Path.of(entry).getFileName())).matches())
            .collect(Collectors.joining(":")));
    return builder;
  }

  private Result finish(String name, Process process) throws Exception {
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError(name + " does not end");
    }
    return new Result(
        process.exitValue(),
        Files.readString(folder.resolve(name + ".out")),
        Files.readString(folder.resolve(name + ".err")));
  }

  private Result run(ProcessBuilder builder) throws Exception {
    return finish("run", builder.start());
  }

  private String sequor() {
    return project.resolve("sequor").toString();
  }

  private long builds() throws IOException {
    return Files.readAllLines(folder.resolve("builds")).size();
  }

  @Test
  void twoFirstBuildsAtOnceAreOne() throws Exception {
    Process first = launcher("first", sequor(), "--help").start();
    Process second = launcher("second", sequor(), "--help").start();
    for (Result each : List.of(finish("first", first), finish("second", second))) {
      assertEquals(0, each.code, each::toString);
      assertTrue(each.out.contains("train"), each::toString);
    }
    assertEquals(1, builds());
    try (Stream<Path> left = Files.list(project.resolve("target"))) {
      assertEquals(
          List.of("classes", "launcher", "launcher.classpath"),
          left.map(path -> path.getFileName().toString()).sorted().toList());
    }
  }

  @Test
  void whatTheBuildSaysHasNoEscapeCodesAndItsNoteIsLeftOutIfQuietIsWanted() throws Exception {
    Result built = run(launcher("run", sequor(), "--version"));
    assertEquals(0, built.code, built::toString);
    assertTrue(built.err.startsWith("sequor: building (once"), built.err);
    assertTrue(built.err.endsWith("\nred\n"), built.err);
    assertTrue(built.out.startsWith("sequor "), built.out);
    Files.delete(project.resolve("target/launcher.classpath"));
    Result quiet = run(launcher("run", sequor(), "info", "--quiet"));
    assertEquals(0, quiet.code, quiet::toString);
    // Java's own warning: no engine was built here, so the device `java` may come in.
    assertEquals(
        "red\n", quiet.err.replace("WARNING: Using incubator modules: jdk.incubator.vector\n", ""));
    assertEquals(2, builds());
  }

  @Test
  void aKilledBuildLeavesNoLockBehind() throws Exception {
    ProcessBuilder slow = launcher("slow", sequor(), "--help");
    slow.environment().put("BUILD_SECONDS", "1000");
    Process killed = slow.start();
    while (!Files.exists(folder.resolve("builds"))) {
      assertTrue(killed.isAlive(), "the build has not begun");
      Thread.sleep(5);
    }
    killed.descendants().forEach(ProcessHandle::destroyForcibly);
    killed.destroyForcibly().waitFor();
    Result next = run(launcher("run", sequor(), "--help"));
    assertEquals(0, next.code, next::toString);
    assertEquals(2, builds());
  }

  @ParameterizedTest(name = "{0}")
  @ValueSource(
      strings = {"LANG=C", "LC_ALL=C", "LC_ALL=POSIX", "LANG=xx_YY.UTF-8", "LC_ALL=C.UTF-8"})
  void lettersReachJavaUnharmed(String setting) throws Exception {
    Path text = Files.writeString(folder.resolve("tèxt"), "éàü".repeat(2000));
    String[] locale = setting.split("=", 2);
    for (String[] arguments :
        new String[][] {
          {
            "train",
            "--text",
            text.toString(),
            "--out",
            folder.resolve("modèle").toString(),
            "--device",
            "java",
            "--hidden",
            "4",
            "--steps",
            "1",
            "--quiet"
          },
          {
            "sample",
            folder.resolve("modèle").toString(),
            "--prime",
            "é",
            "--device",
            "java",
            "--length",
            "3"
          }
        }) {
      List<String> command = new ArrayList<>(List.of(sequor()));
      command.addAll(Arrays.asList(arguments));
      ProcessBuilder builder = launcher("run", command.toArray(String[]::new));
      builder.environment().put(locale[0], locale[1]);
      Result result = run(builder);
      assertEquals(0, result.code, result::toString);
      if (arguments[0].equals("sample")) {
        assertTrue(result.out.matches("é[éàü]{3}\\s*"), result::toString);
      }
    }
    assertTrue(Files.exists(folder.resolve("modèle/config.json")));
  }

  @Test
  void whatOneUserHasBuiltAnotherCanRunAndIsToldIfItIsStale() throws Exception {
    assumeTrue(
        Integer.valueOf(0)
            .equals(Files.getAttribute(folder, "unix:uid", LinkOption.NOFOLLOW_LINKS)),
        "only root can become somebody else");
    assumeTrue(new File("/usr/bin/setpriv").canExecute(), "there is no setpriv");
    assertEquals(0, run(launcher("run", sequor(), "--help")).code);
    Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    // The tests' own classes may lie where nobody else can look; a copy cannot.
    Path classes = project.resolve("target/classes");
    Files.delete(classes);
    assertEquals(
        0,
        new ProcessBuilder(
                "cp",
                "-r",
                Path.of("target/classes").toAbsolutePath().toString(),
                classes.toString())
            .start()
            .waitFor());
    Files.setLastModifiedTime(
        project.resolve("target/launcher.classpath"), FileTime.from(Instant.now()));
    String[] asNobody = {
      "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sequor(), "--help"
    };
    Result usable = run(launcher("run", asNobody));
    assertEquals(0, usable.code, usable::toString);
    assertEquals("", usable.err);

    Path source = Files.createFile(project.resolve("src/main/New.java"));
    Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(60)));
    Result stale = run(launcher("run", asNobody));
    assertEquals(1, stale.code, stale::toString);
    assertEquals(1, stale.err.lines().count(), stale.err);
    assertTrue(
        stale.err.startsWith("sequor: " + source + " is newer than what was built, and "),
        stale.err);
    assertTrue(
        stale.err.contains("Permission denied; have root run ./sequor info once"), stale.err);
    assertFalse(stale.err.contains("mvn"), stale.err);
    Files.delete(source);

    // Built by somebody whose files nobody else may read.
    Path stamp = project.resolve("target/launcher.classpath");
    Files.setPosixFilePermissions(stamp, PosixFilePermissions.fromString("rw-------"));
    Result unreadable = run(launcher("run", asNobody));
    assertEquals(1, unreadable.code, unreadable::toString);
    assertEquals(1, unreadable.err.lines().count(), unreadable.err);
    assertTrue(
        unreadable.err.endsWith("have root make it readable (chmod -R a+rX)\n"), unreadable.err);
  }
}
