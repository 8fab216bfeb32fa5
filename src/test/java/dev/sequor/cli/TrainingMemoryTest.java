package dev.sequor.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.model.InputSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModelSpec;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class TrainingMemoryTest {
  private static SequenceModelSpec model(CellType cell, int hidden, int layers, boolean oneHot) {
    InputSpec input = oneHot ? InputSpec.oneHot(50) : InputSpec.embedding(50, 7);
    return SequenceModelSpec.builder(input, 50)
        .cell(cell)
        .hiddenSize(hidden)
        .layers(layers)
        .build();
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource
  void weightsAreCountedAsTheModelHasThem(CellType cell) {
    for (int layers : new int[] {1, 2, 5}) {
      for (boolean oneHot : new boolean[] {false, true}) {
        SequenceModelSpec model = model(cell, 33, layers, oneHot);
        assertEquals(
            (double) model.network().layout().trainableElements(),
            TrainingMemory.of(model, Optimizer.adam(1), 8, 4).weights());
      }
    }
  }

  @ParameterizedTest(name = "{0}")
  @EnumSource
  void sizesThatOverflowIntegersStayLarge(CellType cell) {
    TrainingMemory memory =
        TrainingMemory.of(
            model(cell, 100, 1000, false), Optimizer.sgd(1), Integer.MAX_VALUE, Integer.MAX_VALUE);
    assertTrue(memory.weights() > 1e7, memory.toString());
    assertTrue(memory.deviceBytes() > 1e24, memory.toString());
    assertTrue(memory.heapBytes() > 4 * memory.weights());
  }
}
