package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.sequor.io.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import javax.tools.JavaCompiler;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

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

  private static List<String> train(Path out) {
    List<String> train =
        new ArrayList<>(List.of("train", "--text=text.txt", "--out=" + out, "--quiet", "--json"));
    train.addAll(EveryCommand.smallest());
    return train;
  }

  /** What missing fonts, a missing module, a small stack and a small heap throw while drawing. */
  @ParameterizedTest(name = "{0}")
  @ValueSource(
      strings = {
        "java.lang.InternalError",
        "java.lang.NoClassDefFoundError",
        "java.lang.UnsatisfiedLinkError",
        "java.lang.StackOverflowError",
        "java.lang.OutOfMemoryError",
        "java.lang.NullPointerException"
      })
  void aRunWithoutItsPictureHasItsResult(String thrown) throws Exception {
    Path out = folder.resolve("out");
    Program.Result result =
        program()
            .classPathBegins(
                sabotage(
                    "org.knowm.xchart",
                    "XYChartBuilder",
                    "public XYChartBuilder() { " + THROW + " }" + SNEAK))
            .options("-Dthrown=" + thrown)
            .run(train(out).toArray());
    assertEquals(0, result.code(), result::toString);
    result.showsNoTrace();
    JsonNode json = new ObjectMapper().readTree(result.out());
    assertTrue(json.get("lossCurve").isNull(), result::toString);
    assertTrue(json.get("heldOutBitsPerCharacter").asDouble() > 0, result::toString);
    List<String> warnings =
        result.err().lines().filter(line -> line.contains("the loss curve is not drawn")).toList();
    assertEquals(1, warnings.size(), result::toString);
    assertTrue(warnings.get(0).startsWith(out.resolve("loss.png").toString()), result::toString);
    assertEquals(2, Checkpoint.load(out).snapshot().progress().steps());
  }

  /** Whatever a command throws: here from the class that reads the text. */
  @ParameterizedTest(name = "{0} ends with {1}")
  @CsvSource({
    "java.lang.OutOfMemoryError, 2, text.txt does not fit the memory",
    "java.lang.StackOverflowError, 1, java.lang.StackOverflowError",
    "java.lang.NoClassDefFoundError, 1, java.lang.NoClassDefFoundError",
    "java.lang.InternalError, 1, java.lang.InternalError",
    "java.lang.AssertionError, 1, java.lang.AssertionError",
    "java.lang.Throwable, 1, java.lang.Throwable",
    "java.lang.IllegalStateException, 1, java.lang.IllegalStateException",
    "java.lang.ArithmeticException, 1, java.lang.ArithmeticException"
  })
  void everyThrowableEndsInOneLine(String thrown, int code, String part) throws Exception {
    program()
        .classPathBegins(
            sabotage(
                "dev.sequor.data",
                "TextFile",
                "public static String read(java.nio.file.Path file) { "
                    + THROW
                    + " return null; }"
                    + SNEAK))
        .options("-Dthrown=" + thrown)
        .run("eval", "model", "--text=text.txt", "--device=java")
        .endsWithOneLine(code, part);
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
                    "public static String read(java.nio.file.Path file) {"
                        + " throw new StackOverflowError(); }"))
            .run("eval", "model", "--text=text.txt", "--device=java");
    assertEquals(1, result.code());
    assertTrue(result.err().contains("\tat dev.sequor.data.TextFile.read"), result::toString);
  }

  @Test
  void textsThatTheHeapHasNoRoomForAreRefused() throws Exception {
    Files.writeString(folder.resolve("large.txt"), "to be or not".repeat(1_000_000));
    program()
        .options("-Xmx32m")
        .run("eval", "model", "--text=large.txt", "--device=java")
        .endsWithOneLine(
            2, "large.txt: holds 12000000 bytes; reading it takes 48000000 bytes of Java's heap");
    program()
        .options("-Xmx54m")
        .run("eval", "model", "--text=large.txt", "--device=java")
        .endsWithOneLine(2, "large.txt", "Java's heap", "may have 5");
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
