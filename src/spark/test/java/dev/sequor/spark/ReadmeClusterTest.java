package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What README.md says of a cluster compiles as it stands there. */
class ReadmeClusterTest {
  @TempDir Path folder;

  @Test
  void theProgramCompiles() throws Exception {
    Matcher block =
        Pattern.compile("## On a cluster.*?```java\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("README.md"), StandardCharsets.UTF_8));
    assertTrue(block.find(), "README.md has no program for a cluster");
    Path file = folder.resolve("Readme.java");
    Files.writeString(
        file,
        """
        import dev.sequor.io.*;
        import dev.sequor.model.*;
        import dev.sequor.spark.*;
        import org.apache.spark.sql.*;

        class Readme {
          static void run(SparkSession spark, ModelSpec spec, Dataset<Row> frame) throws Exception {
        """
            + block.group(1)
            + "}}",
        StandardCharsets.UTF_8);
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    StringWriter said = new StringWriter();
    try (StandardJavaFileManager files =
        compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
      boolean compiled =
          compiler
              .getTask(
                  said,
                  files,
                  null,
                  List.of("-cp", classPath, "-d", folder.toString(), "-nowarn", "-proc:none"),
                  null,
                  files.getJavaFileObjects(file))
              .call();
      assertEquals("true", compiled + said.toString());
    }
  }

  /** The jars of the spark-submit line are those of this build, and its options those there are. */
  @Test
  void theCommandsAreThoseOfTheProgramAndTheJarsThoseThatItNeeds() throws Exception {
    Matcher block =
        Pattern.compile("## On a cluster.*?```sh\n(spark-submit.*?)```", Pattern.DOTALL)
            .matcher(
                Files.readString(Path.of("README.md"), StandardCharsets.UTF_8)
                    .replaceAll("(?s)```sh\n\\./sequor.*?```", ""));
    assertTrue(block.find(), "README.md has no line for spark-submit");
    List<String> words = List.of(block.group(1).replace("\\\n", " ").strip().split("\\s+"));
    assertEquals(SparkCommand.class.getName(), words.get(words.indexOf("--class") + 1));
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    List<String> there =
        Pattern.compile(java.io.File.pathSeparator)
            .splitAsStream(classPath)
            .map(entry -> Path.of(entry).getFileName().toString())
            .toList();
    List<String> jars = List.of(words.get(words.indexOf("--jars") + 1).split(","));
    for (String jar : jars) {
      // The natives have the version of the classes.
      String known = jar.replace("-linux-x86_64", "");
      assertTrue(jar.startsWith("sequor-") || there.contains(known), jar + " is not of this build");
    }
    for (String needed :
        List.of(
            "picocli-", "progressbar-", "jline-terminal-", "jsvg-", "javacpp-", "commons-csv-")) {
      assertTrue(jars.stream().anyMatch(jar -> jar.startsWith(needed)), needed + " is missing");
    }
    int command = words.indexOf("train");
    String[] arguments =
        SparkCommand.onCluster(
            words.subList(command, words.size()).toArray(String[]::new), "local");
    dev.sequor.cli.Main.commandLine().parseArgs(arguments);
  }
}
