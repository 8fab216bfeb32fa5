package dev.sequor;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.properties.CanBeAnnotated;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import dev.sequor.backend.Backend;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;

/** Packages depend on each other in one direction only. */
class ArchitectureTest {
  private static final String ROOT = "dev.sequor.";

  private static final JavaClasses CLASSES =
      new ClassFileImporter()
          .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
          .importPackages("dev.sequor");

  /** A package with those below it, and the packages it may use besides itself. */
  private record Layer(String name, List<String> uses) {
    static Layer of(String name, String... uses) {
      return new Layer(name, List.of(uses));
    }
  }

  /** From the top down: an entry only ever names entries below it. */
  private static final List<Layer> LAYERS =
      List.of(
          Layer.of(
              "cli..",
              "study",
              "exchange..",
              "task",
              "diagnose",
              "report",
              "picture",
              "io..",
              "model..",
              "module..",
              "data..",
              "rnn..",
              "backend"),
          Layer.of("serve..", "io..", "model..", "module..", "data..", "backend"),
          Layer.of("study", "diagnose", "task", "model..", "module..", "data..", "backend"),
          Layer.of("diagnose", "model..", "module..", "data..", "rnn..", "backend"),
          Layer.of("fit", "report", "io..", "model..", "module..", "data..", "backend"),
          Layer.of(
              "exchange.onnx",
              "exchange.draft",
              "exchange",
              "exchange.files",
              "io..",
              "module..",
              "rnn..",
              "backend"),
          Layer.of(
              "exchange.keras",
              "exchange.draft",
              "exchange",
              "exchange.files",
              "io..",
              "module..",
              "backend"),
          Layer.of(
              "exchange.dl4j",
              "exchange.draft",
              "exchange",
              "exchange.files",
              "io..",
              "module..",
              "backend"),
          Layer.of("exchange.draft", "module..", "rnn..", "backend"),
          Layer.of(
              "exchange",
              "exchange.files",
              "io..",
              "model..",
              "module..",
              "data..",
              "rnn..",
              "backend"),
          Layer.of("exchange.files", "io.."),
          Layer.of("task", "model..", "module..", "data..", "backend"),
          Layer.of("report", "picture", "io..", "model..", "module..", "data..", "backend"),
          Layer.of("picture", "module..", "rnn..", "backend"),
          Layer.of("io..", "model..", "module..", "data..", "rnn..", "backend"),
          Layer.of("model..", "module..", "data..", "rnn..", "backend"),
          Layer.of("module..", "rnn..", "backend"),
          Layer.of("data..", "rnn..", "backend"),
          Layer.of("rnn..", "backend"),
          Layer.of(
              "backend.cuda..",
              "backend.natives..",
              "backend.host..",
              "backend.options",
              "backend"),
          Layer.of(
              "backend.cpu..", "backend.natives..", "backend.host..", "backend.options", "backend"),
          Layer.of("backend.java..", "backend.host..", "backend.options", "backend"),
          Layer.of("backend.natives..", "backend.host..", "backend"),
          Layer.of("backend.host..", "backend"),
          Layer.of("backend.options..", "backend"),
          Layer.of("backend"));

  @TestFactory
  Stream<DynamicTest> eachPackageUsesOnlyWhatLiesBelow() {
    return LAYERS.stream()
        .map(
            layer ->
                DynamicTest.dynamicTest(
                    layer.name + " uses only " + layer.uses, () -> rule(layer).check(CLASSES)));
  }

  private static ArchRule rule(Layer layer) {
    List<String> allowed = new ArrayList<>();
    allowed.add(ROOT + layer.name);
    for (String use : layer.uses) {
      allowed.add(ROOT + use);
    }
    DescribedPredicate<JavaClass> outside =
        DescribedPredicate.not(resideInAPackage("dev.sequor.."));
    return classes()
        .that()
        .resideInAPackage(ROOT + layer.name)
        .should()
        .onlyDependOnClassesThat(outside.or(resideInAnyPackage(allowed.toArray(String[]::new))));
  }

  @Test
  void everyClassBelongsToAKnownPackage() {
    String[] known = LAYERS.stream().map(layer -> ROOT + layer.name).toArray(String[]::new);
    classes().should().resideInAnyPackage(known).check(CLASSES);
    assertTrue(CLASSES.contain(Backend.class), "the library's classes were not found");
  }

  @Test
  void backendsAreFoundOnlyByTheServiceLoader() {
    String[] implementations = {
      "dev.sequor.backend.cuda..", "dev.sequor.backend.cpu..", "dev.sequor.backend.java.."
    };
    for (String implementation : implementations) {
      noClasses()
          .that()
          .resideOutsideOfPackage(implementation)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(implementation)
          .check(CLASSES);
    }
  }

  @Test
  void packagesFormNoCycle() {
    slices().matching("dev.sequor.(**)").should().beFreeOfCycles().check(CLASSES);
  }

  @Test
  void everyPackageIsNullMarked() {
    CLASSES.stream()
        .map(JavaClass::getPackage)
        .distinct()
        .forEach(
            p ->
                assertTrue(
                    CanBeAnnotated.Predicates.annotatedWith(
                            org.jspecify.annotations.NullMarked.class)
                        .test(p),
                    p.getName() + " has no package-info.java with @NullMarked"));
  }

  @Test
  void nothingDeserialisesJavaObjects() {
    noClasses()
        .should()
        .dependOnClassesThat()
        .haveFullyQualifiedName("java.io.ObjectInputStream")
        .check(CLASSES);
  }
}
