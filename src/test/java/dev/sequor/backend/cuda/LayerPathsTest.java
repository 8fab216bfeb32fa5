package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.BlockLayout;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.PermutedBlock;
import dev.sequor.backend.RandomWork;
import dev.sequor.backend.RandomWork.Outcome;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.WeightStorage;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Which path a layer runs on, and that another path is all that another path takes. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.CudaDeviceTest#isUsable")
class LayerPathsTest {
  private static final RnnShape SHAPE = new RnnShape(CellType.LSTM, 2, 2, 4, 3, 5, 6, 0f);

  /** Has something against every layer. */
  private static final class Refusing implements LayerPath.Factory {
    @Override
    public String name() {
      return "refusing";
    }

    @Override
    public String refusal(LayerSpec layer, CudaDevice device) {
      return "needs 1000 hidden units, has " + layer.sizes().hiddenSize();
    }

    @Override
    public LayerPath open(LayerSpec layer, CudaDevice device, String holder) {
      throw new AssertionError("opened a path that had refused");
    }
  }

  /** Counts what goes through it to the step path. */
  private static final class Delegating implements LayerPath.Factory {
    int opened;
    int closed;
    int forwards;
    int backwards;

    @Override
    public String name() {
      return "delegating";
    }

    @Override
    public @Nullable String refusal(LayerSpec layer, CudaDevice device) {
      return null;
    }

    @Override
    public LayerPath open(LayerSpec layer, CudaDevice device, String holder) {
      opened++;
      LayerPath path = new StepPath.Factory().open(layer, device, holder);
      return new LayerPath() {
        @Override
        public boolean takesApart() {
          return path.takesApart();
        }

        @Override
        public long savedBytes() {
          return path.savedBytes();
        }

        @Override
        public void pack(WorkQueue queue, long parameters) {
          path.pack(queue, parameters);
        }

        @Override
        public void forward(WorkQueue queue, Forward f) {
          forwards++;
          path.forward(queue, f);
        }

        @Override
        public void backward(WorkQueue queue, Backward b) {
          backwards++;
          path.backward(queue, b);
        }

        @Override
        public void addInputGradient(WorkQueue queue, long lengths, long dx) {
          path.addInputGradient(queue, lengths, dx);
        }

        @Override
        public void close() {
          closed++;
          path.close();
        }
      };
    }
  }

  private static CudaEngine engine(LayerPaths paths) {
    return new CudaEngine(CudaDevice.open(0, BackendSettings.defaults()), MathMode.FP32, paths);
  }

  private static LayerSpec spec(CudaEngine engine) {
    return new LayerSpec(
        engine.cell(SHAPE.cell()),
        LayerSizes.of(SHAPE, Mode.TRAINING, 0, 0),
        SHAPE.parameterLayout().block(0),
        engine.mathMode());
  }

  @Test
  void theFirstPathThatAcceptsIsTakenAndTheOthersReasonsAreTold() {
    Delegating chosen = new Delegating();
    Delegating neverAsked = new Delegating();
    CudaEngine engine = engine(new LayerPaths(List.of(new Refusing(), chosen, neverAsked)));
    try {
      LayerPaths.Choice choice = engine.layerPaths().choose(spec(engine), engine.device());
      assertEquals(chosen, choice.path());
      assertEquals("delegating path; refusing: needs 1000 hidden units, has 6", choice.why());
      engine.plan(SHAPE, Mode.TRAINING, WeightStorage.FLOAT32).close();
      assertEquals(4, chosen.opened, "one for each layer and direction");
      assertEquals(4, chosen.closed);
      assertEquals(0, neverAsked.opened);
    } finally {
      engine.close();
    }
  }

  @Test
  void whereNoPathAcceptsEachSaysWhatItNeeds() {
    CudaEngine engine = engine(new LayerPaths(List.of(new Refusing())));
    try {
      String message =
          String.valueOf(
              assertThrows(
                      IllegalStateException.class,
                      () -> engine.layerPaths().choose(spec(engine), engine.device()))
                  .getMessage());
      assertTrue(
          message.endsWith("needed one of: refusing: needs 1000 hidden units, has 6"), message);
    } finally {
      engine.close();
    }
  }

  @Test
  void theLibrarysOwnPathsRunEverything() {
    CudaEngine engine = engine(LayerPaths.ALL);
    try {
      assertEquals("step path", LayerPaths.ALL.choose(spec(engine), engine.device()).why());
    } finally {
      engine.close();
    }
  }

  @Test
  void anotherPathInFrontGivesTheSameBits() {
    Delegating path = new Delegating();
    try (Backend usual = new Backend(engine(LayerPaths.ALL));
        Backend other = new Backend(engine(new LayerPaths(List.of(new Refusing(), path))))) {
      for (int seed = 0; seed < RandomWork.samples(20); seed++) {
        Outcome expected = RandomWork.run(usual, seed, RandomWork.FLOAT32_ONLY, () -> {});
        Outcome actual = RandomWork.run(other, seed, RandomWork.FLOAT32_ONLY, () -> {});
        assertEquals("", expected.difference(actual));
      }
    }
    assertTrue(path.forwards > 0 && path.backwards > 0, "the random work has recurrent passes");
    assertEquals(path.opened, path.closed);
  }

  // ---- where parameters are --------------------------------------------------------------------

  private static final int ROWS = 4 * 3;
  private static final int INPUTS = 5;
  private static final int UNITS = 19;

  /** The paths take parameters, and add their gradients, where the block's layout says. */
  @ParameterizedTest
  @EnumSource(CellType.class)
  void aLayerAssumesNoOrderOfItsParameters(CellType cell) {
    PermutedBlock blocks = PermutedBlock.of(cell, INPUTS, UNITS);
    float[] parameters = numbers((int) blocks.standard().elements(), 1);
    CudaEngine engine = engine(LayerPaths.ALL);
    try {
      List<float[]> expected = run(engine, cell, blocks.standard(), parameters);
      List<float[]> actual =
          run(engine, cell, blocks.permuted(), blocks.toPermuted(parameters, Float.NaN));
      assertArrayEquals(blocks.toPermuted(expected.get(0), 0f), actual.get(0), "gradients");
      assertArrayEquals(expected.get(1), actual.get(1), "dx");
      assertArrayEquals(expected.get(2), actual.get(2), "y");
    } finally {
      engine.close();
    }
  }

  private static float[] numbers(int count, int seed) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = (float) Math.sin(seed + 1.7 * i) / 4;
    }
    return numbers;
  }

  /** Gradients by the parameters, dx and y of a training pass. */
  private static List<float[]> run(
      CudaEngine engine, CellType cell, BlockLayout block, float[] values) {
    RnnShape shape = new RnnShape(cell, 1, 1, ROWS / 3, 3, INPUTS, UNITS, 0f);
    LayerSpec layer =
        new LayerSpec(
            engine.cell(cell), LayerSizes.of(shape, Mode.TRAINING, 0, 0), block, engine.mathMode());
    List<Memory> memory = new ArrayList<>();
    WorkQueue queue = engine.queue();
    LayerPaths.Choice choice = engine.layerPaths().choose(layer, engine.device());
    try (LayerPath path = choice.path().open(layer, engine.device(), "test")) {
      long parameters = upload(engine, values, memory);
      long x = upload(engine, numbers(ROWS * INPUTS, 2), memory);
      long dy = upload(engine, numbers(ROWS * UNITS, 3), memory);
      long saved = upload(engine, new float[(int) path.savedBytes() / Float.BYTES], memory);
      List<float[]> results =
          List.of(new float[values.length], new float[ROWS * INPUTS], new float[ROWS * UNITS]);
      int first = memory.size();
      long dParameters = upload(engine, results.get(0), memory);
      long dx = upload(engine, results.get(1), memory);
      long y = upload(engine, results.get(2), memory);
      path.pack(queue, parameters);
      path.forward(queue, new LayerPath.Forward(x, 0, 0, y, 0, saved));
      path.backward(queue, new LayerPath.Backward(x, 0, saved, dy, 0, dParameters, dx, 0));
      for (int i = 0; i < results.size(); i++) {
        ByteBuffer host = bytes(results.get(i).length);
        engine.download(memory.get(first + i), host);
        host.asFloatBuffer().get(results.get(i));
      }
      return results;
    } finally {
      memory.forEach(Memory::free);
    }
  }

  private static long upload(CudaEngine engine, float[] values, List<Memory> memory) {
    Memory made = engine.allocate(DType.FLOAT32, values.length);
    memory.add(made);
    ByteBuffer host = bytes(values.length);
    host.asFloatBuffer().put(values);
    engine.upload(host, made);
    return CudaMemory.address(made);
  }

  private static ByteBuffer bytes(int floats) {
    return ByteBuffer.allocateDirect(floats * Float.BYTES).order(ByteOrder.nativeOrder());
  }
}
