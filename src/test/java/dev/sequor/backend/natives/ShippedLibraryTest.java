package dev.sequor.backend.natives;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.cuda.ChildJvm;
import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What is loaded is what was shipped, or nothing, and then the reason and the cure are named. */
@EnabledIf("dev.sequor.backend.cpu.NativeBuild#present")
class ShippedLibraryTest {
  private static final String ENGINE = "dev/sequor/backend/cpu/linux-x86_64/libjniNativeEngine.so";
  private static final String JAVACPP = "org/bytedeco/javacpp/linux-x86_64/libjnijavacpp.so";

  @TempDir Path folder;

  private static ChildJvm sequor() {
    return ChildJvm.running("dev.sequor.cli.Main");
  }

  /** What {@code sequor info} says of the CPU; it never fails, as there always is plain Java. */
  private static String cpuLine(ChildJvm.Result info) {
    assertEquals(0, info.code(), info::toString);
    info.showsNoStackTrace();
    return info.out().lines().filter(line -> line.startsWith("cpu")).findFirst().orElse("");
  }

  private static void assertSays(String line, String... parts) {
    for (String part : parts) {
      assertTrue(line.contains(part), () -> "needed '" + part + "' in: " + line);
    }
  }

  /** A copy of a library, with the same size and time, one byte changed. */
  private static Path tampered(String resource, Path file) throws IOException {
    URL source =
        Objects.requireNonNull(ShippedLibraryTest.class.getResource("/" + resource), resource);
    Files.createDirectories(Objects.requireNonNull(file.getParent()));
    byte[] code;
    try (InputStream in = source.openStream()) {
      code = in.readAllBytes();
    }
    code[code.length / 2] ^= 1;
    Files.write(file, code);
    Files.setLastModifiedTime(file, FileTime.fromMillis(source.openConnection().getLastModified()));
    return file;
  }

  @ParameterizedTest
  @ValueSource(strings = {ENGINE, JAVACPP})
  void aChangedLibraryIsRefusedWithItsPath(String resource) throws Exception {
    Path file = tampered(resource, folder.resolve(resource));
    assertSays(
        cpuLine(sequor().classPathBegins(folder).run("info")),
        "not usable " + file + " is not the library that was shipped: its SHA-256 is ",
        ", needed ",
        "; cure: ");
  }

  /** JavaCPP would take whatever lies there with the right size and time. */
  @Test
  void whatLiesInAPredictablePlaceIsNotLoaded() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    Path home = Files.createDirectory(folder.resolve("home"));
    Path javaCpp =
        Path.of(
            Objects.requireNonNull(ShippedLibraryTest.class.getResource("/" + JAVACPP))
                .toURI()
                .getSchemeSpecificPart()
                .replaceFirst("!.*", "")
                .replaceFirst("^file:", ""));
    for (Path cache :
        List.of(
            home.resolve(".javacpp/cache"),
            temporary.resolve(".javacpp-" + System.getProperty("user.name") + "/cache"))) {
      tampered(JAVACPP, cache.resolve(javaCpp.getFileName().toString()).resolve(JAVACPP));
      tampered(ENGINE, cache.resolve("linux-x86_64/libjniNativeEngine.so"));
    }
    List<Path> before = files();
    ChildJvm.Result result =
        ChildJvm.running(LoadedLibraries.class.getName())
            .option("-Djava.io.tmpdir=" + temporary)
            .option("-Duser.home=" + home)
            .run();
    assertEquals(0, result.code(), result::toString);
    List<String> loaded = result.out().lines().toList();
    assertEquals(2, loaded.size(), result::toString);
    for (String path : loaded) {
      assertTrue(
          path.startsWith(temporary + "/.sequor-") && path.endsWith(" (deleted)"),
          result::toString);
    }
    assertEquals(before, files(), "nothing is left behind, and no cache is touched");
  }

  /** JavaCPP would try its cache next. */
  @Test
  void whatDoesNotLoadIsNotTakenFromTheCacheInstead() throws Exception {
    Path home = Files.createDirectory(folder.resolve("home"));
    byte[] code = "no library".getBytes(StandardCharsets.UTF_8);
    Files.write(folder.resolve("libjnijavacpp.so"), code);
    String sha256 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(code));
    ChildJvm.Result result =
        ChildJvm.running(BrokenJavaCpp.class.getName())
            .classPathBegins(folder)
            .option("-Duser.home=" + home)
            .run("libjnijavacpp.so", sha256);
    result.says(
        "libjnijavacpp.so does not load: ",
        "; cure: have broken.jar on the class path, and no other version of it");
    try (Stream<Path> cached = Files.walk(home)) {
      assertEquals(List.of(), cached.filter(Files::isRegularFile).toList(), result::toString);
    }
  }

  /** JavaCPP's own needs a newer system than ours, and may be missing or another. */
  @Test
  void whereJavaCppsOwnDoesNotLoadOursDoes() throws Exception {
    String ours = "dev/sequor/backend/natives/linux-x86_64/libjnijavacpp.so";
    byte[] code = "no library".getBytes(StandardCharsets.UTF_8);
    Files.write(folder.resolve("libjnijavacpp.so"), code);
    String sha256 = HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(code));
    ChildJvm child = ChildJvm.running(BrokenJavaCpp.class.getName()).classPathBegins(folder);
    assertEquals("loaded", child.run("libjnijavacpp.so", sha256, ours).out().strip());
    assertEquals("loaded", child.run("nowhere/libjnijavacpp.so", sha256, ours).out().strip());
    child
        .run("libjnijavacpp.so", "0".repeat(64), ours)
        .says("is not the library that was shipped"); // whoever put it there is to be asked
    child
        .run("libjnijavacpp.so", sha256, "nowhere/libjnijavacpp.so")
        .says("libjnijavacpp.so does not load");
  }

  private List<Path> files() throws IOException {
    try (Stream<Path> all = Files.walk(folder)) {
      return all.filter(Files::isRegularFile).sorted().toList();
    }
  }

  @Test
  void manyProcessesUnpackAtOnce() throws Exception {
    Path temporary = Files.createDirectory(folder.resolve("tmp"));
    Callable<ChildJvm.Result> work =
        () -> sequor().option("-Djava.io.tmpdir=" + temporary).run("info");
    ExecutorService threads = Executors.newFixedThreadPool(3);
    try {
      for (Future<ChildJvm.Result> each : threads.invokeAll(List.of(work, work, work))) {
        assertSays(cpuLine(each.get()), "cpu   usable");
      }
    } finally {
      threads.shutdownNow();
    }
    try (Stream<Path> left = Files.list(temporary)) {
      assertEquals(List.of(), left.filter(path -> path.toString().contains("sequor")).toList());
    }
  }

  @Test
  void aBuildWithoutTheEngineSaysHowToHaveIt() throws Exception {
    Path hash = folder.resolve(ENGINE + ".sha256");
    Files.createDirectories(Objects.requireNonNull(hash.getParent()));
    Files.createFile(hash);
    assertSays(
        cpuLine(sequor().classPathBegins(folder).run("info")),
        "not usable libjniNativeEngine.so is not one that this build has made",
        "cure: build Sequor anew, with g++ on the PATH");
  }

  @Test
  void anotherProcessorIsNotToldToBuild() throws Exception {
    assertSays(
        cpuLine(sequor().option("-Dos.arch=aarch64").run("info")),
        "is for 64-bit Java on Linux on x86-64, this is linux on aarch64; cure: use such a machine");
  }

  @Test
  void withoutATemporaryFolderTheHomeFolderServes() throws Exception {
    assertSays(
        cpuLine(
            sequor()
                .option("-Djava.io.tmpdir=" + folder.resolve("none"))
                .option("-Duser.home=" + folder)
                .run("info")),
        "cpu   usable");
  }

  /** A system user has a home that does not exist, or none, which Java calls "?". */
  @ParameterizedTest
  @ValueSource(strings = {"/proc/none", "?"})
  void withoutAnyFolderEachIsNamedWithItsFault(String home) throws Exception {
    String line =
        cpuLine(
            sequor()
                .option("-Djava.io.tmpdir=" + folder.resolve("none"))
                .option("-Duser.home=" + home)
                .run("info"));
    assertSays(
        line,
        "there is no folder to unpack native libraries in: " + folder.resolve("none") + " does not",
        "; cure: set SEQUOR_UNPACK_FOLDER to a folder that only you and root can write to, not");
    assertEquals(home.startsWith("/"), line.contains(home + " does not exist"), line);
  }

  /** Needs root, or the permission to make user namespaces. */
  @ParameterizedTest(name = "{0}")
  @CsvSource({"noexec,is mounted noexec", "ro,Read-only file system"})
  void aMountThatForbidsItIsNamed(String option, String fault) throws Exception {
    Path place = Files.createDirectory(folder.resolve("mount"));
    String[] inside = {
      "unshare",
      "--user",
      "--map-root-user",
      "--mount",
      "sh",
      "-c",
      "mount -t tmpfs -o " + option + " none \"$1\" && shift && exec \"$@\"",
      "sh",
      place.toString()
    };
    String[] probe = Stream.concat(Stream.of(inside), Stream.of("true")).toArray(String[]::new);
    assumeTrue(works(probe), "this machine lets nobody mount in a namespace of their own");
    ChildJvm child = sequor().startedBy(inside).option("-Djava.io.tmpdir=" + place);
    assertSays(cpuLine(child.option("-Duser.home=/proc/none").run("info")), place + "", fault);
    // And with a home it works.
    assertSays(
        cpuLine(
            sequor()
                .startedBy(inside)
                .option("-Djava.io.tmpdir=" + place)
                .option("-Duser.home=" + folder)
                .run("info")),
        "cpu   usable");
  }

  private static boolean works(String... command) throws InterruptedException {
    try {
      return new ProcessBuilder(command)
              .redirectErrorStream(true)
              .redirectOutput(ProcessBuilder.Redirect.DISCARD)
              .start()
              .waitFor()
          == 0;
    } catch (IOException e) {
      return false;
    }
  }

  @Test
  void aSettingThatDoesNotServeIsBadInput() throws Exception {
    Path text = Files.writeString(folder.resolve("text"), "abcd ".repeat(1000));
    ChildJvm.Result result =
        sequor()
            .environment("SEQUOR_UNPACK_FOLDER", folder.resolve("none"))
            .run("train", "--text", text.toString(), "--out", folder.resolve("out").toString());
    assertEquals(2, result.code(), result::toString);
    assertSays(
        result.err(),
        "environment variable SEQUOR_UNPACK_FOLDER does not do: "
            + folder.resolve("none")
            + " does not exist; needed a folder");
    result.showsNoStackTrace();
  }

  @Test
  void javaIsToldToAllowIt() throws Exception {
    assumeTrue(Runtime.version().feature() >= 24, "older Java has no such option");
    assertSays(
        cpuLine(sequor().withoutNativeAccess().option("--illegal-native-access=deny").run("info")),
        "Illegal native access",
        "; cure: start Java with --enable-native-access=ALL-UNNAMED");
  }

  @Test
  void aLibraryThatIsNotThereIsNamed() {
    ShippedLibrary library = ShippedLibrary.of("lib/libnone.so", "00", "none.jar");
    LibraryUnavailableException e = assertThrows(LibraryUnavailableException.class, library::load);
    assertEquals("libnone.so is not on the class path", e.getMessage());
    assertEquals("have none.jar on the class path, and no other version of it", e.cure());
  }
}
