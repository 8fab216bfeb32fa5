package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Bad input gets one clear line and exit code 2, and nothing is written. */
class BadInputTest {
  private static final int TEXT_CHARACTERS = 5000;

  @TempDir Path folder;
  private Path text = Path.of("");
  private Path out = Path.of("");

  @BeforeEach
  void writeText() throws IOException {
    text = Files.writeString(folder.resolve("text.txt"), "abcd ".repeat(TEXT_CHARACTERS / 5));
    out = folder.resolve("out");
  }

  /** Trains on a small text with {@code options}, and expects a refusal that creates nothing. */
  private void isRefused(String part, Object... options) {
    List<Object> arguments = new ArrayList<>(List.of("train"));
    arguments.addAll(Arrays.asList(options));
    if (!arguments.contains("--device")) {
      arguments.addAll(List.of("--device", "java"));
    }
    if (!arguments.contains("--text")) {
      arguments.addAll(List.of("--text", text));
    }
    if (!arguments.contains("--out") && !arguments.contains("--resume")) {
      arguments.addAll(List.of("--out", out));
    }
    CommandLineRun.of(arguments.toArray()).isRefusedWith(2, part);
    assertFalse(Files.exists(out));
    arguments.add("--json");
    CommandLineRun.of(arguments.toArray()).isRefusedWith(2, part);
  }

  @Test
  void textFilesThatAreNone() throws IOException {
    isRefused("missing.txt: no such file", "--text", folder.resolve("missing.txt"));
    isRefused("not a regular file", "--text", folder);
    isRefused("empty", "--text", Files.writeString(folder.resolve("empty"), ""));
    isRefused(
        "NUL byte at offset 1",
        "--text",
        Files.write(folder.resolve("binary"), new byte[] {'a', 0, 'b'}));
    isRefused(
        "byte 0xFF at offset 0 is not UTF-8",
        "--text",
        Files.write(folder.resolve("latin"), new byte[] {(byte) 0xFF, 'a'}));
    isRefused(
        "in UTF-16LE, by its byte-order mark",
        "--text",
        Files.writeString(folder.resolve("utf16"), "\uFEFFtext", StandardCharsets.UTF_16LE));
  }

  @Test
  void textsThatAreTooShort() {
    isRefused(
        "4500 characters are left to train on; one sequence of --seq-length 4500 needs 4501",
        "--seq-length",
        "4500",
        "--batch",
        "1");
    isRefused("enough for at most 70 sequences of --seq-length 64", "--batch", "71");
  }

  @ParameterizedTest(name = "{0} {1}")
  @CsvSource({
    "--hidden, 0, '--hidden is 0; needed a whole number, 1 to 2147483647'",
    "--hidden, x, --hidden is x; needed a whole number",
    "--embedding, -1, '--embedding is -1; needed a whole number, 0 to 2147483647'",
    "--checkpoint-every, 0, --checkpoint-every is 0; needed a whole number",
    "--lr, 0, --lr is 0; needed a finite number of more than 0",
    "--lr, NaN, --lr is NaN; needed a finite number",
    "--clip, -1, --clip is -1; needed a finite number of at least 0",
    "--dropout, 0.5, it acts between recurrent layers",
    "--optimizer, tiger, '''tiger'' is unknown; known: adagrad, adam, adamw, centered-rmsprop, lion,"
        + " nesterov, rmsprop, sgd'",
    "--tie, --hidden=65, '--tie is given with --embedding 64 and --hidden 65; needed the same'",
    "--new-steps, 65, '--new-steps is 65; of a --seq-length of 64 needed at most as many'",
    "--held-out, 0, --held-out is 0; needed a finite number of more than 0 and less than 1",
    "--held-out, 1, --held-out is 1; needed",
    "--device, tpu, '''tpu'' is unknown; known: auto, cpu, java, cuda, cuda:N'",
    "--wings, 2, unknown option '--wings' (sequor train --help lists all options)",
    "--hiden, 3, unknown option '--hiden'; did you mean '--hidden'? (sequor train --help",
    "--lerning-rate=1, --quiet, unknown option '--lerning-rate' (",
    "--cel, gru, unknown option '--cel'; did you mean '--cell'?",
  })
  void optionsThatMakeNoSense(String option, String value, String part) {
    isRefused(part, option, value);
  }

  @Test
  void dropoutOutOfRange() {
    isRefused(
        "--dropout is 1; needed a finite number of at least 0 and less than 1",
        "--dropout",
        "1",
        "--layers",
        "2");
  }

  @Test
  void unknownCellsAreAnsweredWithTheKnownOnes() {
    isRefused("'lstn' is unknown; known: ", "--cell", "lstn");
    isRefused("gru-reset-after", "--cell", "lstn");
    isRefused("; did you mean 'lstm'?", "--cell", "lstn");
    isRefused("; did you mean 'adagrad'?", "--optimizer", "Adgrad");
    isRefused("unknown; known: auto, cpu, java, cuda, cuda:N (", "--device", "tpu9");
  }

  @Test
  void outputsThatWouldOverwriteSomething() throws IOException {
    Path foreign = Files.createDirectories(folder.resolve("foreign"));
    Path letter = Files.writeString(foreign.resolve("letter.txt"), "Dear");
    isRefused("is not empty and holds no model of this program", "--out", foreign);
    isRefused("is not empty and holds no model of this program", "--out", letter);
    assertEquals("Dear", Files.readString(letter));
    assertArrayEquals(new String[] {"letter.txt"}, foreign.toFile().list());
  }

  @Test
  void outputsThatCannotBeWritten() {
    isRefused("the model cannot be written there", "--out", text.resolve("below-a-file"));
  }

  @Test
  void aDeviceThatIsNotThereHasItsOwnExitCode() {
    CommandLineRun.of("train", "--text", text, "--out", out, "--device", "cuda:99")
        .isRefusedWith(3, "device 'cuda:99'");
    assertFalse(Files.exists(out));
  }

  @Test
  void commandsThatAreNone() {
    CommandLineRun.of("fly").isRefusedWith(2, "unknown command 'fly' (sequor --help lists all");
    CommandLineRun.of("fly", "--json").isRefusedWith(2, "unknown command 'fly'");
    CommandLineRun.of("trian").isRefusedWith(2, "unknown command 'trian'; did you mean 'train'?");
    CommandLineRun.of("info", "much")
        .isRefusedWith(2, "'much' is given where nothing more is needed");
    CommandLineRun.of("eval").isRefusedWith(2, "MODEL");
    CommandLineRun.of("sample").isRefusedWith(2, "MODEL");
  }

  @Test
  void modelsThatAreNone() {
    CommandLineRun.of("sample", out).isRefusedWith(2, "holds no checkpoint");
    CommandLineRun.of("eval", out, "--text", text).isRefusedWith(2, "holds no checkpoint");
    CommandLineRun.of("predict", out, "--csv", text).isRefusedWith(2, "holds no checkpoint");
    CommandLineRun.of("train", "--resume", folder).isRefusedWith(2, "holds no checkpoint");
  }

  @Test
  void nothingAtAllPrintsHelp() {
    CommandLineRun run = CommandLineRun.of();
    assertEquals(0, run.code());
    for (String command : List.of("info", "train", "sample", "eval", "predict")) {
      assertTrue(run.out().contains(command));
    }
  }

  @Test
  void aTextMayNotChangeBetweenTheHalvesOfARun() throws IOException {
    Path model = folder.resolve("model");
    CommandLineRun.of(
            "train",
            "--text",
            text,
            "--out",
            model,
            "--steps",
            2,
            "--hidden",
            3,
            "--embedding",
            2,
            "--batch",
            2,
            "--seq-length",
            8,
            "--device",
            "java",
            "--quiet")
        .succeeds();
    byte[] config = Files.readAllBytes(model.resolve("config.json"));
    CommandLineRun.of("train", "--text", text, "--out", model)
        .isRefusedWith(2, "holds a model already");
    CommandLineRun.of("train", "--resume", model, "--hidden", 4)
        .isRefusedWith(2, "--hidden cannot be given with --resume");
    CommandLineRun.of("train", "--resume", model, "--steps", 1)
        .isRefusedWith(2, "is at step 2 already");
    Files.writeString(text, "e", java.nio.file.StandardOpenOption.APPEND);
    CommandLineRun.of("train", "--resume", model, "--steps", 4)
        .isRefusedWith(2, "not the text that");
    CommandLineRun.of("eval", model, "--text", text)
        .isRefusedWith(2, "character 'e' (U+0065) at line 1, column 5001 is not among the 5");
    CommandLineRun.of("sample", model, "--prime", "ox").isRefusedWith(2, "character 'o' (U+006F)");
    CommandLineRun.of("sample", model, "--temperature", "-1")
        .isRefusedWith(2, "--temperature is -1");
    CommandLineRun.of("sample", model, "--length", "0").isRefusedWith(2, "--length is 0");
    assertArrayEquals(config, Files.readAllBytes(model.resolve("config.json")));
  }
}
