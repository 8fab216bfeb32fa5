package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.annotation.JsonDeserialize;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.report.TrainingRecord;
import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.GenericArrayType;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.lang.reflect.Type;
import java.lang.reflect.WildcardType;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The metadata for GraalVM's {@code native-image} name what there is, and all of it that is looked
 * up by its name only. (No GraalVM takes part.)
 */
class ReachabilityMetadataTest {
  private static final String CORE = "sequor";
  private static final String CUDA = "sequor-cuda";
  private static final String SERVICES = "META-INF/services/";

  /** Records that JSON is bound to; what they hold is found from here. */
  private static final List<Class<?>> ROOTS =
      List.of(
          CheckpointConfig.class,
          CheckpointConfig.ModelPart.class,
          EarlierVocabulary.Config.class,
          EarlierVocabulary.ModelPart.class,
          FirstVersion.Config.class,
          FirstVersion.ModelPart.class,
          ModelFile.Description.class,
          named("dev.sequor.exchange.ExchangedFile$Description"),
          TrainingRecord.class);

  /** A record of another package, which only this and its own know of. */
  private static Class<?> named(String name) {
    try {
      return Class.forName(name);
    } catch (ClassNotFoundException e) {
      throw new LinkageError(name, e);
    }
  }

  private static JsonNode metadata(String artifact) throws IOException {
    return new JsonMapper()
        .readTree(
            Path.of("src/artifacts", artifact, "META-INF/native-image/dev.sequor", artifact)
                .resolve("reachability-metadata.json")
                .toFile());
  }

  private static ClassLoader classes() {
    return ReachabilityMetadataTest.class.getClassLoader();
  }

  private static boolean isClass(String name) {
    return classes().getResource(name.replace('.', '/') + ".class") != null;
  }

  /** The types of an artifact's metadata, those that native code may ask for or all. */
  private static Set<String> types(String artifact, boolean jni) throws IOException {
    Set<String> types = new TreeSet<>();
    for (JsonNode each : metadata(artifact).path("reflection")) {
      if (!jni || each.path("jniAccessible").asBoolean()) {
        types.add(each.path("type").asText());
      }
    }
    return types;
  }

  @ParameterizedTest
  @ValueSource(strings = {CORE, CUDA})
  void eachTypeExists(String artifact) throws Exception {
    Set<String> types = types(artifact, false);
    assertTrue(types.size() > 5, types::toString);
    for (String type : types) {
      assertTrue(isClass(type), type);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {CORE, CUDA})
  void eachResourceExists(String artifact) throws Exception {
    JsonNode resources = metadata(artifact).path("resources");
    assertTrue(resources.size() > 1, resources::toString);
    List<Path> files;
    try (Stream<Path> all = Files.walk(Path.of("target/classes"))) {
      files = all.map(Path.of("target/classes")::relativize).toList();
    }
    for (JsonNode each : resources) {
      String glob = each.path("glob").asText();
      PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + glob);
      boolean exists =
          classes().getResource(glob) != null
              || files.stream().anyMatch(matcher::matches)
              || (glob.startsWith(SERVICES) && isClass(glob.substring(SERVICES.length())))
              // Without a compiler there are no libraries.
              || (glob.contains(".so") && glob.startsWith("dev/sequor/") && !hasEngine());
      assertTrue(exists, glob);
    }
  }

  private static boolean hasEngine() {
    return classes().getResource("dev/sequor/backend/cpu/linux-x86_64/libjniNativeEngine.so")
        != null;
  }

  /** All that lies among the classes without being one is asked for by its name. */
  @Test
  void eachFileOfTheLibraryIsNamed() throws Exception {
    List<PathMatcher> globs = new ArrayList<>();
    for (String artifact : List.of(CORE, CUDA)) {
      for (JsonNode each : metadata(artifact).path("resources")) {
        globs.add(FileSystems.getDefault().getPathMatcher("glob:" + each.path("glob").asText()));
      }
    }
    Path root = Path.of("target/classes");
    try (Stream<Path> all = Files.walk(root)) {
      assertEquals(
          List.of(),
          all.filter(Files::isRegularFile)
              .map(root::relativize)
              .filter(file -> !file.toString().endsWith(".class"))
              .filter(file -> globs.stream().noneMatch(glob -> glob.matches(file)))
              .toList());
    }
  }

  @Test
  void eachTypeThatJsonIsBoundToIsNamed() throws Exception {
    Set<String> bound = new TreeSet<>();
    for (Class<?> root : ROOTS) {
      add(root, bound);
    }
    for (Class<?> holder : List.of(StoredTypes.class, EarlierFields.class)) {
      for (Class<?> mixIn : holder.getDeclaredClasses()) {
        add(mixIn, bound);
      }
    }
    for (Class<?> module : StoredTypes.MODULES.values()) {
      // Others are named by whoever made them.
      if (!module.getProtectionDomain().getCodeSource().getLocation().toString().contains("test")) {
        add(module, bound);
      }
    }
    assertTrue(bound.contains("dev.sequor.backend.RnnSpec"), bound::toString);
    bound.removeAll(types(CORE, false));
    assertEquals(Set.of(), bound);
  }

  private static void add(Type type, Set<String> bound) {
    if (type instanceof ParameterizedType p) {
      add(p.getRawType(), bound);
      for (Type each : p.getActualTypeArguments()) {
        add(each, bound);
      }
    } else if (type instanceof WildcardType w) {
      add(w.getUpperBounds()[0], bound);
    } else if (type instanceof GenericArrayType a) {
      add(a.getGenericComponentType(), bound);
    } else if (type instanceof Class<?> c) {
      addClass(c, bound);
    }
  }

  private static void addClass(Class<?> c, Set<String> bound) {
    if (c.isArray()) {
      add(c.getComponentType(), bound);
      return;
    }
    if (!c.getName().startsWith("dev.sequor.") || !bound.add(c.getName())) {
      return;
    }
    if (c.isRecord()) {
      for (RecordComponent each : c.getRecordComponents()) {
        add(each.getGenericType(), bound);
      }
    }
    if (c.isSealed()) {
      for (Class<?> each : c.getPermittedSubclasses()) {
        add(each, bound);
      }
    }
    JsonSubTypes subTypes = c.getAnnotation(JsonSubTypes.class);
    if (subTypes != null) {
      for (JsonSubTypes.Type each : subTypes.value()) {
        add(each.value(), bound);
      }
    }
    JsonDeserialize reader = c.getAnnotation(JsonDeserialize.class);
    if (reader != null) {
      add(reader.using(), bound);
    }
  }

  /** Native code asks for classes by names that stand in it as they are. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "dev/sequor/backend/cpu/linux-x86_64/libjniNativeEngine.so",
        "org/bytedeco/javacpp/linux-x86_64/libjnijavacpp.so",
        "lib/libJCudaDriver-12.6.0-linux-x86_64.so",
        "lib/libJCublas2-12.6.0-linux-x86_64.so",
        "lib/libJNvPTXCompiler-12.6.0-linux-x86_64.so"
      })
  @EnabledIf("dev.sequor.backend.cpu.NativeBuild#present")
  void eachTypeThatNativeCodeAsksForIsNamed(String library) throws Exception {
    Set<String> named = types(library.startsWith("lib/") ? CUDA : CORE, true);
    URL source = Objects.requireNonNull(classes().getResource(library), library);
    Set<String> asked = new TreeSet<>();
    try (InputStream in = source.openStream()) {
      Matcher name =
          Pattern.compile("(?<=[\\x00L])(?:java|jcuda|org)(?:/[A-Za-z0-9_$]+)+(?=[\\x00;])")
              .matcher(new String(in.readAllBytes(), StandardCharsets.ISO_8859_1));
      while (name.find()) {
        String type = name.group().replace('/', '.');
        if (isClass(type)) {
          asked.add(type);
        }
      }
    }
    assertTrue(asked.size() > 3, asked::toString);
    asked.removeAll(named);
    assertEquals(Set.of(), asked);
  }
}
