package dev.sequor.backend.cpu;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.WeightStorage;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * One packed copy of a layer's weights, whatever the number of plans and the shapes they are of.
 */
class PackedWeightsTest {
  private static final int LAYERS = 2;
  private static final RnnSpec STACK = RnnSpec.of(CellType.LSTM_PEEPHOLE, 5, 7).withLayers(LAYERS);

  private CpuEngine engine;
  private Backend backend;

  @BeforeEach
  void open() {
    NativeBuild.assumePresent();
    engine = new CpuEngine(NativeEngine.sequor_best_instruction_set(), 2);
    backend = new Backend(engine);
  }

  @AfterEach
  void close() {
    if (backend != null) {
      backend.close();
    }
  }

  private Buffer random(long elements, long seed) {
    Buffer buffer = backend.allocate(DType.FLOAT32, elements);
    float[] values = new float[(int) elements];
    SplittableRandom random = new SplittableRandom(seed);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) (random.nextDouble() - 0.5);
    }
    buffer.write(values);
    return buffer;
  }

  private Buffer parameters(long seed) {
    return random(new RnnShape(STACK, 1, 1).parameterLayout().totalElements(), seed);
  }

  /** The output for the same inputs each time. */
  private float[] run(RnnPlan plan, RnnShape shape, Buffer parameters) {
    try (Buffer x = random(shape.inputElements(), 3);
        Buffer y = backend.allocate(DType.FLOAT32, shape.outputElements())) {
      plan.forward(RnnTensors.of(parameters, x, y));
      return y.readFloats();
    }
  }

  private float[] expected(RnnShape shape, Buffer parameters) {
    try (Backend other = new Backend(new CpuEngine(NativeEngine.sequor_best_instruction_set(), 2));
        Buffer copy = other.allocate(DType.FLOAT32, parameters.elements());
        Buffer x = other.allocate(DType.FLOAT32, shape.inputElements());
        Buffer y = other.allocate(DType.FLOAT32, shape.outputElements());
        RnnPlan plan = other.plan(shape, Mode.INFERENCE)) {
      copy.write(parameters.readFloats());
      try (Buffer own = random(shape.inputElements(), 3)) {
        x.write(own.readFloats());
      }
      plan.forward(RnnTensors.of(copy, x, y));
      return y.readFloats();
    }
  }

  @Test
  void plansOfAllShapesShareOneCopy() {
    RnnShape[] shapes = {
      new RnnShape(STACK, 1, 4), new RnnShape(STACK, 6, 1), new RnnShape(STACK, 3, 9)
    };
    try (Buffer parameters = parameters(1);
        Buffer others = parameters(2)) {
      RnnPlan[] plans = new RnnPlan[shapes.length];
      for (int i = 0; i < shapes.length; i++) {
        plans[i] = backend.plan(shapes[i], Mode.INFERENCE);
        assertArrayEquals(expected(shapes[i], parameters), run(plans[i], shapes[i], parameters));
      }
      assertEquals(LAYERS, engine.packedWeights().count());

      // Whichever plan is the first to see new contents, all of them see them.
      parameters.write(others.readFloats());
      for (int i = shapes.length - 1; i >= 0; i--) {
        assertArrayEquals(expected(shapes[i], others), run(plans[i], shapes[i], parameters));
      }
      assertEquals(LAYERS, engine.packedWeights().count());

      // A plan that turns to other parameters leaves the copy to those that stay.
      parameters.write(parameters(4).readFloats());
      assertArrayEquals(expected(shapes[1], others), run(plans[1], shapes[1], others));
      assertEquals(2 * LAYERS, engine.packedWeights().count());
      assertArrayEquals(expected(shapes[0], parameters), run(plans[0], shapes[0], parameters));
      assertArrayEquals(expected(shapes[1], others), run(plans[1], shapes[1], others));
      plans[1].close();
      assertEquals(LAYERS, engine.packedWeights().count());

      // What is kept in another way is another copy.
      try (RnnPlan small = backend.plan(shapes[1], Mode.INFERENCE, WeightStorage.INT8)) {
        run(small, shapes[1], parameters);
        assertEquals(2 * LAYERS, engine.packedWeights().count());
      }
      plans[0].close();
      assertEquals(LAYERS, engine.packedWeights().count());
      assertArrayEquals(expected(shapes[2], parameters), run(plans[2], shapes[2], parameters));
      plans[2].close();
      assertEquals(0, engine.packedWeights().count());
    }
  }
}
