package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.EnginePlan;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What is closed after a device was lost, when every call to it is refused. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
class CudaLostContextTest {
  /** No address of anything. */
  private static final long NOWHERE = 100;

  @SuppressWarnings("NullAway.Init")
  private CudaEngine engine;

  @SuppressWarnings("NullAway.Init")
  private DeviceMemory memory;

  private void open(String cache) {
    CudaDevice device = CudaDeviceTest.open(0, "80%", cache);
    memory = device.memory();
    engine = new CudaEngine(device, MathMode.FP32);
  }

  @BeforeEach
  void open() {
    open("on");
  }

  @AfterEach
  void closingTakesAll() {
    assertThrows(BackendException.class, engine::close);
    assertEquals(0, memory.liveBytes());
    assertEquals(0, memory.cachedBytes());
    try (CudaDevice again = CudaDeviceTest.open(0, "1m", "on")) {
      again.memory().allocate(4, "the context is new").close();
    }
  }

  private void lose() {
    WorkQueue queue = engine.queue();
    queue.arguments().int64(1).int32(0).pointer(NOWHERE).pointer(NOWHERE);
    queue.launch(queue.kernel("activation"), 1);
    String message =
        String.valueOf(
            assertThrows(BackendException.class, queue.stream()::synchronize).getMessage());
    assertTrue(message.contains("nothing more will work on this device"), message);
  }

  @Test
  void whatCannotBeFreedIsCountedNoMore() {
    DeviceMemory.Block one = memory.allocate(1000, "one");
    DeviceMemory.Block two = memory.allocate(1000, "two");
    DeviceMemory.Block three = memory.allocate(5000, "three");
    one.close();
    two.close();
    three.close();
    assertEquals(7000, memory.cachedBytes());
    lose();
    assertThrows(BackendException.class, memory::trim);
    assertEquals(0, memory.cachedBytes());
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void aPlanGivesBackAllOfItsMemory(boolean options) {
    engine.close();
    open("off"); // so that giving back calls the driver
    engine.besides();
    long before = memory.liveBytes();
    RnnSpec stack = RnnSpec.of(CellType.LSTM, 5, 6).withLayers(3).withBidirectional(true);
    RnnSpec changed = stack.withOptions(CellOptions.builder().layerNorm(true).build());
    RnnShape shape = (options ? changed : stack).shape(4, 3);
    EnginePlan plan = engine.plan(shape, Mode.TRAINING, WeightStorage.FLOAT32);
    lose();
    assertThrows(BackendException.class, plan::close);
    assertEquals(before, memory.liveBytes());
  }
}
