package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.io.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Whatever is thrown ends in one line and an exit code, and never in a stack trace. */
@EnabledOnOs({OS.LINUX, OS.MAC})
class FailuresTest {
  @TempDir Path folder;

  @BeforeEach
  void prepare() throws IOException {
    EveryCommand.prepare(folder);
  }

  private Program program() {
    return new Program(Main.class, folder);
  }

  /** Puts a class of this name, whose use throws what the property "thrown" names, in a folder. */
  private Path sabotage(String packageName, String name, String members) throws IOException {
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    assumeTrue(compiler != null, "this Java has no compiler");
    Path classes = Files.createDirectories(folder.resolve("classes"));
    Path source =
        Files.writeString(
            folder.resolve(name + ".java"),
            "package " + packageName + "; public class " + name + " { " + members + " }");
    assertEquals(0, compiler.run(null, null, null, "-d", classes.toString(), source.toString()));
    return classes;
  }

  private static final String THROW =
      "try { sneak((Throwable) Class.forName(System.getProperty(\"thrown\"))"
          + ".getConstructor().newInstance()); }"
          + " catch (ReflectiveOperationException e) { throw new AssertionError(e); }";

  private static final String SNEAK =
      " @SuppressWarnings(\"unchecked\") static <E extends Throwable> void sneak(Throwable t)"
          + " throws E { throw (E) t; }";

  private Program.Result runAll(Path sabotage, Stream<String> runs) throws Exception {
    Program.Result result =
        new Program(EveryCommand.class, folder)
            .classPathBegins(sabotage)
            .environment("LC_ALL", "C.UTF-8")
            .run(runs.toArray());
    assertEquals(0, result.code(), result::toString);
    return result.showsNoTrace();
  }

  private List<String> codes() throws IOException {
    return Files.readAllLines(folder.resolve(EveryCommand.CODES)).stream()
        .map(line -> line.substring(0, line.indexOf(' ')))
        .toList();
  }

  /** What missing fonts, a missing module, a small stack and a small heap throw while drawing. */
  @Test
  void aRunWithoutItsPictureHasItsResult() throws Exception {
    List<String> thrown =
        List.of(
            "java.lang.InternalError",
            "java.lang.NoClassDefFoundError",
            "java.lang.UnsatisfiedLinkError",
            "java.lang.StackOverflowError",
            "java.lang.OutOfMemoryError",
            "java.lang.NullPointerException");
    Program.Result result =
        runAll(
            sabotage(
                "com.github.weisj.jsvg.parser",
                "SVGLoader",
                "public SVGLoader() { " + THROW + " }" + SNEAK),
            thrown.stream()
                .map(
                    name ->
                        "-Dthrown="
                            + name
                            + " train --text=text.txt --json --out="
                            + name
                            + " "
                            + String.join(" ", EveryCommand.smallest())));
    assertEquals(Collections.nCopies(thrown.size(), "0"), codes());
    List<String> results = result.out().lines().toList();
    List<String> warnings =
        result.err().lines().filter(line -> line.contains("the loss curve is not drawn")).toList();
    assertEquals(thrown.size(), results.size());
    assertEquals(thrown.size(), warnings.size(), result::toString);
    for (int i = 0; i < thrown.size(); i++) {
      JsonNode json = new ObjectMapper().readTree(results.get(i));
      assertTrue(json.get("lossCurve").isNull(), result::toString);
      assertTrue(json.get("heldOutBitsPerCharacter").asDouble() > 0, result::toString);
      assertTrue(warnings.get(i).startsWith(thrown.get(i) + "/loss.png: "), result::toString);
      assertEquals(2, Checkpoint.load(folder.resolve(thrown.get(i))).snapshot().progress().steps());
    }
  }

  /** Whatever a command throws: here from the class that reads the text. */
  @Test
  void everyThrowableEndsInOneLine() throws Exception {
    List<String> thrown =
        List.of(
            "java.lang.OutOfMemoryError",
            "java.lang.StackOverflowError",
            "java.lang.NoClassDefFoundError",
            "java.lang.InternalError",
            "java.lang.AssertionError",
            "java.lang.Throwable",
            "java.lang.IllegalStateException",
            "java.lang.ArithmeticException");
    Program.Result result =
        runAll(
            sabotage(
                "dev.sequor.data",
                "TextFile",
                "static long size(java.nio.file.Path file) { " + THROW + " return 0; }" + SNEAK),
            thrown.stream()
                .map(
                    name ->
                        "-Dthrown=" + name + " eval model --text=text.txt --device=java --json"));
    assertEquals(List.of("2", "1", "1", "1", "1", "1", "1", "1"), codes());
    List<String> json = result.out().lines().toList();
    assertEquals(thrown.size(), json.size(), result::toString);
    for (int i = 0; i < thrown.size(); i++) {
      JsonNode said = new ObjectMapper().readTree(json.get(i));
      assertEquals(i == 0 ? 2 : 1, said.get("exitCode").asInt(), result::toString);
      assertFalse(said.get("error").asText().isBlank(), result::toString);
    }
    List<String> lines = result.err().lines().toList();
    assertEquals(thrown.size(), lines.size(), result::toString);
    for (int i = 0; i < thrown.size(); i++) {
      String part = i == 0 ? "text.txt does not fit the memory" : thrown.get(i);
      assertTrue(lines.get(i).contains(part), result::toString);
    }
  }

  @Test
  void theTraceIsThereForThoseWhoAskForIt() throws Exception {
    Program.Result result =
        program()
            .environment("SEQUOR_TRACE", "1")
            .classPathBegins(
                sabotage(
                    "dev.sequor.data",
                    "TextFile",
                    "static long size(java.nio.file.Path file) {"
                        + " throw new StackOverflowError(); }"))
            .run("eval", "model", "--text=text.txt", "--device=java");
    assertEquals(1, result.code());
    assertTrue(result.err().contains("\tat dev.sequor.data.TextFile.size"), result::toString);
  }

  /** Of what the library logs, --quiet leaves errors alone. */
  @Test
  void warningsAreLeftOutIfQuietIsWanted() throws Exception {
    Path classes =
        sabotage(
            "dev.sequor.data",
            "TextFile",
            "static long size(java.nio.file.Path file) { try {"
                + " Object logger = Class.forName(\"org.slf4j.LoggerFactory\")"
                + ".getMethod(\"getLogger\", String.class).invoke(null, \"x\");"
                + " Class<?> type = Class.forName(\"org.slf4j.Logger\");"
                + " type.getMethod(\"warn\", String.class).invoke(logger, \"a warning\");"
                + " type.getMethod(\"error\", String.class).invoke(logger, \"an error\");"
                + " } catch (ReflectiveOperationException e) { throw new AssertionError(e); }"
                + " throw new IllegalArgumentException(\"refused\"); }");
    String[] eval = {"eval", "model", "--text=text.txt", "--device=java"};
    Program.Result usual = program().classPathBegins(classes).run((Object[]) eval);
    assertTrue(usual.err().contains("a warning"), usual::toString);
    Program.Result quiet =
        program().classPathBegins(classes).run(eval[0], eval[1], eval[2], eval[3], "--quiet");
    assertEquals(2, quiet.code(), quiet::toString);
    assertTrue(quiet.err().contains("an error"), quiet::toString);
    assertFalse(quiet.err().contains("a warning"), quiet::toString);
  }

  /** More than the heap has room for: four bytes a character would be four times that. */
  @Test
  void textsThatTheHeapHasNoRoomForAreLearnedFrom() throws Exception {
    Files.writeString(folder.resolve("large.txt"), "to be or not ".repeat(5_000_000));
    Program.Result result =
        program()
            .options("-Xmx40m")
            .run(
                "train",
                "--text=large.txt",
                "--held-out=0.00001",
                "--hidden=8",
                "--steps=3",
                "--device=java",
                "--json",
                "--out=large");
    assertEquals(0, result.code(), result::toString);
  }

  @Test
  void samplesThatTheHeapHasNoRoomForAreRefused() throws Exception {
    program()
        .options("-Xmx64m")
        .run("sample", "model", "--length=10000000", "--device=java")
        .endsWithOneLine(2, "--length 10000000 takes at least 70 MB", "; Java's heap may have");
  }

  /** The locale of containers, where Java takes everything that is not ASCII for U+FFFD. */
  @Test
  void charactersThatTheLocaleHasLostAreNamedWithTheCure() throws Exception {
    String cure = "set the environment variable LC_ALL=C.UTF-8";
    program()
        .environment("LC_ALL", "C")
        .after("e=$(printf '\\303\\251')")
        .run("sample", "model", "--prime", "\"$e\"")
        .endsWithOneLine(2, "argument 4 (after --prime) has characters that are lost", cure);
    program()
        .environment("LC_ALL", "C")
        .after("e=$(printf '\\303\\251') && mkdir \"$e\" && cp text.txt \"$e\" && cd \"$e\"")
        .run("train", "--text=text.txt", "--steps=1", "--device=java")
        .endsWithOneLine(
            2, "'text.txt' is in a folder whose name has characters that are lost", cure);
    program()
        .environment("LC_ALL", "C")
        .after("cd \"$(printf '\\303\\251')\"")
        .run("train", "--text=" + folder.resolve("text.txt"), "--batch=2", "--device=java")
        .endsWithOneLine(2, "'sequor-out' is in a folder whose name has characters", cure);
    Program.Result result =
        program()
            .environment("LC_ALL", "C.UTF-8")
            .after("e=$(printf '\\303\\251') && cd \"$e\"")
            .run("sample", "../model", "--prime", "\"$e\"", "--length=1", "--device=java");
    assertEquals(0, result.code(), result::toString);
    assertTrue(result.out().startsWith("\u00e9"), result::toString);
  }
}
