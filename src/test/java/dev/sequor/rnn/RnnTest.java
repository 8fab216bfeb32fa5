package dev.sequor.rnn;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnTensors;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

final class RnnTest {
  private static final int T = 3;
  private static final int B = 2;
  private static final RnnSpec SPEC = RnnSpec.of(CellType.GRU, 4, 5);

  private final Backend backend = Devices.open("java");
  private final Rnn rnn = new Rnn(backend, SPEC);
  private final Parameters parameters = rnn.newParameters(1);
  private final List<AutoCloseable> opened = new ArrayList<>(List.of(backend, rnn, parameters));

  private Buffer floats(long elements) {
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    opened.add(buffer);
    return buffer;
  }

  private final Buffer x = floats(T * B * 4);
  private final Buffer y = floats(T * B * 5);
  private final Buffer saved = floats(rnn.savedElements(T, B));

  @AfterEach
  void close() throws Exception {
    for (int i = opened.size() - 1; i >= 0; i--) {
      opened.get(i).close();
    }
  }

  private RnnTensors tensors(
      Buffer x,
      @Nullable Buffer lengths,
      @Nullable Buffer state,
      Buffer y,
      @Nullable Buffer saved) {
    return new RnnTensors(parameters.values(), x, lengths, state, y, state, saved, 0, 0);
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private void forward(RnnTensors tensors) {
    rnn.forward(T, B, Mode.TRAINING, tensors);
  }

  @Test
  void shortBuffersAreNamedWithTheirSizeAndNeed() {
    Buffer tiny = floats(7);
    refused(
        "x holds 7 floats; GRU training with T=3 B=2 I=4 H=5 needs 24",
        () -> forward(tensors(tiny, null, null, y, saved)));
    refused(
        "y holds 7 floats; GRU training with T=3 B=2 I=4 H=5 needs 30",
        () -> forward(tensors(x, null, null, tiny, saved)));
    refused(
        "saved holds 7 floats; GRU training with T=3 B=2 I=4 H=5 needs " + saved.elements(),
        () -> forward(tensors(x, null, null, y, tiny)));
    refused(
        "saved is missing; GRU training with T=3 B=2 I=4 H=5 needs " + saved.elements(),
        () -> forward(tensors(x, null, null, y, null)));
    refused(
        "initialState holds 7 floats; GRU inference with T=3 B=2 I=4 H=5 needs 10",
        () -> rnn.forward(T, B, Mode.INFERENCE, tensors(x, null, tiny, y, null)));
    refused(
        "parameters holds 7 floats; GRU with L=1 D=1 I=4 H=5 needs 165",
        () -> forward(new RnnTensors(tiny, x, null, null, y, null, saved, 0, 0)));
    RnnTensors good = tensors(x, null, null, y, saved);
    refused(
        "dx holds 7 floats; GRU training with T=3 B=2 I=4 H=5 needs 24",
        () ->
            rnn.backward(
                T, B, good, new RnnGradients(null, null, parameters.gradients(), tiny, null)));
    refused(
        "dy holds 7 floats; GRU training with T=3 B=2 I=4 H=5 needs 30",
        () ->
            rnn.backward(
                T, B, good, new RnnGradients(tiny, null, parameters.gradients(), null, null)));
    refused(
        "dParameters shares memory with parameters; needed memory of its own",
        () ->
            rnn.backward(
                T, B, good, new RnnGradients(null, null, parameters.values(), null, null)));
  }

  @Test
  void sizesOutOfRangeAreNamed() {
    refused(
        "timeSteps is 0; needed at least 1",
        () -> rnn.forward(0, B, Mode.INFERENCE, tensors(x, null, null, y, null)));
    refused("batchSize is 0; needed at least 1", () -> rnn.newState(0));
    refused("hiddenSize is 0; needed at least 1", () -> RnnSpec.of(CellType.LSTM, 1, 0));
    refused(
        "dropout is 1.0; needed 0 <= dropout < 1",
        () -> new RnnSpec(CellType.LSTM, 1, 1, 1, false, 1f));
  }

  @Test
  void lengthsOutsideTheWindowAreNamed() {
    Buffer lengths = backend.allocate(DType.INT32, B);
    opened.add(lengths);
    lengths.write(3, 4);
    refused("lengths[1] is 4; needed 0 to T=3", () -> forward(tensors(x, lengths, null, y, saved)));
    lengths.write(-1, 3);
    refused(
        "lengths[0] is -1; needed 0 to T=3", () -> forward(tensors(x, lengths, null, y, saved)));
    lengths.write(0, 3);
    forward(tensors(x, lengths, null, y, saved));
    lengths.write(0, 9); // Noticed although the same buffer has passed before.
    refused("lengths[1] is 9; needed 0 to T=3", () -> forward(tensors(x, lengths, null, y, saved)));
    Buffer few = lengths.slice(0, 1);
    refused(
        "lengths holds 1 integers; GRU training with T=3 B=2 I=4 H=5 needs 2",
        () -> forward(tensors(x, few, null, y, saved)));
  }

  @Test
  void wrongTypesForeignAndClosedBuffersAreRefused() {
    refused(
        "lengths is FLOAT32; needed INT32", () -> forward(tensors(x, floats(B), null, y, saved)));
    try (Backend other = Devices.open("java");
        Buffer foreign = other.allocate(DType.FLOAT32, x.elements())) {
      refused(
          "x lives on another backend, " + other.name() + "; needed memory of " + backend.name(),
          () -> forward(tensors(foreign, null, null, y, saved)));
    }
    Buffer closed = floats(x.elements());
    closed.close();
    assertEquals(
        "x is used after close: " + closed,
        assertThrows(
                IllegalStateException.class, () -> forward(tensors(closed, null, null, y, saved)))
            .getMessage());
    rnn.close();
    assertEquals(
        "GRU stack is used after close",
        assertThrows(IllegalStateException.class, () -> forward(tensors(x, null, null, y, saved)))
            .getMessage());
  }

  @Test
  void evictedPlansAreMadeAnew() {
    for (int round = 0; round < 2; round++) {
      for (int steps = 1; steps <= 12; steps++) {
        Buffer input = floats((long) steps * B * 4);
        Buffer output = floats((long) steps * B * 5);
        backend.fill(input, 1);
        rnn.forward(steps, B, Mode.INFERENCE, tensors(input, null, null, output, null));
        assertTrue(output.readFloats()[0] != 0f);
      }
    }
  }

  private long openPlans() {
    return backend.openResources().stream().filter(r -> r.startsWith("Plan of")).count();
  }

  @Test
  void evictedPlansAreClosedAndSoAreTheOthersInTheEnd() {
    List<Long> open = new ArrayList<>();
    for (int steps = 1; steps <= 20; steps++) {
      rnn.keepPlan(steps, B, Mode.INFERENCE);
      open.add(openPlans());
    }
    assertEquals(open.get(9), open.get(19), open::toString);
    rnn.close();
    assertEquals(0, openPlans());
  }

  @Test
  void windowsWithCarriedStateEqualOneLongForwardPass() {
    int steps = 12;
    float[] values = new Initializer(9).normal(steps * B, 4, 0);
    Buffer input = floats(values.length);
    input.write(values);
    Buffer whole = floats((long) steps * B * 5);
    rnn.forward(steps, B, Mode.INFERENCE, tensors(input, null, null, whole, null));
    try (RnnState state = rnn.newState(B)) {
      for (int first = 0; first < steps; first += T) {
        Buffer part = input.slice((long) first * B * 4, (long) T * B * 4);
        rnn.forward(T, B, Mode.INFERENCE, tensors(part, null, state.values(), y, null));
        float[] expected = whole.slice((long) first * B * 5, (long) T * B * 5).readFloats();
        assertArrayEquals(expected, y.readFloats(), 1e-6f);
      }
      state.zero();
      assertArrayEquals(new float[B * 5], state.values().readFloats());
    }
  }
}
