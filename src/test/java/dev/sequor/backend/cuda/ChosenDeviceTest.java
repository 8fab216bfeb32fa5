package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What {@code auto} becomes, and what is said of it. Every case has a process of its own. */
class ChosenDeviceTest {
  @TempDir Path folder;

  private static ChildJvm openAuto() {
    return ChildJvm.running(OpenAuto.class.getName())
        .option("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn");
  }

  @Test
  void theEnvironmentNamesIt() throws IOException, InterruptedException {
    ChildJvm.Result result = openAuto().environment("SEQUOR_DEVICE", "java").run();
    assertEquals(0, result.code(), result::toString);
    result.says("java");
    assertEquals("", result.err());
    ChildJvm.Result info =
        ChildJvm.running("dev.sequor.cli.Main").environment("SEQUOR_DEVICE", "java").run("info");
    assertTrue(
        info.out().lines().anyMatch(l -> l.startsWith("java") && l.endsWith("  <- auto")),
        info::toString);
  }

  @ParameterizedTest
  @CsvSource({"gpu", "cuda:99", "cpu:1"})
  void aNameThatIsNoneIsRefusedWithItsPlace(String name) throws IOException, InterruptedException {
    ChildJvm.Result result =
        ChildJvm.running("dev.sequor.cli.Main")
            .environment("SEQUOR_DEVICE", name)
            .run("train", "--task", "spirals", "--out", folder.resolve("out").toString());
    assertEquals(3, result.code(), result::toString);
    assertEquals(1, result.err().lines().count(), result::toString);
    assertTrue(
        result.err().contains("environment variable SEQUOR_DEVICE: device '" + name + "'"),
        result::toString);
  }

  /** An engine that ought to work here, and does not: the program goes on, and says so. */
  @Test
  @EnabledIf("dev.sequor.backend.cpu.NativeBuild#present")
  void fallingToJavaIsAWarningWithCauseAndCure() throws IOException, InterruptedException {
    Path engine = folder.resolve("dev/sequor/backend/cpu/linux-x86_64/libjniNativeEngine.so");
    Files.createDirectories(Objects.requireNonNull(engine.getParent()));
    Files.writeString(engine, "none");
    ChildJvm.Result result = openAuto().classPathBegins(folder).run();
    assertEquals(0, result.code(), result::toString);
    result.says("java");
    assertTrue(result.err().contains("WARN"), result::toString);
    assertTrue(
        result.err().contains("and not cpu: " + engine + " is not the library"), result::toString);
    assertTrue(result.err().contains("(cure: "), result::toString);
    ChildJvm.Result command =
        ChildJvm.running("dev.sequor.cli.Main")
            .classPathBegins(folder)
            .run("train", "--task", "spirals", "--steps", "1", "--out", folder + "/out");
    assertEquals(0, command.code(), command::toString);
    assertEquals(
        1,
        command.err().lines().filter(line -> line.contains("not using cpu: ")).count(),
        command::toString);
  }
}
