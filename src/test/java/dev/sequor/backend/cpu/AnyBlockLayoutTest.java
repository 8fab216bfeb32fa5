package dev.sequor.backend.cpu;

import dev.sequor.backend.host.AnyBlockLayout;
import org.junit.jupiter.api.Test;

class AnyBlockLayoutTest {
  @Test
  void aLayerAssumesNoOrderOfItsParameters() {
    NativeBuild.assumePresent();
    CpuEngine engine = new CpuEngine(NativeEngine.sequor_best_instruction_set(), 2, true);
    try {
      AnyBlockLayout.check(engine);
    } finally {
      engine.close();
    }
  }
}
