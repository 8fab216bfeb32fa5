package dev.sequor.spark;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystem;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.spark.sql.SparkSession;

/** Sessions of Spark for tests: in this process, and of several. */
final class Sessions {
  /** The simulated CUDA driver and cuBLAS, as the build of all else makes them. */
  static final Path SIMULATOR = Path.of("target/simulator").toAbsolutePath();

  private Sessions() {}

  /** In this process, with as many tasks side by side. */
  static SparkSession local(int tasks) {
    return builder("local[" + tasks + "]").getOrCreate();
  }

  /** A master and executors that are processes of their own, with a core each. */
  static SparkSession cluster(int executors) throws IOException {
    return cluster(executors, linkJars());
  }

  /**
   * The same with executors that have the library without its native part.
   *
   * @param folder where a copy of it may be made
   */
  static SparkSession clusterWithoutNatives(int executors, Path folder) throws IOException {
    List<String> entries = new ArrayList<>();
    for (String entry : linkJars()) {
      entries.add(
          withoutNatives(Path.of(entry), folder.resolve("copy" + entries.size())).toString());
    }
    return cluster(executors, entries);
  }

  private static Path withoutNatives(Path entry, Path copy) throws IOException {
    if (Files.isDirectory(entry)) {
      copyWithoutNatives(entry, copy);
    } else {
      try (FileSystem jar = FileSystems.newFileSystem(entry)) {
        copyWithoutNatives(jar.getPath("/"), copy);
      }
    }
    return copy;
  }

  private static void copyWithoutNatives(Path from, Path to) throws IOException {
    List<Path> files;
    try (Stream<Path> all = Files.walk(from)) {
      files = all.filter(Files::isRegularFile).toList();
    }
    for (Path file : files) {
      String name = from.relativize(file).toString();
      if (!name.contains(".so") && !name.endsWith(".fatbin")) {
        Path into = to.resolve(name);
        Files.createDirectories(into.getParent());
        Files.copy(file, into);
      }
    }
  }

  /**
   * A master and one executor with two cores, on a machine with GPUs, as the simulator has them.
   *
   * @param given how many the executor gets; a task gets one, if it gets any
   * @param folder for the script by which Spark finds them
   */
  static SparkSession clusterWithGpus(int given, Path folder) throws IOException {
    SparkSession.Builder builder =
        cluster(1, 2, linkJars())
            .config("spark.executorEnv.LD_LIBRARY_PATH", SIMULATOR.toString())
            .config("spark.executorEnv.SEQUOR_CUDA_CACHE", "off");
    if (given > 0) {
      Path script = folder.resolve("find-gpus");
      String addresses =
          IntStream.range(0, given)
              .mapToObj(gpu -> "\"" + gpu + "\"")
              .collect(Collectors.joining(", "));
      Files.writeString(
          script,
          "#!/bin/sh\necho '{\"name\": \"gpu\", \"addresses\": [" + addresses + "]}'\n",
          StandardCharsets.UTF_8);
      Files.setPosixFilePermissions(script, PosixFilePermissions.fromString("rwx------"));
      builder
          .config("spark.worker.resource.gpu.amount", given)
          .config("spark.worker.resource.gpu.discoveryScript", script.toString())
          .config("spark.executor.resource.gpu.amount", given)
          .config("spark.task.resource.gpu.amount", 1);
    }
    return builder.getOrCreate();
  }

  private static SparkSession cluster(int executors, List<String> folders) {
    return cluster(executors, 1, folders).getOrCreate();
  }

  private static SparkSession.Builder cluster(int executors, int cores, List<String> folders) {
    return builder("local-cluster[" + executors + "," + cores + ",1024]")
        .config("spark.executor.memory", "1g")
        .config("spark.executor.extraClassPath", String.join(File.pathSeparator, folders))
        .config("spark.executor.extraJavaOptions", "-Xshare:auto");
  }

  private static SparkSession.Builder builder(String master) {
    return SparkSession.builder()
        .master(master)
        .appName("sequor-test")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.log.level", "ERROR")
        .config("spark.sql.warehouse.dir", "target/artifacts/sequor-spark/warehouse");
  }

  /** What is built into a distribution of Spark; returns what executors need besides. */
  static List<String> linkJars() throws IOException {
    String home = System.getenv("SPARK_HOME");
    if (home == null) {
      throw new IllegalStateException("SPARK_HOME is not set; the build sets it for these tests");
    }
    Path jars = Files.createDirectories(Path.of(home, "jars"));
    List<String> others = new ArrayList<>();
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    for (String entry : classPath.split(File.pathSeparator, -1)) {
      Path path = Path.of(entry).toAbsolutePath();
      if (Files.isDirectory(path) || path.getFileName().toString().startsWith("sequor")) {
        others.add(path.toString());
      } else if (Files.isRegularFile(path)) {
        Path link = jars.resolve(path.getFileName());
        if (!Files.exists(link)) {
          Files.deleteIfExists(link);
          Files.createSymbolicLink(link, path);
        }
      }
    }
    return others;
  }

  /** The processes that run tasks of a cluster of this test. */
  static List<ProcessHandle> executors() {
    return ProcessHandle.current()
        .descendants()
        .filter(
            each ->
                each.info()
                    .arguments()
                    .map(all -> String.join(" ", all).contains("CoarseGrainedExecutorBackend"))
                    .orElse(false))
        .collect(Collectors.toList());
  }
}
