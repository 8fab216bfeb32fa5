package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.TrainedModel;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.apache.spark.sql.SparkSession;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What spark-submit runs. */
class SparkCommandTest {
  @TempDir Path folder;

  private final ByteArrayOutputStream said = new ByteArrayOutputStream();

  private int run(String... arguments) {
    said.reset();
    return new SparkCommand(new PrintStream(said, true, StandardCharsets.UTF_8))
        .run(List.of(arguments));
  }

  private String said() {
    return said.toString(StandardCharsets.UTF_8);
  }

  @Test
  void trainsAndScores() throws Exception {
    Path text = Texts.invented(folder, 3000, 1);
    Path model = folder.resolve("text.safetensors");
    Sessions.local(2); // The command takes the session that is there, and closes it.
    assertEquals(
        0,
        run(
            "train",
            "--text",
            text.toString(),
            "--out",
            model.toString(),
            "--workers",
            "2",
            "--batch",
            "8",
            "--seq-length",
            "16",
            "--steps",
            "6",
            "--hidden",
            "8",
            "--cell",
            "gru-reset-after",
            "--local-steps",
            "2",
            "--outer-momentum",
            "0.5"),
        this::said);
    assertEquals(4, said().lines().count(), this::said);
    assertTrue(said().contains("held out"), this::said);
    assertTrue(TrainedModel.load(model).data() instanceof CharacterVocabulary);

    Path classifier = folder.resolve("classifier.safetensors");
    SparkScorerTest.classifier(1).save(classifier);
    String rows = folder.resolve("rows.parquet").toUri().toString();
    String scored = folder.resolve("scored.parquet").toUri().toString();
    Rows.frame(Sessions.local(2), Rows.drawn(30, 8, 1)).write().parquet(rows);
    assertEquals(
        0,
        run(
            "score",
            "--model",
            classifier.toString(),
            "--input",
            rows,
            "--output",
            scored,
            "--prediction-col",
            "said"),
        this::said);
    try (SparkSession spark = Sessions.local(2)) {
      assertEquals(30, spark.read().parquet(scored).filter("said >= 0").count());
    }
  }

  @Test
  void badInputIsOneLine() {
    assertRefused("there is no command; ", new String[0]);
    assertRefused("there is no command 'fit'; ", "fit");
    assertRefused("option --text is missing; needed one", "train");
    assertRefused("'text' is no option; needed --name value", "train", "text");
    assertRefused("option --text has no value; needed one", "train", "--text");
    String[] enough = {"train", "--text", "none.txt", "--out", "x"};
    assertRefused("none.txt: ", enough);
    assertRefused(
        "option --steps is 'many'; needed a whole number", with(enough, "--steps", "many"));
    assertRefused("there is no option --stops; there are --text, ", with(enough, "--stops", "1"));
    assertRefused("option --cell is 'rn'; needed one of ", with(enough, "--cell", "rn"));
    assertRefused("option --out is there twice; needed once", with(enough, "--out", "1"));
  }

  private static String[] with(String[] arguments, String... more) {
    String[] all = java.util.Arrays.copyOf(arguments, arguments.length + more.length);
    System.arraycopy(more, 0, all, arguments.length, more.length);
    return all;
  }

  private void assertRefused(String message, String... arguments) {
    assertEquals(2, run(arguments), this::said);
    assertTrue(said().contains(message), this::said);
    assertEquals(1, said().lines().count(), this::said);
  }
}
