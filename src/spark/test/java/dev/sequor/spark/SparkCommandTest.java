package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.cli.Cluster;
import dev.sequor.io.TrainedModel;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.SparkSession;
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

  /** One worker that averages gradients does what train does without a cluster. */
  @Test
  void theSameFlagsMeanTheSame() throws Exception {
    Path text = Texts.invented(folder, 3000, 1);
    String[] more = {
      "--steps=30",
      "--new-steps=8",
      "--schedule=cosine",
      "--optimizer=rmsprop",
      "--dropout=0.1",
      "--layers=2",
      "--units=words",
      "--held-out=0.2",
      "--seed=5",
      "--device=cpu",
      "--clip=1"
    };
    DriverProcess.run(folder, "local", train(text, folder.resolve("cluster"), more)).succeeds();
    List<String> alone = train(text, folder.resolve("alone"), more);
    assertEquals(0, dev.sequor.cli.Main.exitCodeOf(alone.toArray(String[]::new)));
    TrainedModel one = TrainedModel.load(folder.resolve("alone"));
    TrainedModel other = TrainedModel.load(folder.resolve("cluster"));
    assertEquals(one.model(), other.model());
    assertEquals(one.data(), other.data());
    // Dropout is drawn from the worker, so only the model without it has the same weights.
    List<String> without = new ArrayList<>(List.of(more));
    without.remove("--dropout=0.1");
    String[] plain = without.toArray(String[]::new);
    DriverProcess.run(folder, "local", train(text, folder.resolve("cluster2"), plain)).succeeds();
    assertEquals(
        0,
        dev.sequor.cli.Main.exitCodeOf(
            train(text, folder.resolve("alone2"), plain).toArray(String[]::new)));
    assertArrayEquals(
        weights(folder.resolve("alone2")), weights(folder.resolve("cluster2")), 1e-4f);
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
      assertEquals(0, dev.sequor.cli.Main.exitCodeOf(command, model.toString()), command);
    }
    // One machine does not go on as a cluster would, nor the reverse.
    DriverProcess.run(folder, "", List.of("train", "--resume=" + model, "--steps=14"))
        .isRefusedWith(2, model + ": a run of a cluster; needed --spark MASTER to go on with it");
    DriverProcess.run(folder, "local[2]", List.of("train", "--resume=" + model, "--workers=3"))
        .isRefusedWith(2, "--workers cannot be given with --resume");
    DriverProcess.run(folder, "local[2]", List.of("train", "--resume=" + model, "--steps=14"))
        .succeeds();
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
      DriverProcess.run(folder, "local[2]", train(text, whole, more)).succeeds();
      Path killed = folder.resolve("killed" + local);
      long step;
      try (DriverProcess driver =
          DriverProcess.start(folder, "local[2]", train(text, killed, more))) {
        driver.awaitUntil(() -> Files.exists(killed.resolve("config.json")) && kept(killed) >= 10);
        driver.kill();
        step = kept(killed);
      }
      assertTrue(step >= 10 && step < 60, "it was killed at step " + step);
      DriverProcess.run(folder, "local[2]", List.of("train", "--resume=" + killed)).succeeds();
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
    DriverProcess.Result result = DriverProcess.run(folder, "local[2]", score);
    result.succeeds();
    assertTrue(result.out().contains("\"rows\":30,"), result::toString);
    try (SparkSession spark = Sessions.local(2)) {
      assertEquals(30, spark.read().parquet(scored).filter("said >= 0").count());
    }
    DriverProcess.run(folder, "local[2]", score)
        .isRefusedWith(2, "scored.parquet, which is there already; needed a new name");
  }

  @Test
  void badInputIsOneLine() throws Exception {
    DriverProcess.run(folder, "local", List.of("train", "--csv=sunspots"))
        .isRefusedWith(2, "--csv does not go with --spark; needed a text, or ");
    DriverProcess.run(folder, "local", List.of("train", "--text=none.txt"))
        .isRefusedWith(2, "none.txt");
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
