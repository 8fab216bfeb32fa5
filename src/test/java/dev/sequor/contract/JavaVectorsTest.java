package dev.sequor.contract;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.condition.EnabledIf;

/**
 * The {@code java} backend with the Vector API for every layer, also for those that are too small.
 */
@EnabledIf("areThere")
class JavaVectorsTest {
  private static final String PROVIDER = "java";
  private static final String SETTING = "sequor.java.vectors";

  static boolean areThere() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }

  @BeforeAll
  static void always() {
    System.setProperty(SETTING, "on");
  }

  @AfterAll
  static void asBefore() {
    System.clearProperty(SETTING);
  }

  @Nested
  class Rnns extends RnnContract {
    Rnns() {
      super(PROVIDER);
    }
  }

  @Nested
  class Conformance extends ConformanceContract {
    Conformance() {
      super(PROVIDER);
    }
  }
}
