package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.cli.Cluster;
import dev.sequor.cli.Main;
import dev.sequor.io.TrainedModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What spark-submit runs: the program sequor in a process that has Spark on its class path. */
class SparkCommandTest {
  @TempDir Path folder;

  private static List<String> train(Path text, Path out, String... more) {
    List<String> all =
        new ArrayList<>(
            List.of(
                "train",
                "--text=" + text,
                "--out=" + out,
                "--batch=8",
                "--seq-length=16",
                "--hidden=8",
                "--embedding=6",
                "--cell=gru-reset-after"));
    all.addAll(List.of(more));
    return all;
  }

  /** What spark-submit would have set; commands that are not to be killed run in this process. */
  @BeforeAll
  static void setUp() {
    System.setProperty("spark.ui.enabled", "false");
    System.setProperty("spark.driver.host", "127.0.0.1");
    System.setProperty("spark.driver.bindAddress", "127.0.0.1");
  }

  @AfterAll
  static void tearDown() {
    for (String each : List.of("ui.enabled", "driver.host", "driver.bindAddress")) {
      System.clearProperty("spark." + each);
    }
  }

  private static int run(List<String> arguments, String... more) {
    List<String> all = new ArrayList<>(arguments);
    all.addAll(List.of(more));
    return Main.exitCodeOf(all.toArray(String[]::new));
  }

  /** One worker that averages gradients does what train does without a cluster. */
  @Test
  void theSameFlagsMeanTheSame() throws Exception {
    Path text = Texts.invented(folder, 3000, 1);
    String[] more = {
      "--steps=30",
      "--new-steps=8",
      "--schedule=cosine",
      "--optimizer=rmsprop",
      "--layers=2",
      "--units=words",
      "--held-out=0.2",
      "--seed=5",
      "--device=cpu",
      "--clip=1",
      "--weight-decay=0.1"
    };
    Path alone = folder.resolve("alone");
    Path cluster = folder.resolve("cluster");
    assertEquals(0, run(train(text, alone, more)));
    assertEquals(0, run(train(text, cluster, more), "--spark=local"));
    TrainedModel one = TrainedModel.load(alone);
    TrainedModel other = TrainedModel.load(cluster);
    assertEquals(one.model(), other.model());
    assertEquals(one.data(), other.data());
    assertArrayEquals(weights(alone), weights(cluster), 1e-4f);
  }

  private static float[] weights(Path directory) throws IOException {
    return GradientAveragingTest.flat(TrainedModel.load(directory).parameters());
  }

  /** Progress, reports and results are those of train, and so is the directory. */
  @Test
  void aTrainingIsShownKeptAndUsedLikeAnyOther() throws Exception {
    Path text = Texts.invented(folder, 3000, 1);
    Path model = folder.resolve("model");
    DriverProcess.Result trained =
        DriverProcess.run(
            folder,
            "local[2]",
            train(
                text,
                model,
                "--workers=2",
                "--steps=12",
                "--local-steps=2",
                "--outer-momentum=0.5",
                "--report=" + folder.resolve("report.html"),
                "--log=" + folder.resolve("log"),
                "--json"));
    trained.succeeds();
    assertEquals(1, trained.out().lines().count(), trained::toString);
    assertTrue(trained.out().contains("\"device\":\"Spark, 2 workers\""), trained::toString);
    assertTrue(trained.err().contains("12 steps on Spark, 2 workers"), trained::toString);
    List<String> log = Files.readAllLines(folder.resolve("log"), StandardCharsets.UTF_8);
    assertEquals(6, log.size(), "a line for each round");
    assertTrue(log.get(5).contains("\"step\":12,"), log.get(5));
    assertTrue(log.get(5).contains("heldOutLoss"), log.get(5));
    assertTrue(Files.size(folder.resolve("report.html")) > 10_000);
    for (String command : List.of("sample", "inspect")) {
      assertEquals(0, run(List.of(command, model.toString())), command);
    }
    List<String> resume = List.of("train", "--resume=" + model, "--steps=14");
    assertEquals(2, run(resume), "one machine would go on as something else");
    assertEquals(0, run(resume, "--spark=local[2]"));
    assertTrue(Files.exists(Cluster.file(model, 14)));
    assertFalse(Files.exists(Cluster.file(model, 12)), "the older one is left");
  }

  /** kill -9 of a driver in the middle of a training loses no bit of it. */
  @Test
  void aDriverThatIsKilledIsGoneOnFrom() throws Exception {
    Path text = Texts.invented(folder, 4000, 2);
    for (String local : List.of("--local-steps=1", "--local-steps=5")) {
      String[] more = {
        "--workers=2", "--checkpoint-every=5", "--steps=60", "--dropout=0.2", "--layers=2", local
      };
      Path whole = folder.resolve("whole" + local);
      assertEquals(0, run(train(text, whole, more), "--spark=local[2]"));
      Path killed = folder.resolve("killed" + local);
      long step;
      try (DriverProcess driver =
          DriverProcess.start(folder, "local[2]", train(text, killed, more))) {
        driver.awaitUntil(() -> Files.exists(killed.resolve("config.json")) && kept(killed) >= 10);
        driver.kill();
        step = kept(killed);
      }
      assertTrue(step >= 10 && step < 60, "it was killed at step " + step);
      assertEquals(0, run(List.of("train", "--resume=" + killed), "--spark=local[2]"));
      assertArrayEquals(weights(whole), weights(killed), local + " killed at step " + step);
    }
  }

  private static long kept(Path directory) throws IOException {
    try (var files = Files.list(directory)) {
      return files
          .map(file -> file.getFileName().toString())
          .filter(name -> name.matches("model-\\d+\\.safetensors"))
          .mapToLong(name -> Long.parseLong(name.replaceAll("\\D", "")))
          .max()
          .orElse(0);
    }
  }

  @Test
  void scoresATable() throws Exception {
    Path classifier = folder.resolve("classifier.safetensors");
    SparkScorerTest.classifier(1).save(classifier);
    String rows = folder.resolve("rows.parquet").toUri().toString();
    String scored = folder.resolve("scored.parquet").toUri().toString();
    try (SparkSession spark = Sessions.local(2)) {
      Rows.frame(spark, Rows.drawn(30, 8, 1)).write().parquet(rows);
    }
    List<String> score =
        List.of(
            "score",
            "--model=" + classifier,
            "--input=" + rows,
            "--output=" + scored,
            "--prediction-col=said",
            "--json");
    assertEquals(0, run(score, "--spark=local[2]"));
    try (SparkSession spark = Sessions.local(2)) {
      assertEquals(30, spark.read().parquet(scored).filter("said >= 0").count());
    }
    assertEquals(2, run(score, "--spark=local[2]"), "what is there would be overwritten");
  }

  @Test
  void theMasterIsSparksUnlessAnotherIsGiven() {
    assertArrayEquals(
        new String[] {"train", "--spark", "yarn", "--steps=1"},
        SparkCommand.onCluster(new String[] {"train", "--steps=1"}, "yarn"));
    assertArrayEquals(
        new String[] {"score", "--spark=local"},
        SparkCommand.onCluster(new String[] {"score", "--spark=local"}, "yarn"));
    assertArrayEquals(
        new String[] {"sample", "model"},
        SparkCommand.onCluster(new String[] {"sample", "model"}, "yarn"));
    assertArrayEquals(new String[] {}, SparkCommand.onCluster(new String[] {}, "yarn"));
  }
}
