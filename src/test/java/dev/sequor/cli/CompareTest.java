package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import dev.sequor.report.ReadPage;
import dev.sequor.report.TrainingRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Trainings beside each other, as their reports and models say, and no others. */
class CompareTest {
  @TempDir static Path folder;

  private static Path slow = Path.of("");
  private static Path fast = Path.of("");
  private static Path task = Path.of("");

  @BeforeAll
  static void train() throws IOException {
    Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
    Files.writeString(folder.resolve("other.txt"), "not to be or to be\n".repeat(99));
    slow = train("slow", "text.txt", "--lr=0.001");
    fast = train("fast", "text.txt", "--lr=0.1", "--layers=2");
    train("other", "other.txt");
    task = folder.resolve("task.html");
    CommandLineRun.of(
            "train",
            "--task=copy",
            "--length=3",
            "--out",
            folder.resolve("task"),
            "--steps=2",
            "--hidden=4",
            "--batch=4",
            "--device=java",
            "--quiet",
            "--report",
            task)
        .succeeds();
  }

  private static Path train(String name, String text, Object... more) {
    Path report = folder.resolve(name + ".html");
    List<Object> arguments = new ArrayList<>(List.of("train", "--text", folder.resolve(text)));
    arguments.addAll(List.of("--out", folder.resolve(name), "--report", report, "--quiet"));
    EveryCommand.smallest().forEach(each -> arguments.add(each.replace("--steps=2", "--steps=20")));
    arguments.addAll(List.of(more));
    CommandLineRun.of(arguments.toArray()).succeeds();
    return report;
  }

  private static double loss(TrainingRecord record, int judgement) {
    return record.judgements().get(judgement).figures().getOrDefault(RunRecord.HELD_OUT, -1.0);
  }

  private static CommandLineRun compare(Object... more) {
    List<Object> arguments = new ArrayList<>(List.of("compare"));
    arguments.addAll(List.of(more));
    return CommandLineRun.of(arguments.toArray());
  }

  @Test
  void figuresAreThoseOfTheReportsAndOnlyWhatDiffersIsSaid() throws IOException {
    Path page = folder.resolve("compared.html");
    JsonNode json = compare(slow, fast, "--json", "--report", page).succeeds().json();
    assertEquals("bits per character", json.get("unit").asText());
    for (int i = 0; i < 2; i++) {
      TrainingRecord record = TrainingRecord.read(i == 0 ? slow : fast);
      JsonNode said = json.get("trainings").get(i);
      assertEquals(i == 0 ? "slow" : "fast", said.get("name").asText());
      assertEquals("complete", said.get("state").asText());
      assertEquals(20, said.get("steps").asLong());
      double last = loss(record, 9);
      double best =
          IntStream.range(0, 10)
              .mapToDouble(judgement -> loss(record, judgement))
              .min()
              .orElseThrow();
      assertEquals(last, said.get("heldOutLoss").asDouble());
      assertEquals(best, said.get("bestHeldOutLoss").asDouble());
      assertEquals(
          (record.points().get(18).loss() + record.points().get(19).loss()) / 2,
          said.get("trainLoss").asDouble(),
          1e-12);
      assertEquals(record.points().get(19).seconds(), said.get("seconds").asDouble());
    }
    JsonNode differences = json.get("differences");
    assertEquals("[\"1\",\"2\"]", differences.get("model stack layers").toString());
    assertEquals(2, differences.size(), differences::toString);
    assertTrue(differences.get("optimizer learning rate").get(1).asText().startsWith("0.1"));
    assertTrue(json.get("equalSettings").asInt() > 20);
    ReadPage read = ReadPage.of(page);
    assertTrue(read.texts("td").containsAll(List.of("slow", "fast", "model stack layers")));
    assertFalse(read.texts("td").contains("model stack cell"));
    assertEquals(4, read.texts("svg").size());

    String words = compare(slow, fast).succeeds().out();
    assertTrue(words.contains("  model stack layers: 1 | 2\n"), words);
    assertTrue(words.contains("  slow: "), words);
  }

  /** What a checkpoint knows is less, but it agrees with the report. */
  @Test
  void modelsStandBesideReports() throws IOException {
    JsonNode json = compare(folder.resolve("slow"), slow, "--json").succeeds().json();
    JsonNode model = json.get("trainings").get(0);
    JsonNode report = json.get("trainings").get(1);
    assertEquals(folder.resolve("slow").toString(), model.get("name").asText());
    assertEquals(report.get("heldOutLoss"), model.get("heldOutLoss"));
    assertEquals(report.get("trainLoss").asDouble(), model.get("trainLoss").asDouble(), 1e-9);
    assertTrue(model.get("seconds").isNull());
    assertEquals(0, json.get("differences").size(), json::toString);
  }

  @Test
  void aFolderStandsForAllThatIsInIt() throws IOException {
    Path all = Files.createDirectories(folder.resolve("all"));
    for (Path each : List.of(slow, fast)) {
      Files.copy(each, all.resolve(each.getFileName()));
    }
    Files.writeString(all.resolve("notes.html"), "<p>mine</p>");
    train("all/third", "text.txt"); // With its model.
    CommandLineRun run = compare(all, "--json").succeeds();
    assertEquals(3, run.json().get("trainings").size());
    assertEquals(
        List.of(
            all.resolve("notes.html") + " is left out: it is no report of a training",
            all.resolve("third") + " is left out: its report is beside it"),
        run.err().lines().toList());
    Files.delete(all.resolve("third.html"));
    assertEquals(3, compare(all, "--json").succeeds().json().get("trainings").size());
  }

  @Test
  void whatCannotBeComparedIsRefusedByName() throws IOException {
    compare(slow, task)
        .isRefusedWith(
            2, "text.txt, lstm 3, bits per character) and task (task copy of length 3, ");
    compare(slow, folder.resolve("other.html")).isRefusedWith(2, "needed the same data");
    compare(slow).isRefusedWith(2, "there are 1 trainings to compare; needed from 2 to 20");
    compare(slow, slow).isRefusedWith(2, "needed each once");
    Path foreign = Files.writeString(folder.resolve("foreign.txt"), "mine");
    compare(slow, foreign).isRefusedWith(2, foreign + ": is no report of a training");
    compare(slow, folder.resolve("none")).isRefusedWith(2, "is no file");
    Path empty = Files.createDirectories(folder.resolve("empty"));
    compare(slow, empty).isRefusedWith(2, empty + ": there is no report and no model");
    compare(slow, fast, "--report", foreign).isRefusedWith(2, "needed a name that ends in .html");
    compare().isRefusedWith(2, "REPORT|DIR");
  }
}
