package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What a plan asks of its buffers is the same on all devices. */
@Tag("gpu")
final class RnnPlanTest {
  static Stream<String> devices() {
    return HostileCallsTest.devices();
  }

  @ParameterizedTest
  @MethodSource("devices")
  void savedStartsAtAMultipleOfFourElements(String device) {
    RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 2, 3, 4, 5, 0f);
    try (Backend backend = Devices.open(device);
        RnnPlan plan = backend.plan(shape, Mode.TRAINING)) {
      Buffer kept = backend.allocate(DType.FLOAT32, plan.savedElements() + 8);
      Buffer y = backend.allocate(DType.FLOAT32, shape.outputElements());
      RnnTensors tensors =
          RnnTensors.of(
              backend.allocate(DType.FLOAT32, shape.parameterLayout().totalElements()),
              backend.allocate(DType.FLOAT32, shape.inputElements()),
              y);
      plan.forward(tensors.withSaved(kept.slice(4, plan.savedElements())));
      for (int start : new int[] {1, 2, 3, 5}) {
        RnnTensors odd = tensors.withSaved(kept.slice(start, plan.savedElements()));
        IllegalArgumentException refusal =
            assertThrows(IllegalArgumentException.class, () -> plan.forward(odd));
        assertEquals(
            "saved starts at element " + start + " of its buffer; needed a multiple of 4",
            refusal.getMessage());
        RnnGradients gradients =
            RnnGradients.of(
                backend.allocate(DType.FLOAT32, shape.parameterLayout().totalElements()));
        assertThrows(IllegalArgumentException.class, () -> plan.backward(odd, gradients));
      }
    }
  }
}
