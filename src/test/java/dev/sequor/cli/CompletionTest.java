package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The script for shells, in a shell. */
class CompletionTest {
  @TempDir Path folder;

  /** What bash offers at the end of {@code line}. */
  private List<String> offered(String line) throws IOException, InterruptedException {
    assumeTrue(new File("/bin/bash").canExecute(), "there is no bash");
    Path script =
        Files.writeString(
            folder.resolve("script"), CommandLineRun.of("completion").succeeds().out());
    String[] words = line.split(" ", -1);
    String ask =
        "source "
            + script
            + "; COMP_WORDS=("
            + (line.endsWith(" ") ? line + "''" : line)
            + "); COMP_CWORD="
            + (words.length - 1)
            + "; COMP_LINE='"
            + line
            + "'; COMP_POINT=${#COMP_LINE}; $(complete -p sequor | sed 's/.*-F \\([^ ]*\\).*/\\1/');"
            + " printf '%s\\n' \"${COMPREPLY[@]}\"";
    Path out = folder.resolve("out");
    Process bash =
        new ProcessBuilder("/bin/bash", "--norc", "-c", ask)
            .redirectError(folder.resolve("err").toFile())
            .redirectOutput(out.toFile())
            .start();
    assertEquals(0, bash.waitFor(), Files.readString(folder.resolve("err")));
    return Files.readAllLines(out).stream().map(String::strip).toList();
  }

  @Test
  void commandsOptionsAndNamesAreCompleted() throws Exception {
    assertTrue(offered("sequor ").containsAll(List.of("train", "sample", "completion")));
    assertEquals(List.of("train"), offered("sequor tr"));
    assertTrue(offered("sequor train --").containsAll(List.of("--cell", "--log", "--quiet")));
    assertTrue(offered("sequor train --cell ").containsAll(List.of("lstm", "gru-reset-after")));
    assertEquals(List.of("agreement"), offered("sequor demo ag"));
    assertTrue(offered("sequor demo cells --").containsAll(List.of("--text", "--device")));
    assertEquals(Set.of("constant", "cosine"), Set.copyOf(offered("sequor train --schedule co")));
  }

  @Test
  void asJsonItIsOneLine() throws IOException {
    assertEquals(
        CommandLineRun.of("completion").succeeds().out(),
        CommandLineRun.of("completion", "--json").succeeds().json().get("script").asText());
  }
}
