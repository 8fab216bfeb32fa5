package dev.sequor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.Dependency;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import java.io.IOException;
import java.lang.module.ModuleFinder;
import java.net.URI;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/**
 * The published jars are parts of {@code target/classes}, as the poms below {@code src/artifacts}
 * cut it. {@code ci/check-artifacts} looks into the jars themselves.
 */
class ArtifactsTest {
  private static final Path CLASSES = Path.of("target/classes");
  private static final String SERVICE = "META-INF/services/dev.sequor.backend.BackendProvider";

  /** In the local repository a jar lies in the folders of its group, its name, its version. */
  private static final Pattern JAR = Pattern.compile(".*/([^/]+)/[^/]+/[^/]+\\.jar!/.*");

  private static final Pattern REQUIRES =
      Pattern.compile("\\brequires (?:(?:static|transitive) )*([\\w.]+);");

  private static final Pattern REQUIRES_IF_THERE = Pattern.compile("\\brequires static ([\\w.]+);");

  private enum Artifact {
    CORE("sequor"),
    CUDA("sequor-cuda"),
    CLI("sequor-cli");

    private final String id;
    private final Path folder;

    Artifact(String id) {
      this.id = id;
      this.folder = Path.of("src/artifacts", id);
    }
  }

  private record Requirement(
      String artifactId, String classifier, String scope, boolean isOptional) {}

  /** What a pom says. */
  private record Pom(
      List<PathMatcher> includes,
      List<PathMatcher> excludes,
      String providers,
      List<Requirement> dependencies) {
    static Pom read(Artifact artifact) throws Exception {
      Document document =
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(artifact.folder.resolve("pom.xml").toFile());
      Element project = document.getDocumentElement();
      List<Requirement> dependencies = new ArrayList<>();
      NodeList all = project.getElementsByTagName("dependency");
      for (int i = 0; i < all.getLength(); i++) {
        Element each = (Element) all.item(i);
        if (!project.equals(each.getParentNode().getParentNode())) {
          continue; // a plugin's
        }
        dependencies.add(
            new Requirement(
                text(each, "artifactId"),
                text(each, "classifier"),
                text(each, "scope"),
                text(each, "optional").equals("true")));
      }
      return new Pom(
          matchers(text(project, "artifact.includes")),
          matchers(text(project, "artifact.excludes")),
          text(project, "artifact.providers"),
          dependencies);
    }

    private static String text(Element within, String tag) {
      NodeList found = within.getElementsByTagName(tag);
      return found.getLength() == 0 ? "" : found.item(0).getTextContent().strip();
    }

    private static List<PathMatcher> matchers(String patterns) {
      return Stream.of(patterns.split(",", -1))
          .filter(pattern -> !pattern.isEmpty())
          .map(pattern -> FileSystems.getDefault().getPathMatcher("glob:" + pattern))
          .toList();
    }

    boolean has(Path file) {
      return includes.stream().anyMatch(each -> each.matches(file))
          && excludes.stream().noneMatch(each -> each.matches(file));
    }

    Set<String> artifactIds() {
      return dependencies.stream().map(Requirement::artifactId).collect(Collectors.toSet());
    }
  }

  private static final Map<Artifact, Pom> POMS = new TreeMap<>();

  /** The files of {@code target/classes}. */
  private static final List<Path> FILES = new ArrayList<>();

  @BeforeAll
  static void read() throws Exception {
    for (Artifact artifact : Artifact.values()) {
      POMS.put(artifact, Pom.read(artifact));
    }
    try (Stream<Path> all = Files.walk(CLASSES)) {
      all.filter(Files::isRegularFile).map(CLASSES::relativize).forEach(FILES::add);
    }
  }

  private static Pom pom(Artifact artifact) {
    return Objects.requireNonNull(POMS.get(artifact), artifact.id);
  }

  private static List<Artifact> owners(Path file) {
    return POMS.entrySet().stream()
        .filter(each -> each.getValue().has(file))
        .map(Map.Entry::getKey)
        .toList();
  }

  @Test
  void eachFileIsInOneJar() {
    assertTrue(FILES.size() > 500, "the library's classes were not found");
    for (Path file : FILES) {
      if (!file.equals(Path.of(SERVICE))) {
        assertEquals(1, owners(file).size(), () -> file + " is in " + owners(file));
      }
    }
  }

  @Test
  void eachProviderIsNamedByTheJarThatHasIt() throws IOException {
    List<String> providers = Files.readAllLines(CLASSES.resolve(SERVICE), StandardCharsets.UTF_8);
    assertEquals(3, providers.size(), providers::toString);
    for (String provider : providers) {
      List<Artifact> naming =
          POMS.entrySet().stream()
              .filter(each -> !each.getValue().providers().isEmpty())
              .filter(each -> Pattern.compile(each.getValue().providers()).matcher(provider).find())
              .map(Map.Entry::getKey)
              .toList();
      assertEquals(owners(Path.of(provider.replace('.', '/') + ".class")), naming, provider);
    }
  }

  /**
   * What an artifact's classes refer to is the JDK's, its own, or a dependency's that it declares.
   */
  @ParameterizedTest
  @EnumSource
  void whatClassesReferToIsDeclaredAndNothingElse(Artifact artifact) {
    Set<String> used = new TreeSet<>();
    for (JavaClass each : new ClassFileImporter().importPath(CLASSES)) {
      if (!pom(artifact).has(file(each))) {
        continue;
      }
      for (Dependency dependency : each.getDirectDependenciesFromSelf()) {
        JavaClass target = dependency.getTargetClass().getBaseComponentType();
        String provider = artifactOf(target);
        if (!provider.isEmpty() && !provider.equals(artifact.id)) {
          assertTrue(
              pom(artifact).artifactIds().contains(provider),
              () ->
                  artifact.id
                      + " does not declare "
                      + provider
                      + ": "
                      + dependency.getDescription());
          used.add(provider);
        }
      }
    }
    // What is only there at run time nobody refers to, and natives have no classes; what jHDF needs
    // as a module it does not say.
    Set<String> declared =
        pom(artifact).dependencies().stream()
            .filter(each -> each.classifier().isEmpty() && !each.scope().equals("runtime"))
            .map(Requirement::artifactId)
            .filter(each -> used.contains(each) || !optionalInTheLibrary().contains(each))
            .filter(each -> !each.equals("commons-lang3") || artifact != Artifact.CLI)
            .collect(Collectors.toCollection(TreeSet::new));
    assertEquals(declared, used, artifact.id + " declares what it does not use");
  }

  /** What the library takes if it is there, and what needs that much of the library declares. */
  private static List<String> optionalInTheLibrary() {
    return pom(Artifact.CORE).dependencies().stream()
        .filter(Requirement::isOptional)
        .map(Requirement::artifactId)
        .toList();
  }

  /** Which artifact has a class; empty for the JDK's and for primitive types. */
  private static String artifactOf(JavaClass target) {
    String name = target.getFullName();
    if (name.startsWith("java.") || name.startsWith("javax.") || target.isPrimitive()) {
      return "";
    }
    if (name.startsWith("dev.sequor.")) {
      return owners(file(target)).get(0).id;
    }
    String resource = name.replace('.', '/') + ".class";
    URL found =
        Objects.requireNonNull(
            ArtifactsTest.class.getClassLoader().getResource(resource), resource);
    if (found.getProtocol().equals("jrt")) {
      return "";
    }
    Matcher jar = JAR.matcher(found.toString());
    assertTrue(jar.matches(), found::toString);
    return jar.group(1);
  }

  private static Path file(JavaClass of) {
    return Path.of(of.getFullName().replace('.', '/') + ".class");
  }

  /** Classes are compiled on the class path, where nobody misses a {@code requires}. */
  @ParameterizedTest
  @EnumSource
  void whatClassesReferToIsRequiredByTheModule(Artifact artifact) throws IOException {
    Set<String> used = new TreeSet<>();
    for (JavaClass each : new ClassFileImporter().importPath(CLASSES)) {
      if (pom(artifact).has(file(each))) {
        for (Dependency dependency : each.getDirectDependenciesFromSelf()) {
          JavaClass target = dependency.getTargetClass().getBaseComponentType();
          if (!target.isPrimitive()) {
            used.add(moduleOf(target));
          }
        }
      }
    }
    // Of the core, which reads it where it is there: see Products.
    used.remove("jdk.incubator.vector");
    used.removeAll(Set.of("java.base", artifact.id.replace('-', '.').replaceFirst("^", "dev.")));
    Set<String> required = new TreeSet<>(required(artifact, REQUIRES));
    if (artifact != Artifact.CORE) {
      List<String> optional = required(Artifact.CORE, REQUIRES_IF_THERE);
      required.removeIf(each -> optional.contains(each) && !used.contains(each));
      // As modules, jHDF needs it and does not say so.
      required.remove("org.apache.commons.lang3");
    }
    assertEquals(required, used);
  }

  private static List<String> required(Artifact artifact, Pattern how) throws IOException {
    return how.matcher(Files.readString(artifact.folder.resolve("module-info.java")))
        .results()
        .map(each -> each.group(1))
        .toList();
  }

  private static String moduleOf(JavaClass target) {
    String name = target.getFullName();
    if (name.startsWith("dev.sequor.")) {
      return "dev." + owners(file(target)).get(0).id.replace('-', '.');
    }
    String resource = name.replace('.', '/') + ".class";
    String found =
        Objects.requireNonNull(ArtifactsTest.class.getClassLoader().getResource(resource), resource)
            .toString();
    if (found.startsWith("jrt:/")) {
      return found.substring(5, found.indexOf('/', 5));
    }
    Path jar = Path.of(URI.create(found.substring("jar:".length(), found.indexOf("!/"))));
    return ModuleFinder.of(jar).findAll().iterator().next().descriptor().name();
  }

  @Test
  void theLibraryNeedsNeitherCudaNorTheCommandLine() {
    for (String each : List.of("jcuda", "jcublas", "picocli", "jline", "progressbar")) {
      assertTrue(
          pom(Artifact.CORE).artifactIds().stream().noneMatch(id -> id.contains(each)), each);
    }
    List<Requirement> optional =
        pom(Artifact.CORE).dependencies().stream().filter(Requirement::isOptional).toList();
    assertEquals(
        List.of("micrometer-core", "tribuo-util-onnx", "protobuf-java", "jhdf", "jsvg"),
        optional.stream().map(Requirement::artifactId).toList());
  }
}
