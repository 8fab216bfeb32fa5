package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.DrawShape;
import dev.sequor.backend.RandomKey;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What a device of this kind alone cannot do is refused before anything is queued. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.CudaDeviceTest#isUsable")
class CudaLimitsTest {
  @ParameterizedTest(name = "topK {0} topP {1}")
  @CsvSource({"3, 1, 349525", "0, 0.9, 349525", "0, 1, 524288"})
  void moreTokensThanCanBeDrawnFromAreRefused(int topK, float topP, int most) {
    try (Backend backend = new CudaBackendProvider().open(0);
        Buffer key = backend.allocate(DType.INT32, RandomKey.ELEMENTS);
        Buffer first = backend.allocate(DType.INT32, 2);
        Buffer logits = backend.allocate(DType.FLOAT32, most + 1);
        Buffer token = backend.allocate(DType.INT32, 1)) {
      token.write(7);
      DrawShape shape = new DrawShape(most + 1, 1f, topK, topP);
      IllegalArgumentException refusal =
          assertThrows(
              IllegalArgumentException.class,
              () -> backend.drawToken(shape, key, first, 0, logits, token));
      assertEquals(
          "vocabularySize is "
              + (most + 1)
              + "; to draw so, "
              + backend.name()
              + " needs at most "
              + most,
          refusal.getMessage());
      assertEquals(7, token.readInts()[0]);
    }
  }
}
