package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.io.Checkpoint;
import dev.sequor.report.ReadPage;
import dev.sequor.report.TrainingRecord;
import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.State;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page of a training says what its log says, goes on, and changes nothing of the training. */
class TrainingReportTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir Path folder;
  private Path text = Path.of("");
  private Path model = Path.of("");
  private Path report = Path.of("");

  @BeforeEach
  void writeText() throws IOException {
    text = Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
    model = folder.resolve("model");
    report = folder.resolve("report.html");
  }

  private CommandLineRun train(Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("train", "--text", text, "--quiet"));
    EveryCommand.smallest().stream()
        .filter(each -> !each.equals("--steps=2"))
        .forEach(arguments::add);
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  private static List<Long> oneTo(int last) {
    return LongStream.rangeClosed(1, last).boxed().toList();
  }

  private TrainingRecord record() throws IOException {
    return TrainingRecord.read(report);
  }

  private static byte[] weights(Path model) throws IOException {
    return Files.readAllBytes(Checkpoint.weightsFile(model));
  }

  @Test
  void seriesAreThoseOfTheLogAndWeightsThoseWithoutAReport() throws IOException {
    Path log = folder.resolve("log.jsonl");
    Object[] settings = {
      "--steps=60", "--schedule=cosine", "--clip=0.25", "--layers=2", "--dropout=0.2"
    };
    train(with(settings, "--out", model, "--log", log, "--report", report)).succeeds();
    JsonNode data = ReadPage.of(report).data();
    Iterator<JsonNode> points = data.get("points").elements();
    Iterator<JsonNode> judgements = data.get("judgements").elements();
    int clipped = 0;
    int judged = 0;
    for (String line : Files.readAllLines(log)) {
      JsonNode logged = JSON.readTree(line);
      JsonNode point = points.next();
      assertEquals(logged.get("step"), point.get("step"));
      assertEquals(logged.get("trainBitsPerCharacter"), point.get("loss"));
      assertEquals(
          logged.get("learningRate").asDouble(), point.get("learningRate").asDouble(), 1e-9);
      assertEquals(logged.get("gradientNorm").asDouble(), point.get("gradientNorm").asDouble());
      assertEquals(logged.get("charactersPerSecond"), point.get("perSecond"));
      assertEquals(logged.get("seconds"), point.get("seconds"));
      boolean isClipped = logged.get("gradientNorm").asDouble() > 0.25f;
      assertEquals(isClipped ? 1 : 0, point.get("clipped").asInt());
      clipped += isClipped ? 1 : 0;
      if (logged.has("heldOutLoss")) {
        JsonNode judgement = judgements.next();
        judged++;
        assertEquals(logged.get("step"), judgement.get("step"));
        assertEquals(
            logged.get("heldOutBitsPerCharacter"),
            judgement.get("figures").get(RunRecord.HELD_OUT));
      }
    }
    assertFalse(points.hasNext() || judgements.hasNext());
    assertEquals(10, judged);
    assertTrue(clipped > 10 && clipped < 60, clipped + " clipped");
    assertEquals(10, data.get("samples").size());
    assertEquals("COMPLETED", data.get("state").asText());
    assertEquals("LSTM", data.get("configuration").get("model stack cell").asText());
    assertTrue(data.get("environment").get("device").asText().startsWith("java ("));

    Path plain = folder.resolve("plain");
    train(with(settings, "--out", plain)).succeeds();
    assertArrayEquals(weights(plain), weights(model));
  }

  private static Object[] with(Object[] settings, Object... more) {
    List<Object> all = new ArrayList<>(List.of(settings));
    all.addAll(List.of(more));
    return all.toArray();
  }

  @Test
  void itGoesOnWithTheRun() throws IOException {
    train("--out", model, "--steps=7", "--report", report).succeeds();
    double seconds = record().last().orElseThrow().seconds();
    CommandLineRun.of("train", "--resume", model, "--steps=12", "--report", report, "--quiet")
        .succeeds();
    TrainingRecord record = record();
    assertEquals(oneTo(12), record.points().stream().map(TrainingRecord.Point::step).toList());
    assertEquals(12, record.totalSteps());
    assertTrue(record.points().get(7).seconds() > seconds);
    assertEquals(7, record.events().get(0).step());
    assertTrue(
        record.events().get(0).words().startsWith("gone on with, on java"),
        record.events()::toString);

    // A page of nothing but what the checkpoint knows, in the model's own directory.
    report = model.resolve("report.html");
    CommandLineRun.of("train", "--resume", model, "--steps=13", "--report", report, "--quiet")
        .succeeds();
    assertEquals(13, record().lastStep());
    assertEquals(oneTo(13), record().points().stream().map(TrainingRecord.Point::step).toList());
    assertTrue(Double.isNaN(record().points().get(0).gradientNorm()));
    assertTrue(record().points().get(12).gradientNorm() > 0);
  }

  @Test
  void thatOfAnotherTrainingIsNotWrittenTo() throws IOException {
    train("--out", model, "--steps=3", "--report", report).succeeds();
    Path other = folder.resolve("other");
    train("--out", other, "--steps=3", "--seed=2").succeeds();
    String page = Files.readString(report);
    CommandLineRun.of("train", "--resume", other, "--steps=4", "--report", report)
        .isRefusedWith(2, "--report is " + report + ", the report of another training, '");
    assertEquals(page, Files.readString(report));
    // A new training replaces it, as every page of this program is replaced.
    train("--out", folder.resolve("new"), "--steps=3", "--seed=2", "--report", report).succeeds();
    assertEquals("2", record().configuration().get("seed"));
  }

  @Test
  void whatCannotBeWrittenIsRefusedFirst() throws IOException {
    Path foreign = Files.writeString(folder.resolve("foreign.html"), "<p>mine</p>");
    isRefused(foreign, "which is there and is no page of this program");
    assertEquals("<p>mine</p>", Files.readString(foreign));
    isRefused(folder.resolve("report.txt"), "needed a name that ends in .html");
    isRefused(folder.resolve("none/report.html"), "needed a folder that is there");
    isRefused(text.resolve("report.html"), "needed a folder that is there");
    isRefused(Files.createDirectory(folder.resolve("dir.html")), "is no page of this program");
    // Its temporary name is a folder: nothing says so before it is tried.
    Files.createDirectory(folder.resolve("report.html.partial"));
    train("--out", model, "--steps=3", "--report", report).isRefusedWith(2, "--report: " + report);
    assertEquals(0, Checkpoint.load(model).snapshot().progress().steps());
  }

  private void isRefused(Path file, String part) {
    train("--out", model, "--steps=1", "--report", file).isRefusedWith(2, part);
    assertFalse(Files.exists(model));
  }

  @Test
  void aRunThatDivergesLeavesAPageThatSaysSo() throws IOException {
    CommandLineRun run =
        train("--out", model, "--steps=60", "--optimizer=sgd", "--lr=1e20", "--report", report);
    assertEquals(Main.DIVERGED, run.code(), run.err());
    assertEquals(State.DIVERGED, record().state());
    Event last = record().events().get(record().events().size() - 1);
    assertTrue(run.err().contains(last.words()), run.err());
    assertTrue(last.words().startsWith("the training diverged at step "), last.words());
    assertTrue(Files.readString(report).contains("<p class=\"warning\">the training diverged"));
  }

  @Test
  void tasksShowExamplesAndTablesTheirErrors() throws IOException {
    CommandLineRun.of(
            "train",
            "--task=copy",
            "--length=3",
            "--out",
            model,
            "--steps=4",
            "--hidden=4",
            "--batch=4",
            "--device=java",
            "--quiet",
            "--report",
            report)
        .succeeds();
    assertTrue(record().samples().size() >= 2);
    assertFalse(record().samples().get(0).text().isBlank());
    assertTrue(record().judgements().get(record().judgements().size() - 1).figures().size() >= 3);
    CommandLineRun.of(
            "train",
            "--csv=sunspots",
            "--out",
            folder.resolve("table"),
            "--steps=4",
            "--hidden=4",
            "--device=java",
            "--quiet",
            "--report",
            report)
        .succeeds();
    assertEquals(List.of(), record().samples());
    assertTrue(record().latest("forecast rmse") > 0);
    assertTrue(record().latest("persistence rmse") > 0);
    ReadPage.of(report);
  }
}
