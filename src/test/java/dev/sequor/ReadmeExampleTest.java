package dev.sequor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
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

  @Test
  void theExampleTrainsJudgesAndSamples() throws Exception {
    String example = example();
    assertTrue(example.contains(STEPS), "the example no longer says " + STEPS);
    // As it stands it takes a minute or more; what it does is the same after a few steps.
    String text =
        JavaText.run(
            folder,
            "import dev.sequor.backend.*;\nimport dev.sequor.data.*;\nimport dev.sequor.model.*;\n",
            example.replace(STEPS, "steps() < " + FEWER_STEPS));
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
