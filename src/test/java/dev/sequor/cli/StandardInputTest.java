package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.io.Checkpoint;
import dev.sequor.io.DataSource;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What {@code -} stands for: the same as a file with the same bytes, but to go on from. */
class StandardInputTest {
  private static final String TEXT = "to be or not to be, \u00e9\n".repeat(99);
  private static final String TABLE = "t,v\n" + "1,2\n2,3\n3,5\n4,1\n".repeat(30);

  private final InputStream before = System.in;

  @TempDir Path folder;

  @AfterEach
  void giveBack() {
    System.setIn(before);
  }

  private static void give(String bytes) {
    System.setIn(new ByteArrayInputStream(bytes.getBytes(StandardCharsets.UTF_8)));
  }

  private static CommandLineRun train(Object... arguments) {
    List<Object> all = new ArrayList<>(List.of("train"));
    all.addAll(List.of(arguments));
    all.addAll(EveryCommand.smallest());
    return CommandLineRun.of(all.toArray());
  }

  private static byte[] weights(Path model) throws IOException {
    return Files.readAllBytes(Checkpoint.weightsFile(model));
  }

  private static List<Path> temporary() throws IOException {
    try (Stream<Path> files = Files.list(Path.of(System.getProperty("java.io.tmpdir")))) {
      return files.filter(file -> file.toString().contains("sequor-stdin-")).toList();
    }
  }

  @Test
  void aTextIsLearntJudgedAndGoneOnWithLikeThatOfAFile() throws IOException {
    final List<Path> kept = temporary();
    Path file = Files.writeString(folder.resolve("text.txt"), TEXT);
    Path ofFile = folder.resolve("of-file");
    train("--text", file, "--out", ofFile).succeeds();
    Path model = folder.resolve("of-stdin");
    give(TEXT);
    CommandLineRun trained = train("--text", "-", "--out", model).succeeds();
    assertTrue(trained.err().startsWith("standard input: 1,"), trained.err());
    assertArrayEquals(weights(ofFile), weights(model));
    DataSource.Text source = assertInstanceOf(DataSource.Text.class, Checkpoint.source(model));
    assertEquals("-", source.file());
    assertEquals("standard input", source.name());

    Object[] eval = {"eval", model, "--device=java", "--json", "--text"};
    give(TEXT);
    assertEquals(
        CommandLineRun.of(with(eval, file)).succeeds().json(),
        CommandLineRun.of(with(eval, "-")).succeeds().json());

    Object[] goOn = {"train", "--resume", model, "--steps"};
    CommandLineRun.of(with(goOn, 4))
        .isRefusedWith(2, "trained on standard input, which is gone; needed --text FILE with the");
    give(TEXT + "e");
    CommandLineRun.of(with(goOn, 4, "--text", "-"))
        .isRefusedWith(2, "standard input: not the text that ");
    give(TEXT);
    CommandLineRun.of(with(goOn, 3, "--text", "-")).succeeds();
    CommandLineRun.of(with(goOn, 4, "--text", file)).succeeds();
    CommandLineRun.of(with(goOn, 5)).succeeds(); // Which knows the file by now.
    CommandLineRun.of("train", "--resume", ofFile, "--steps", 5).succeeds();
    assertArrayEquals(weights(ofFile), weights(model));
    assertEquals(kept, temporary());
  }

  private static Object[] with(Object[] arguments, Object... more) {
    List<Object> all = new ArrayList<>(List.of(arguments));
    all.addAll(List.of(more));
    return all.toArray();
  }

  @Test
  void whatIsWrongWithItIsSaidOfStandardInput() throws IOException {
    final List<Path> kept = temporary();
    give("");
    train("--text", "-", "--out", folder.resolve("o")).isRefusedWith(2, "standard input: empty");
    give("a\0b");
    train("--text", "-", "--out", folder.resolve("o"))
        .isRefusedWith(2, "standard input: NUL byte at offset 1");
    give("");
    train("--text", "-", "--units=bytes", "--out", folder.resolve("o"))
        .isRefusedWith(2, "standard input: empty");
    give("a,b\n1\n");
    CommandLineRun.of("train", "--csv", "-", "--target", "b")
        .isRefusedWith(2, "standard input: line 2");
    System.setIn(
        new InputStream() {
          @Override
          public int read() throws IOException {
            throw new IOException("Input/output error");
          }

          @Override
          public int read(byte[] bytes, int offset, int count) throws IOException {
            return read();
          }
        });
    train("--text", "-", "--out", folder.resolve("o"))
        .isRefusedWith(1, "standard input cannot be kept in ");
    assertFalse(Files.exists(folder.resolve("o")));
    assertEquals(kept, temporary());
  }

  @Test
  void aTableIsLearntAndForetold() throws IOException {
    Path model = folder.resolve("model");
    give(TABLE);
    CommandLineRun.of(
            "train",
            "--csv",
            "-",
            "--target",
            "v",
            "--out",
            model,
            "--steps",
            2,
            "--hidden",
            3,
            "--seq-length",
            8,
            "--batch",
            2,
            "--device=java")
        .succeeds();
    Path file = Files.writeString(folder.resolve("table.csv"), TABLE);
    give(TABLE);
    assertEquals(
        CommandLineRun.of("predict", model, "--csv", file, "--device=java").succeeds().out(),
        CommandLineRun.of("predict", model, "--csv", "-", "--device=java").succeeds().out());
    give(TABLE);
    assertTrue(
        CommandLineRun.of("eval", model, "--csv", "-", "--device=java", "--json")
            .succeeds()
            .json()
            .get("heldOutRowsOnly")
            .asBoolean());
    CommandLineRun.of("train", "--resume", model, "--steps", 3)
        .isRefusedWith(2, "trained on standard input, which is gone; needed --csv FILE");
    give(TABLE);
    CommandLineRun.of("train", "--resume", model, "--steps", 3, "--csv", "-").succeeds();
  }

  /** In a process of its own, with a folder of its own for what is kept. */
  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void nothingIsLeftWhateverEndsTheProcess() throws Exception {
    Files.writeString(folder.resolve("text.txt"), TEXT);
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    for (String steps : List.of("--steps=2", "--steps=1000000")) {
      List<Object> arguments = new ArrayList<>(List.of("train", "--text", "-", "--out=m" + steps));
      arguments.addAll(EveryCommand.smallest());
      arguments.remove("--steps=2");
      arguments.add(steps);
      boolean endless = steps.endsWith("000");
      Program.Result result =
          new Program(Main.class, folder)
              .options("-Djava.io.tmpdir=" + temporary)
              .after(
                  "exec < text.txt"
                      + (endless ? " && (p=$$; sleep 6; ls tmp > seen; kill -TERM $p) & true" : ""))
              .run(arguments.toArray());
      assertEquals(endless ? 143 : 0, result.code(), result::toString);
      try (Stream<Path> left = Files.list(temporary)) {
        assertEquals(List.of(), left.filter(f -> f.toString().contains("sequor")).toList());
      }
    }
    assertTrue(Files.readString(folder.resolve("seen")).contains("sequor-stdin-"));
  }
}
