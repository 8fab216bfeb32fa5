package dev.sequor.backend.host;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Engine;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.PermutedBlock;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * A layer takes its parameters, and adds their gradients, where its {@link BlockLayout} says they
 * are, in whatever order, and touches nothing between them.
 */
public final class AnyBlockLayout {
  private static final int TIME_STEPS = 4;
  private static final int BATCH_SIZE = 3;
  private static final int INPUT_SIZE = 5;
  private static final int HIDDEN_SIZE = 19;

  private AnyBlockLayout() {}

  /** Runs every cell with the order of the library and with another; no bit may differ. */
  public static <E extends Engine & LayerEngine> void check(E engine) {
    for (CellType cell : CellType.values()) {
      PermutedBlock blocks = PermutedBlock.of(cell, INPUT_SIZE, HIDDEN_SIZE);
      float[] parameters = numbers((int) blocks.standard().elements(), 1);
      List<float[]> expected = run(engine, cell, blocks.standard(), parameters);
      List<float[]> actual =
          run(engine, cell, blocks.permuted(), blocks.toPermuted(parameters, Float.NaN));
      float[] gradients = blocks.toPermuted(expected.remove(0), 0f);
      assertArrayEquals(gradients, actual.remove(0), "gradients of " + cell);
      for (int i = 0; i < expected.size(); i++) {
        assertArrayEquals(expected.get(i), actual.get(i), "result " + i + " of " + cell);
      }
    }
  }

  private static float[] numbers(int count, int seed) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) Math.sin(seed + 1.7 * i) / 4;
    }
    return numbers;
  }

  /** Gradients by the parameters, then all other results of a training and an inference pass. */
  private static <E extends Engine & LayerEngine> List<float[]> run(
      E engine, CellType cell, BlockLayout block, float[] values) {
    int rows = TIME_STEPS * BATCH_SIZE;
    SequenceRows order = new SequenceRows(TIME_STEPS, BATCH_SIZE, false);
    List<float[]> results = new ArrayList<>();
    Memory parameters = memory(engine, values);
    Memory x = memory(engine, numbers(rows * INPUT_SIZE, 2));
    Memory dy = memory(engine, numbers(rows * HIDDEN_SIZE, 3));
    Memory dParameters = memory(engine, new float[values.length]);
    Memory dx = memory(engine, new float[rows * INPUT_SIZE]);
    Memory y = memory(engine, new float[rows * HIDDEN_SIZE]);
    try (LayerPlan plan = engine.layer(shape(cell, block, Mode.TRAINING, WeightStorage.FLOAT32))) {
      Memory saved = engine.allocate(DType.FLOAT32, plan.savedElements());
      plan.forward(order, parameters, x, null, y, 0, null, saved);
      plan.backward(order, parameters, x, saved, dy, 0, null, dParameters, dx, false, null);
      results.add(floats(engine, dParameters));
      results.add(floats(engine, dx));
      results.add(floats(engine, y));
      saved.free();
    }
    for (WeightStorage weights : WeightStorage.values()) {
      if (engine.keeps(weights)) {
        try (LayerPlan plan = engine.layer(shape(cell, block, Mode.INFERENCE, weights))) {
          plan.forward(order, parameters, x, null, y, 0, null, null);
          results.add(floats(engine, y));
        }
      }
    }
    for (Memory memory : List.of(parameters, x, dy, dParameters, dx, y)) {
      memory.free();
    }
    return results;
  }

  private static LayerShape shape(
      CellType cell, BlockLayout block, Mode mode, WeightStorage weights) {
    return new LayerShape(
        cell, TIME_STEPS, BATCH_SIZE, INPUT_SIZE, HIDDEN_SIZE, HIDDEN_SIZE, mode, weights, block);
  }

  private static Memory memory(Engine engine, float[] values) {
    Memory memory = engine.allocate(DType.FLOAT32, values.length);
    ByteBuffer host = bytes(values.length);
    host.asFloatBuffer().put(values);
    engine.upload(host, memory);
    return memory;
  }

  private static float[] floats(Engine engine, Memory memory) {
    ByteBuffer host = bytes((int) memory.elements());
    engine.download(memory, host);
    float[] values = new float[(int) memory.elements()];
    host.asFloatBuffer().get(values);
    return values;
  }

  private static ByteBuffer bytes(int floats) {
    return ByteBuffer.allocateDirect(floats * Float.BYTES).order(ByteOrder.nativeOrder());
  }
}
