package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.function.Supplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

class ProductsTest {
  private static final String SETTING = "sequor.java.vectors";

  private static <T> T with(String value, Supplier<T> work) {
    System.setProperty(SETTING, value);
    try {
      return work.get();
    } finally {
      System.clearProperty(SETTING);
    }
  }

  static boolean thereAreVectors() {
    return ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent();
  }

  @Test
  void offMeansLoops() {
    assertEquals("loops", with("off", () -> Products.ofThisProcess().toString()));
    assertTrue(with("OFF", () -> Products.ofThisProcess().make()) instanceof LoopProduct);
  }

  @Test
  @EnabledIf("thereAreVectors")
  void vectorsAreTakenWhereTheyAre() {
    Products found = Products.ofThisProcess();
    assertTrue(found.toString().matches("vectors of (128|256|512) bits"), found.toString());
    assertFalse(found.make() instanceof LoopProduct);
    Products always = with("on", Products::ofThisProcess);
    assertEquals(found.toString(), always.toString());
    assertTrue(always.areWorthWhile(1));
    assertFalse(found.areWorthWhile(4 * 32 * 32));
    assertTrue(found.areWorthWhile(4 * 64 * 64));
  }

  @Test
  void anythingElseIsRefused() {
    IllegalArgumentException thrown =
        with("yes", () -> assertThrows(IllegalArgumentException.class, Products::ofThisProcess));
    assertEquals(
        "system property sequor.java.vectors is 'yes'; needed on or off", thrown.getMessage());
  }
}
