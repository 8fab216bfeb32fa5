package dev.sequor.exchange;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.exchange.keras.KerasModel;
import dev.sequor.exchange.onnx.OnnxModel;
import dev.sequor.module.Affine;
import dev.sequor.module.Network;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Where a library that only some files need is missing, its coordinates are named, each time. */
class OptionalLibrariesTest {
  @TempDir Path folder;

  /** Loads all classes anew, without those of jars that are called so. */
  private static URLClassLoader without(String... jars) throws Exception {
    List<URL> urls = new ArrayList<>();
    for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      if (List.of(jars).stream().noneMatch(entry::contains)) {
        urls.add(Path.of(entry).toUri().toURL());
      }
    }
    return new URLClassLoader(urls.toArray(URL[]::new), ClassLoader.getPlatformClassLoader());
  }

  /** What a program does with files; loaded anew, and with it all that it uses. */
  public static final class Program {
    private Program() {}

    public static void readKeras(Path file) throws IOException {
      KerasModel.read(file);
    }

    public static void readOnnx(Path file) throws IOException {
      OnnxModel.read(file);
    }

    public static void writeOnnx(Path file) throws IOException {
      Network network =
          Network.builder().vectors("x", 3).add("y", new Affine(2, 1), "x").output("y").build();
      OnnxModel.write(ExchangedModel.of(network, List.of()), file);
    }
  }

  /** Each time, since a class that could not be initialised says less the second time. */
  private static void assertNames(
      ClassLoader without, String method, Path file, String group, String artifact)
      throws Exception {
    Method call =
        Class.forName(Program.class.getName(), true, without).getMethod(method, Path.class);
    String what = method.startsWith("read") ? "reading " : "writing ";
    String needed = what + file + " needs " + group + ":" + artifact + ":" + version(artifact);
    for (int time = 0; time < 2; time++) {
      Throwable thrown =
          Objects.requireNonNull(
              assertThrows(InvocationTargetException.class, () -> call.invoke(null, file))
                  .getCause());
      assertEquals(IllegalStateException.class, thrown.getClass());
      String message = String.valueOf(thrown.getMessage());
      assertTrue(message.startsWith(needed + ", which is not on the class path ("), message);
      assertFalse(message.contains("\n"), message);
      assertNull(thrown.getCause());
    }
  }

  /** The one that this build has. */
  private static String version(String artifact) throws IOException {
    Matcher version =
        Pattern.compile("<artifactId>" + artifact + "</artifactId>\\s*<version>([^<]+)<")
            .matcher(Files.readString(Path.of("pom.xml")));
    assertTrue(version.find(), artifact);
    return version.group(1);
  }

  @Test
  void jhdfForKeras() throws Exception {
    try (URLClassLoader loader = without("jhdf")) {
      for (String name : List.of("nested.h5", "nested.keras")) {
        Path file = folder.resolve(name);
        try (InputStream in = KerasModel.class.getResourceAsStream(name)) {
          Files.write(file, Objects.requireNonNull(in).readAllBytes());
        }
        assertNames(loader, "readKeras", file, "io.jhdf", "jhdf");
      }
    }
  }

  @Test
  void tribuoForOnnx() throws Exception {
    try (URLClassLoader loader = without("tribuo", "protobuf")) {
      Path file = Files.write(folder.resolve("model.onnx"), new byte[] {8, 8});
      assertNames(loader, "writeOnnx", file, "org.tribuo", "tribuo-util-onnx");
      assertNames(loader, "readOnnx", file, "org.tribuo", "tribuo-util-onnx");
    }
  }
}
