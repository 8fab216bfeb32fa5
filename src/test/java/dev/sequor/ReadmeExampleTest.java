package dev.sequor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The Java text in README.md works as it stands there. */
class ReadmeExampleTest {
  private static final String STEPS = "steps() < 1955";
  private static final int FEWER_STEPS = 15;

  @TempDir Path folder;

  private static String example() throws IOException {
    Matcher block =
        Pattern.compile("```java\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("README.md")));
    assertTrue(block.find(), "README.md has no ```java block");
    return block.group(1);
  }

  private void compile(String body) throws IOException {
    Path source = folder.resolve("Example.java");
    Files.writeString(
        source,
        "import dev.sequor.backend.*;\nimport dev.sequor.data.*;\nimport dev.sequor.model.*;\n"
            + "public class Example { public static void main(String[] args) throws Exception {\n"
            + body
            + "}}\n");
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    try (StandardJavaFileManager files = compiler.getStandardFileManager(null, null, null)) {
      boolean compiled =
          compiler
              .getTask(
                  messages,
                  files,
                  null,
                  List.of(
                      "-proc:none",
                      "-d",
                      folder.toString(),
                      "-cp",
                      System.getProperty("java.class.path")),
                  null,
                  files.getJavaFileObjects(source))
              .call();
      assertTrue(compiled, messages::toString);
    }
  }

  @Test
  void theExampleTrainsJudgesAndSamples() throws Exception {
    String example = example();
    assertTrue(example.contains(STEPS), "the example no longer says " + STEPS);
    // As it stands it takes a minute or more; what it does is the same after a few steps.
    compile(example.replace(STEPS, "steps() < " + FEWER_STEPS));
    PrintStream stdout = System.out;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    try (URLClassLoader loader =
        new URLClassLoader(new URL[] {folder.toUri().toURL()}, getClass().getClassLoader())) {
      System.setOut(new PrintStream(printed, true, StandardCharsets.UTF_8));
      loader
          .loadClass("Example")
          .getMethod("main", String[].class)
          .invoke(null, (Object) new String[0]);
    } finally {
      System.setOut(stdout);
    }
    String text = printed.toString(StandardCharsets.UTF_8);
    Matcher bits = Pattern.compile("^([0-9.]+) bits per character\n").matcher(text);
    assertTrue(bits.find(), text);
    // Guessing among 39 characters costs 5.3 bits; some of them being frequent is learnt at once.
    assertTrue(Double.parseDouble(bits.group(1)) < 5.2, text);
    assertEquals(200 + 1, text.length() - bits.end(), text);
  }

  @Test
  void theExampleIsShort() throws IOException {
    assertTrue(example().lines().count() <= 18, () -> "the example has grown");
  }
}
