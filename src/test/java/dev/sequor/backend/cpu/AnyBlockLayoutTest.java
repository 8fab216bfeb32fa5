package dev.sequor.backend.cpu;

import dev.sequor.backend.host.AnyBlockLayout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class AnyBlockLayoutTest {
  @ParameterizedTest
  @EnumSource(CpuProducts.class)
  void aLayerAssumesNoOrderOfItsParameters(CpuProducts products) {
    NativeBuild.assumePresent();
    CpuEngine engine = new CpuEngine(NativeEngine.sequor_best_instruction_set(), 2, true, products);
    try {
      AnyBlockLayout.check(engine);
    } finally {
      engine.close();
    }
  }
}
