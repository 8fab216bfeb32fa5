package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.StringWriter;
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

/** What README.md says of a cluster compiles as it stands there. */
class ReadmeClusterTest {
  @TempDir Path folder;

  @Test
  void theProgramCompiles() throws Exception {
    Matcher block =
        Pattern.compile("## On a cluster.*?```java\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(Path.of("README.md"), StandardCharsets.UTF_8));
    assertTrue(block.find(), "README.md has no program for a cluster");
    Path file = folder.resolve("Readme.java");
    Files.writeString(
        file,
        """
        import dev.sequor.io.*;
        import dev.sequor.model.*;
        import dev.sequor.spark.*;
        import org.apache.spark.sql.*;

        class Readme {
          static void run(SparkSession spark, ModelSpec spec, Dataset<Row> frame) throws Exception {
        """
            + block.group(1)
            + "}}",
        StandardCharsets.UTF_8);
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    String classPath =
        System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
    StringWriter said = new StringWriter();
    try (StandardJavaFileManager files =
        compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8)) {
      boolean compiled =
          compiler
              .getTask(
                  said,
                  files,
                  null,
                  List.of("-cp", classPath, "-d", folder.toString(), "-nowarn", "-proc:none"),
                  null,
                  files.getJavaFileObjects(file))
              .call();
      assertEquals("true", compiled + said.toString());
    }
  }
}
