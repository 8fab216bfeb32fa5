package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.io.Checkpoint;
import dev.sequor.io.TrainingRun;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Commands with {@code --spark}; those that Spark itself runs are tested in sequor-spark. */
class ClusterCommandsTest {
  @TempDir Path folder;

  private CommandLineRun train(Object... more) throws Exception {
    Path text = Files.writeString(folder.resolve("text.txt"), "to be or not to be\n".repeat(99));
    List<Object> all = new ArrayList<>(List.of("train", "--text", text));
    EveryCommand.smallest().stream().filter(each -> !each.startsWith("--steps")).forEach(all::add);
    all.addAll(List.of(more));
    return CommandLineRun.of(all.toArray());
  }

  /** Rounds of 7 steps go past what is due at multiples of 10, and nothing of it is left out. */
  @Test
  void roundsThatDoNotFitTheIntervalsAreJudgedAndKeptAllTheSame() throws Exception {
    Path model = folder.resolve("model");
    Path log = folder.resolve("log");
    train(
            "--spark=here",
            "--out",
            model,
            "--log",
            log,
            "--local-steps=7",
            "--steps=100",
            "--checkpoint-every=10")
        .succeeds();
    List<String> lines = Files.readAllLines(log, StandardCharsets.UTF_8);
    assertEquals(15, lines.size(), "14 rounds of 7 steps and one of 2");
    assertEquals(10, lines.stream().filter(line -> line.contains("heldOutLoss")).count());
    Checkpoint kept = Checkpoint.load(model);
    assertEquals(100, kept.snapshot().progress().steps());
    TrainingRun run = (TrainingRun) Objects.requireNonNull(kept.run());
    assertEquals("one process, 1 workers", run.backend());
    CommandLineRun.of("sample", model, "--device=java").succeeds();
    CommandLineRun.of("eval", model, "--text", folder.resolve("text.txt"), "--device=java")
        .succeeds();
  }

  @Test
  void whatBeganOnAClusterGoesOnThereAndWhatDidNotDoesNot() throws Exception {
    Path model = folder.resolve("model");
    train("--spark=here", "--out", model, "--steps=4").succeeds();
    CommandLineRun.of("train", "--resume", model, "--steps=6")
        .isRefusedWith(2, "a run of a cluster; needed --spark MASTER to go on with it");
    CommandLineRun.of("train", "--resume", model, "--spark=here", "--steps=6").succeeds();
    assertEquals(6, Checkpoint.load(model).snapshot().progress().steps());
    CommandLineRun.of("train", "--resume", model, "--spark=here", "--workers=2")
        .isRefusedWith(2, "--workers cannot be given with --resume");
    Path other = folder.resolve("other");
    train("--out", other, "--steps=2").succeeds();
    CommandLineRun.of("train", "--resume", other, "--spark=here", "--steps=6")
        .isRefusedWith(2, "a run of one machine; needed without --spark to go on with it");
  }

  @Test
  void whatAClusterCannotDoIsRefusedByName() throws Exception {
    CommandLineRun.of("train", "--spark=here", "--csv=sunspots")
        .isRefusedWith(2, "--csv does not go with --spark; needed a text, or ");
    CommandLineRun.of("train", "--spark=here", "--task=adding")
        .isRefusedWith(2, "--task does not go with --spark; needed a text, or ");
    for (String option :
        List.of("--workers=3", "--local-steps=3", "--outer-lr=0.5", "--outer-momentum=0.5")) {
      String name = option.substring(0, option.indexOf('='));
      train(option).isRefusedWith(2, name + " is ");
    }
    CommandLineRun.of("score", "--model=x", "--input=x", "--output=y").isRefusedWith(2, "--spark");
  }

  /** As for whoever has the command line and no Spark. */
  @Test
  void withoutAClusterItSaysWhatIsMissing() throws Exception {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    try (URLClassLoader none =
        new URLClassLoader(new URL[0], before) {
          @Override
          public java.util.Enumeration<URL> getResources(String name) throws java.io.IOException {
            return name.endsWith("Cluster")
                ? java.util.Collections.emptyEnumeration()
                : super.getResources(name);
          }
        }) {
      thread.setContextClassLoader(none);
      String message =
          String.valueOf(
              assertThrows(BackendUnavailableException.class, Cluster::find).getMessage());
      assertTrue(message.contains("needs sequor-spark and Apache Spark"), message);
      assertFalse(message.contains("\n"), message);
      train("--spark=here", "--steps=1", "--out", folder.resolve("none"))
          .isRefusedWith(3, "needs sequor-spark and Apache Spark");
      assertFalse(Files.exists(folder.resolve("none")), "a directory was made");
    } finally {
      thread.setContextClassLoader(before);
    }
  }
}
