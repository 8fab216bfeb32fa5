package dev.sequor.backend.java;

import dev.sequor.backend.host.AnyBlockLayout;
import org.junit.jupiter.api.Test;

class AnyBlockLayoutTest {
  @Test
  void aLayerAssumesNoOrderOfItsParameters() {
    JavaEngine engine = new JavaEngine(2, true, Products.ofThisProcess());
    try {
      AnyBlockLayout.check(engine);
    } finally {
      engine.close();
    }
  }
}
