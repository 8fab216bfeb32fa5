package dev.sequor.rnn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import java.util.Iterator;
import java.util.List;
import org.junit.jupiter.api.Test;

final class ParametersTest {
  private static final ParameterLayout LAYOUT =
      new ParameterLayout(CellType.LSTM_PEEPHOLE, 1, 2, 2, 1);

  @Test
  void namesShapesAndOffsetsFollowTheLayout() {
    List<TensorRegion> regions = Parameters.regions(LAYOUT);
    assertEquals(
        List.of(
            new TensorRegion("layers.0.forward.input_weights", 0, List.of(4, 2)),
            new TensorRegion("layers.0.forward.recurrent_weights", 8, List.of(4, 1)),
            new TensorRegion("layers.0.forward.input_bias", 12, List.of(4)),
            new TensorRegion("layers.0.forward.recurrent_bias", 16, List.of(4)),
            new TensorRegion("layers.0.forward.peepholes", 20, List.of(3))),
        regions.subList(0, 5));
    assertEquals("layers.0.backward.input_weights", regions.get(5).name());
    assertEquals(23, regions.get(5).offset());
    TensorRegion last = regions.get(9);
    assertEquals(LAYOUT.totalElements(), last.offset() + last.elements());
  }

  /** Names and offsets of the format, and what engines are handed, are the same description. */
  @Test
  void blocksAndRegionsAgreeAndCoverTheWholeLayout() {
    for (CellType cell : CellType.values()) {
      ParameterLayout layout = new ParameterLayout(cell, 3, 2, 5, 4);
      Iterator<TensorRegion> regions = Parameters.regions(layout).iterator();
      long end = 0;
      for (int layer = 0; layer < 3; layer++) {
        BlockLayout block = layout.block(layer);
        for (int direction = 0; direction < 2; direction++) {
          assertEquals(end, layout.blockOffset(layer, direction), cell + " layer " + layer);
          for (Kind kind : Kind.values()) {
            long offset = layout.offset(kind, layer, direction);
            assertEquals(end, offset, cell + " " + kind);
            if (kind.compareTo(Kind.PEEPHOLES) <= 0) {
              long handed = layout.blockOffset(layer, direction) + block.offset(kind);
              assertEquals(offset, handed, cell + " " + kind);
            }
            if (layout.elements(kind, layer) > 0) {
              TensorRegion region = regions.next();
              assertEquals(offset, region.offset(), region.name());
              assertEquals(layout.elements(kind, layer), region.elements(), region.name());
            }
            end += layout.elements(kind, layer);
          }
          assertEquals(end, layout.blockOffset(layer, direction) + block.elements());
        }
      }
      assertFalse(regions.hasNext(), cell + " has more regions than parameters");
      assertEquals(end, layout.totalElements(), cell.id());
    }
  }

  @Test
  void oneTensorIsReadAndWrittenByName() {
    try (Backend backend = Devices.open("java");
        Parameters parameters = Parameters.allocate(backend, LAYOUT)) {
      parameters.set("layers.0.forward.input_bias", 1, 2, 3, 4);
      assertArrayEquals(new float[] {1, 2, 3, 4}, parameters.value("layers.0.forward.input_bias"));
      assertArrayEquals(new float[4], parameters.value("layers.0.forward.recurrent_bias"));
      backend.fill(parameters.gradients(), 7);
      assertArrayEquals(new float[] {7, 7, 7}, parameters.gradient("layers.0.backward.peepholes"));
      parameters.zeroGradients();
      assertArrayEquals(new float[3], parameters.gradient("layers.0.backward.peepholes"));
    }
  }

  @Test
  void errorsNameTensorValueAndNeed() {
    try (Backend backend = Devices.open("java");
        Parameters parameters = Parameters.allocate(backend, LAYOUT)) {
      assertEquals(
          "values for 'layers.0.forward.peepholes' hold 2 floats; its shape [3] needs 3",
          assertThrows(
                  IllegalArgumentException.class,
                  () -> parameters.set("layers.0.forward.peepholes", 1, 2))
              .getMessage());
      ParameterLayout tiny = new ParameterLayout(CellType.RNN_TANH, 1, 1, 1, 1);
      try (Parameters few = Parameters.allocate(backend, tiny)) {
        assertEquals(
            "the stack has no tensor 'bias'; it has layers.0.forward.input_weights,"
                + " layers.0.forward.recurrent_weights, layers.0.forward.input_bias,"
                + " layers.0.forward.recurrent_bias",
            assertThrows(IllegalArgumentException.class, () -> few.value("bias")).getMessage());
      }
      try (var small = backend.allocate(DType.FLOAT32, 45)) {
        assertEquals(
            "parameters holds 45 FLOAT32; " + LAYOUT + " needs 46 FLOAT32",
            assertThrows(
                    IllegalArgumentException.class,
                    () -> new Parameters(LAYOUT, small, parameters.gradients()))
                .getMessage());
      }
    }
  }
}
