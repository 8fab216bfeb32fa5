package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainedModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Rows of a table are learned, judged, gone on with and foretold by commands. */
class TableCommandsTest {
  @TempDir Path folder;
  private Path waves = Path.of("");

  /** Sines of several lengths, with their kind, a number that never changes, and a remark. */
  @BeforeEach
  void writeTable() throws IOException {
    StringBuilder rows = new StringBuilder("id,kind,value,constant,remark\n");
    for (int id = 0; id < 20; id++) {
      String kind = id % 2 == 0 ? "slow" : "fast";
      for (int t = 0; t < 30; t++) {
        double value = 100 + 10 * Math.sin(t * (id % 2 == 0 ? 0.3 : 1.1) + id);
        rows.append(id).append(',').append(kind).append(',').append(value).append(",7,\"a, b\"\n");
      }
    }
    waves = Files.writeString(folder.resolve("waves.csv"), rows);
  }

  private CommandLineRun train(Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("train", "--csv", waves));
    arguments.addAll(List.of("--device", "java", "--hidden", 12, "--batch", 4));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  @Test
  void aForecastIsLearntComparedGoneOnWithAndMade() throws IOException {
    Path whole = folder.resolve("whole");
    Object[] settings = {
      "--target",
      "value",
      "--by",
      "id",
      "--horizon",
      3,
      "--transform",
      "log-1p",
      "--seq-length",
      20,
      "--lr",
      0.01
    };
    CommandLineRun run = train(with(settings, "--out", whole, "--steps", 400, "--json")).succeeds();
    JsonNode trained = run.json();
    double model =
        trained.get("model").isTextual() ? trained.get("forecast").get("rmse").asDouble() : -1;
    assertTrue(model < 0.5 * trained.get("persistence").get("rmse").asDouble(), trained.toString());
    assertTrue(run.err().contains("persistence"), run.err());
    Path halves = folder.resolve("halves");
    train(with(settings, "--out", halves, "--steps", 150)).succeeds();
    CommandLineRun.of("train", "--resume", halves, "--steps", 400).succeeds();
    assertArrayEquals(
        Files.readAllBytes(Checkpoint.weightsFile(whole)),
        Files.readAllBytes(Checkpoint.weightsFile(halves)));
    JsonNode predicted =
        CommandLineRun.of("predict", whole, "--csv", waves, "--device", "java", "--json")
            .succeeds()
            .json();
    assertEquals(20, predicted.get("predictions").size());
    Path alone = folder.resolve("alone.safetensors");
    TrainedModel.load(whole).save(alone);
    assertEquals(
        predicted.get("predictions"),
        CommandLineRun.of("predict", alone, "--csv", waves, "--device", "java", "--json")
            .succeeds()
            .json()
            .get("predictions"));
    JsonNode first = predicted.get("predictions").get(0);
    assertEquals("0", first.get("series").asText());
    assertEquals(31, first.get("line").asLong());
    for (int k = 0; k < 3; k++) {
      assertEquals(
          100 + 10 * Math.sin((30 + k) * 0.3),
          first.get("values").get(k).asDouble(),
          4,
          "in units");
    }
    String lines =
        CommandLineRun.of("predict", whole, "--csv", waves, "--device", "java").succeeds().out();
    assertEquals(21, lines.lines().count());
    assertTrue(lines.startsWith("series,line,ahead_1,ahead_2,ahead_3\n0,31,"), lines);
    assertEquals(
        601,
        CommandLineRun.of("predict", whole, "--csv", waves, "--each-row", "--device", "java")
            .succeeds()
            .out()
            .lines()
            .count());
    JsonNode judged =
        CommandLineRun.of("eval", whole, "--csv", waves, "--device", "java", "--json")
            .succeeds()
            .json();
    assertTrue(judged.get("forecast").get("rmse").asDouble() > 0, judged.toString());
  }

  private static Object[] with(Object[] settings, Object... more) {
    List<Object> all = new ArrayList<>(List.of(settings));
    all.addAll(List.of(more));
    return all.toArray();
  }

  @Test
  void seriesAreClassified() throws IOException {
    Path model = folder.resolve("model");
    JsonNode trained =
        train(
                "--target",
                "kind",
                "--classify",
                "--by",
                "id",
                "--inputs",
                "value",
                "--out",
                model,
                "--steps",
                300,
                "--lr",
                0.01,
                "--json")
            .succeeds()
            .json();
    assertEquals(1.0, trained.get("accuracy").asDouble(), trained.toString());
    String labels =
        CommandLineRun.of("predict", model, "--csv", waves, "--device", "java").succeeds().out();
    assertTrue(labels.startsWith("series,line,label,probability\n0,31,slow,0."), labels);
  }

  @Test
  void rowsAreClassifiedAndAConstantInputIsSaid() throws IOException {
    CommandLineRun run =
        train(
                "--target",
                "kind",
                "--classify",
                "--inputs",
                "value,constant",
                "--out",
                folder.resolve("model"),
                "--steps",
                3,
                "--json")
            .succeeds();
    assertTrue(run.err().contains("'constant' never changes"), run.err());
    assertTrue(run.json().get("accuracy").isNumber());
  }

  /** Which is the program's own table, and the figure that it is compared with. */
  @Test
  void sunspotsAreForecastBetterThanByPersistence() throws IOException {
    Path model = folder.resolve("model");
    JsonNode trained =
        CommandLineRun.of(
                "train", "--csv", "sunspots", "--out", model, "--device", "java", "--json")
            .succeeds()
            .json();
    double rmse = trained.get("forecast").get("rmse").asDouble();
    assertTrue(rmse < 0.65 * trained.get("persistence").get("rmse").asDouble(), trained.toString());
    assertTrue(rmse < trained.get("ar9").get("rmse").asDouble(), trained.toString());
    JsonNode next =
        CommandLineRun.of("predict", model, "--csv", "sunspots", "--device", "java", "--json")
            .succeeds()
            .json();
    assertEquals(1, next.get("predictions").size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--target none | no column 'none'; there are id, kind, value",
        "--target remark | line 2, column 'remark': the cell holds 'a, b'; needed a number",
        "--target constant | 'constant'",
        "--target value --horizon 600 | ",
        "--horizon 2 | --csv is given without --target",
        "--target kind --classify --horizon 2 | --horizon is given with --classify",
        "--target kind --classify --transform none | --transform is given with --classify",
        "--target value --separator ;; | --separator is ';;'; needed one character",
        "--target value --embedding 3 | --embedding does not go with --csv",
        "--target value --text x | --text does not go with --csv",
        "--target value --length 3 | --length does not go with --csv",
        "--target value --inputs value,nothing | 'nothing'",
        "--target value --seq-length 0 | --seq-length"
      })
  void whatDoesNotFitIsRefusedInOneLine(String options, String reason) {
    train(with(options.split(" "), "--out", folder.resolve("m"), "--steps", 1))
        .isRefusedWith(2, reason == null ? "" : reason);
  }

  @Test
  void badRowsAreNamedByFileLineAndColumn() throws IOException {
    Path bad = Files.writeString(folder.resolve("bad.csv"), "a,b\n1,2\n3,\n5,x\n");
    CommandLineRun.of("train", "--csv", bad, "--target", "b")
        .isRefusedWith(2, bad + ": line 3, column 'b'");
    Files.writeString(bad, "a,b\n1,2\n");
    CommandLineRun.of("train", "--csv", bad, "--target", "b").isRefusedWith(2, bad + ": ");
    CommandLineRun.of("train", "--csv", folder.resolve("none.csv"), "--target", "b")
        .isRefusedWith(2, "no such file");
  }

  @Test
  void modelsOfOtherThingsAreSaidToBeSo() throws IOException {
    Path model = folder.resolve("model");
    train("--target", "value", "--out", model, "--steps", 1).succeeds();
    CommandLineRun.of("sample", model).isRefusedWith(2, "needed a model of text");
    CommandLineRun.of("eval", model).isRefusedWith(2, "needed --csv");
    CommandLineRun.of("eval", model, "--text", waves).isRefusedWith(2, "needed without --text");
    CommandLineRun.of("predict", model).isRefusedWith(2, "needed --csv FILE");
    CommandLineRun.of("train", "--resume", model, "--text", waves)
        .isRefusedWith(2, "needed without --text");
    Path task = folder.resolve("task");
    CommandLineRun.of(
            "train",
            "--task",
            "copy",
            "--out",
            task,
            "--steps",
            1,
            "--hidden",
            4,
            "--device",
            "java")
        .succeeds();
    CommandLineRun.of("predict", task, "--csv", waves)
        .isRefusedWith(2, "needed a model of a table");
    Files.writeString(waves, "9,fast,1,7,x\n", java.nio.file.StandardOpenOption.APPEND);
    CommandLineRun.of("train", "--resume", model, "--steps", 2)
        .isRefusedWith(2, "not the table that");
  }
}
