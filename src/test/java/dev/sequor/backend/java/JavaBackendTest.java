package dev.sequor.backend.java;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Availability;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RandomKey;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class JavaBackendTest {
  @Test
  void probeFindsTheBackendUsable() {
    JavaBackendProvider provider = new JavaBackendProvider();
    Availability availability = provider.probe();
    assertTrue(availability.usable(), availability.reason());
    assertThrows(BackendUnavailableException.class, () -> provider.open(1));
  }

  @Test
  void aBufferLargerThanAnArrayIsRefusedByName() {
    try (Backend backend = new Backend(new JavaEngine(1))) {
      BackendException thrown =
          assertThrows(
              BackendException.class, () -> backend.allocate(DType.FLOAT32, 3_000_000_000L));
      assertTrue(String.valueOf(thrown.getMessage()).contains("3000000000"));
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void theNumberOfThreadsDoesNotChangeOneBit(CellType cell) {
    List<float[]> one = train(cell, 1);
    for (int threads = 2; threads <= 5; threads++) {
      List<float[]> several = train(cell, threads);
      for (int i = 0; i < one.size(); i++) {
        assertArrayEquals(one.get(i), several.get(i));
      }
    }
  }

  /** Two passes over a small batch; returns outputs and gradients. */
  private static List<float[]> train(CellType cell, int threads) {
    RnnShape shape = new RnnShape(cell, 2, 2, 5, 7, 9, 21, 0.3f);
    Random random = new Random(8);
    List<float[]> results = new ArrayList<>();
    try (Backend backend = new Backend(new JavaEngine(threads, true, Products.ofThisProcess()));
        RnnPlan plan = backend.plan(shape, Mode.TRAINING);
        Buffer parameters = randomBuffer(backend, shape.parameterLayout().totalElements(), random);
        Buffer x = randomBuffer(backend, shape.inputElements(), random);
        Buffer dy = randomBuffer(backend, shape.outputElements(), random);
        Buffer lengths = backend.allocate(DType.INT32, 7);
        Buffer key = backend.allocate(DType.INT32, RandomKey.ELEMENTS);
        Buffer y = backend.allocate(DType.FLOAT32, shape.outputElements());
        Buffer state = randomBuffer(backend, shape.stateElements(), random);
        Buffer saved = backend.allocate(DType.FLOAT32, plan.savedElements());
        Buffer dParameters = backend.allocate(DType.FLOAT32, parameters.elements());
        Buffer dx = backend.allocate(DType.FLOAT32, x.elements());
        Buffer dState = backend.allocate(DType.FLOAT32, state.elements())) {
      lengths.write(5, 0, 3, 5, 1, 2, 4);
      key.write(new RandomKey(3, 0, 4).words());
      RnnTensors tensors = new RnnTensors(parameters, x, y, lengths, state, state, saved, key);
      for (int pass = 0; pass < 2; pass++) {
        plan.forward(tensors);
        plan.backward(tensors, new RnnGradients(dParameters, dy, state, dx, dState));
        for (Buffer result : List.of(y, state, dParameters, dx, dState)) {
          results.add(result.readFloats());
        }
        backend.copy(dParameters, parameters);
      }
      assertEquals(10, results.size());
    }
    return results;
  }

  private static Buffer randomBuffer(Backend backend, long elements, Random random) {
    float[] values = new float[(int) elements];
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian() * 0.3f;
    }
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    buffer.write(values);
    return buffer;
  }
}
