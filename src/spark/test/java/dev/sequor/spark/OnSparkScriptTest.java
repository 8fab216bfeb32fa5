package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * {@code ci/on-spark}, by which the scripts named {@code sequor} hand over to Spark: what comes out
 * is the command's, unless somebody has asked to see more.
 */
class OnSparkScriptTest {
  private static final long PATIENCE_SECONDS = 300;

  /** Java's, of a module that Spark has it add; no option of Java's keeps it from that. */
  private static final String OF_JAVA = "WARNING: Using incubator modules: jdk.incubator.vector";

  @TempDir Path folder;
  private Path scripts = Path.of("");
  private Path text = Path.of("");
  private Path home = Path.of(System.getenv("SPARK_HOME"));

  private record Result(int code, List<String> out, List<String> err) {}

  @BeforeEach
  void copyTheScript() throws IOException {
    scripts = Files.createDirectories(folder.resolve("pro jekt é"));
    for (String each : List.of("on-spark", "on-spark-log4j2.properties")) {
      Files.copy(Path.of("ci", each), scripts.resolve(each));
    }
    text = Texts.invented(folder, 3000, 1);
  }

  private String jars() throws IOException {
    List<String> own = new ArrayList<>();
    for (String entry : Sessions.linkJars()) {
      own.add(
          Files.isDirectory(Path.of(entry)) ? jar(Path.of(entry), own.size()).toString() : entry);
    }
    return String.join(":", own);
  }

  private Path jar(Path classes, int number) throws IOException {
    Path jar = folder.resolve("sequor" + number + ".jar");
    try (OutputStream out = Files.newOutputStream(jar);
        ZipOutputStream zip = new ZipOutputStream(out);
        Stream<Path> all = Files.walk(classes)) {
      for (Path file : (Iterable<Path>) all.filter(Files::isRegularFile)::iterator) {
        // The tests' own log4j2.properties is for them alone.
        if (!file.endsWith("log4j2.properties")) {
          zip.putNextEntry(new ZipEntry(classes.relativize(file).toString()));
          Files.copy(file, zip);
        }
      }
    }
    return jar;
  }

  private Result run(Map<String, String> environment, String... arguments) throws Exception {
    return run(jars(), environment, arguments);
  }

  private Result run(String jars, Map<String, String> environment, String... arguments)
      throws Exception {
    Path java = Path.of(System.getProperty("java.home"), "bin", "java");
    List<String> command =
        new ArrayList<>(
            List.of(
                "bash",
                "-c",
                "set -euo pipefail; source \"$1/on-spark\"; shift; exec_on_spark \"$@\"",
                "sequor",
                scripts.toString(),
                java.toString(),
                home.toString(),
                "local[2]",
                "-XX:TieredStopAtLevel=1",
                jars));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .redirectOutput(folder.resolve("out").toFile())
            .redirectError(folder.resolve("err").toFile());
    Map<String, String> all = builder.environment();
    all.keySet().removeIf(each -> each.matches("(SEQUOR|LOG4J)_.*|SPARK_(CONF|SUBMIT).*"));
    all.put("LC_ALL", "C.UTF-8");
    all.putAll(environment);
    Process process = builder.start();
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new AssertionError("it does not end");
    }
    return new Result(
        process.exitValue(),
        Files.readAllLines(folder.resolve("out"), StandardCharsets.UTF_8),
        Files.readAllLines(folder.resolve("err"), StandardCharsets.UTF_8).stream()
            .filter(line -> !line.equals(OF_JAVA))
            .toList());
  }

  private Result train(Map<String, String> environment) throws Exception {
    return run(
        environment,
        "train",
        "--text=" + text,
        "--out=" + folder.resolve("model"),
        "--batch=8",
        "--seq-length=16",
        "--hidden=8",
        "--steps=2");
  }

  @Test
  void aTrainingSaysWhatItSaysWithoutSpark() throws Exception {
    Result trained = train(Map.of());
    assertEquals(0, trained.code(), trained::toString);
    assertTrue(trained.err().get(0).startsWith(text.toString()), trained::toString);
    for (String line : Stream.concat(trained.out().stream(), trained.err().stream()).toList()) {
      assertFalse(
          line.matches(".*\\b(INFO|WARN|ERROR|WARNING)\\b.*|.*log4j.*|.*\\.spark\\..*"), line);
    }
  }

  @Test
  void aRowThatIsRefusedIsOneLine() throws Exception {
    Path classifier = folder.resolve("classifier.safetensors");
    SparkScorerTest.classifier(1).save(classifier);
    String rows = folder.resolve("rows.parquet").toUri().toString();
    List<Row> drawn = new ArrayList<>(Rows.drawn(30, 8, 1));
    drawn.set(7, RowFactory.create(7L, new Double[] {0.5, Double.NaN}, 0));
    try (SparkSession spark = Sessions.local(2)) {
      Rows.frame(spark, drawn).coalesce(1).write().parquet(rows);
    }
    Result scored =
        run(
            Map.of(),
            "score",
            "--model=" + classifier,
            "--input=" + rows,
            "--output=" + folder.resolve("scored.parquet").toUri(),
            "--id-col=id");
    assertEquals(2, scored.code(), scored::toString);
    assertEquals(
        List.of(
            "scoring " + rows + " with " + classifier + " on Spark local[2]",
            "sequor score: row with id 7, column 'values': element 1 is NaN; needed a finite"
                + " number"),
        scored.err());
  }

  static Stream<Map<String, String>> choices() {
    return Stream.of(
        Map.of("SEQUOR_SPARK_OPTS", "--driver-java-options -Dlog4j.configurationFile=/x"),
        Map.of("SEQUOR_SPARK_OPTS", "--conf spark.driver.extraJavaOptions=-Dlog4j2.level=INFO"),
        Map.of("SEQUOR_SPARK_OPTS", "--deploy-mode cluster"),
        Map.of("SPARK_SUBMIT_OPTS", "-Dlog4j2.configurationFile=/x"),
        Map.of("LOG4J_CONFIGURATION_FILE", "/x"));
  }

  @ParameterizedTest
  @MethodSource("choices")
  void aLogThatSomebodyHasChosenIsLeftAlone(Map<String, String> environment) throws Exception {
    home = folder.resolve("spark");
    submits(home);
    assertFalse(asked(environment).contains("on-spark-log4j2"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"log4j2.properties", "log4j2.xml"})
  void aConfigurationInAFolderOfSparksIsLeftAlone(String name) throws Exception {
    home = folder.resolve("spark");
    submits(home);
    String ours = scripts.resolve("on-spark-log4j2.properties").toString();
    assertTrue(asked(Map.of()).contains(ours), "it is not taken by itself");
    for (String where : List.of("spark/conf", "conf")) {
      Path conf = Files.createDirectories(folder.resolve(where));
      Path template = Files.createFile(conf.resolve("log4j2.properties.template"));
      Map<String, String> environment = Map.of("SPARK_CONF_DIR", conf.toString());
      assertTrue(asked(environment).contains(ours), template + " is none");
      Files.createFile(conf.resolve(name));
      assertFalse(asked(environment).contains(ours), conf + "/" + name);
    }
    assertFalse(asked(Map.of()).contains(ours), "spark/conf is Spark's own");
  }

  private String asked(Map<String, String> environment) throws Exception {
    return run("sequor-spark.jar", environment).out().toString();
  }

  /** A Spark that only says what it was asked for. */
  private static void submits(Path home) throws IOException {
    Path submit = Files.createDirectories(home.resolve("bin")).resolve("spark-submit");
    Files.writeString(submit, "#!/bin/sh\nprintf '%s\\n' \"$@\"\n", StandardCharsets.UTF_8);
    Files.setPosixFilePermissions(submit, PosixFilePermissions.fromString("rwx------"));
  }

  @Test
  void aLevelAmongTheOptionsIsTaken() throws Exception {
    Result trained = train(Map.of("SEQUOR_SPARK_OPTS", "--conf spark.log.level=INFO"));
    assertEquals(0, trained.code(), trained::toString);
    assertTrue(
        trained.err().stream().anyMatch(line -> line.startsWith("INFO ")), trained::toString);
  }
}
