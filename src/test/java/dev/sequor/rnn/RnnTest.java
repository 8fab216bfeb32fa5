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
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnSpec;
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
  private static final RnnSpec SPEC = RnnSpec.of(CellType.GRU_RESET_BEFORE, 4, 5);

  private final Backend backend = Devices.open("java");
  private final Rnn rnn = new Rnn(backend, SPEC);
  private final Parameters parameters = rnn.newParameters(1);
  private final List<AutoCloseable> opened = new ArrayList<>(List.of(backend, parameters));

  private Buffer floats(long elements) {
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    opened.add(buffer);
    return buffer;
  }

  private final Buffer x = floats(T * B * 4);
  private final Buffer y = floats(T * B * 5);
  private final RnnPlan training = rnn.prepare(T, B, Mode.TRAINING);
  private final RnnPlan inference = rnn.prepare(T, B, Mode.INFERENCE);
  private final Buffer saved = floats(training.savedElements());

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
    return new RnnTensors(parameters.values(), x, y, lengths, state, state, saved, null);
  }

  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private void forward(RnnTensors tensors) {
    training.forward(tensors);
  }

  @Test
  void shortBuffersAreNamedWithTheirSizeAndNeed() {
    Buffer tiny = floats(7);
    refused(
        "x holds 7 floats; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs 24",
        () -> forward(tensors(tiny, null, null, y, saved)));
    refused(
        "y holds 7 floats; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs 30",
        () -> forward(tensors(x, null, null, tiny, saved)));
    refused(
        "saved holds 7 floats; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs "
            + saved.elements(),
        () -> forward(tensors(x, null, null, y, tiny)));
    refused(
        "saved is missing; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs "
            + saved.elements(),
        () -> forward(tensors(x, null, null, y, null)));
    refused(
        "initialState holds 7 floats; GRU_RESET_BEFORE inference with T=3 B=2 I=4 H=5 needs 10",
        () -> inference.forward(tensors(x, null, tiny, y, null)));
    refused(
        "parameters holds 7 floats; GRU_RESET_BEFORE with L=1 D=1 I=4 H=5 needs 165",
        () -> forward(RnnTensors.of(tiny, x, y).withSaved(saved)));
    RnnTensors good = tensors(x, null, null, y, saved);
    refused(
        "dx holds 7 floats; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs 24",
        () -> training.backward(good, RnnGradients.of(parameters.gradients()).withDx(tiny)));
    refused(
        "dy holds 7 floats; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs 30",
        () -> training.backward(good, RnnGradients.of(parameters.gradients()).withDy(tiny)));
    refused(
        "dParameters shares memory with parameters; needed memory of its own",
        () -> training.backward(good, RnnGradients.of(parameters.values())));
  }

  @Test
  void sizesOutOfRangeAreNamed() {
    refused("timeSteps is 0; needed at least 1", () -> rnn.prepare(0, B, Mode.INFERENCE));
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
        "lengths holds 1 integers; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs 2",
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
    training.close();
    String refusal =
        assertThrows(IllegalStateException.class, () -> forward(tensors(x, null, null, y, saved)))
            .toString();
    assertTrue(refusal.contains("GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5"), refusal);
    assertTrue(refusal.contains("is used after close"), refusal);
  }

  @Test
  void aPassIsTheCallersToClose() {
    List<String> before = backend.openResources();
    for (int steps = 1; steps <= 12; steps++) {
      Buffer input = floats((long) steps * B * 4);
      Buffer output = floats((long) steps * B * 5);
      backend.fill(input, 1);
      try (RnnPlan pass = rnn.prepare(steps, B, Mode.INFERENCE)) {
        pass.forward(RnnTensors.of(parameters.values(), input, output));
      }
      assertTrue(output.readFloats()[0] != 0f);
      input.close();
      output.close();
    }
    assertEquals(before.size(), backend.openResources().size());
  }

  @Test
  void dropoutNeedsAKey() {
    RnnSpec spec = new RnnSpec(CellType.GRU_RESET_BEFORE, 4, 5, 2, false, 0.5f);
    Rnn stack = new Rnn(backend, spec);
    try (Parameters deep = stack.newParameters(1);
        RnnPlan pass = stack.prepare(T, B, Mode.TRAINING);
        Buffer kept = backend.allocate(DType.FLOAT32, pass.savedElements());
        Buffer key = backend.allocate(DType.INT32, RandomKey.ELEMENTS)) {
      RnnTensors without = RnnTensors.of(deep.values(), x, y).withSaved(kept);
      refused(
          "dropoutKey is missing; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs 8",
          () -> pass.forward(without));
      pass.forward(without.withDropoutKey(key));
      refused(
          "dropoutKey holds 4 integers; GRU_RESET_BEFORE training with T=3 B=2 I=4 H=5 needs 8",
          () -> pass.forward(without.withDropoutKey(key.slice(0, 4))));
    }
  }

  @Test
  void windowsWithCarriedStateEqualOneLongForwardPass() {
    int steps = 12;
    float[] values =
        new Initializer(9)
            .values(new TensorSpec("x", List.of(steps * B, 4), Initialization.normal()), 0);
    Buffer input = floats(values.length);
    input.write(values);
    Buffer whole = floats((long) steps * B * 5);
    try (RnnPlan pass = rnn.prepare(steps, B, Mode.INFERENCE)) {
      pass.forward(tensors(input, null, null, whole, null));
    }
    try (RnnState state = rnn.newState(B)) {
      for (int first = 0; first < steps; first += T) {
        Buffer part = input.slice((long) first * B * 4, (long) T * B * 4);
        inference.forward(tensors(part, null, state.values(), y, null));
        float[] expected = whole.slice((long) first * B * 5, (long) T * B * 5).readFloats();
        assertArrayEquals(expected, y.readFloats(), 1e-6f);
      }
      state.zero();
      assertArrayEquals(new float[B * 5], state.values().readFloats());
    }
  }
}
