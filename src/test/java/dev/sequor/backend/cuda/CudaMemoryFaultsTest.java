package dev.sequor.backend.cuda;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.nio.ByteBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** What the simulated device sees of the memory pool, and what it does when allocations fail. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
class CudaMemoryFaultsTest {
  /** More than anything below allocates. */
  private static final int MOST_ALLOCATIONS = 100;

  @SuppressWarnings("NullAway.Init")
  private CudaDevice device;

  @SuppressWarnings("NullAway.Init")
  private SimulatorControl control;

  @BeforeEach
  void open() {
    device = CudaDeviceTest.open(0, "80%", "on");
    control = SimulatorControl.ofCurrentDevice();
  }

  @AfterEach
  void close() {
    device.makeCurrent();
    control.set(Field.FAIL_ALLOCATION, 0);
    device.close();
  }

  @Test
  void theDriverIsAskedForExactlyTheBytesNeeded() {
    long before = control.get(Field.LIVE_BYTES);
    try (DeviceMemory.Block block = device.memory().allocate(1001, "odd")) {
      assertEquals(1001, block.bytes());
      assertEquals(before + 1001, control.get(Field.LIVE_BYTES));
    }
    assertEquals(before + 1001, control.get(Field.LIVE_BYTES), "kept for reuse");
    device.memory().trim();
    assertEquals(before, control.get(Field.LIVE_BYTES));
  }

  @Test
  void anAllocationThatFailsIsTriedAgainWithoutWhatIsKept() {
    device.memory().allocate(5000, "before").close();
    control.set(Field.FAIL_ALLOCATION, 1);
    try (DeviceMemory.Block block = device.memory().allocate(100, "now")) {
      assertEquals(100, block.bytes());
      assertEquals(0, device.memory().cachedBytes());
    }
  }

  @Test
  void anAllocationThatFailsChangesNothing() {
    long before = control.get(Field.LIVE_BYTES);
    control.set(Field.FAIL_ALLOCATION, 1);
    String message =
        String.valueOf(
            assertThrows(BackendException.class, () -> device.memory().allocate(100, "weights"))
                .getMessage());
    assertTrue(message.contains("no memory for weights: needed 100 bytes, budget "), message);
    assertTrue(message.contains("cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (2)"), message);
    assertEquals(before, control.get(Field.LIVE_BYTES));
    assertEquals(0, device.memory().liveBytes());
    device.memory().allocate(100, "weights").close();
  }

  @Test
  void memoryThatTheHostDoesNotLockIsLackingToo() {
    long before = control.get(Field.HOST_BYTES);
    control.set(Field.FAIL_ALLOCATION, 2);
    String message =
        String.valueOf(
            assertThrows(DeviceMemoryException.class, () -> device.staging()).getMessage());
    assertTrue(
        message.startsWith(
            "no memory for staging: needed "
                + PinnedStaging.CHUNK_BYTES
                + " page-locked bytes; cuMemHostAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (2)"),
        message);
    assertEquals(before, control.get(Field.HOST_BYTES));
  }

  @Test
  void closingLeavesNothingOnTheDevice() {
    long before = control.get(Field.LIVE_BYTES);
    CudaDevice other = CudaDeviceTest.open(0, "80%", "on");
    other.memory().allocate(1000, "kept").close();
    DeviceMemory.Block held = other.memory().allocate(2000, "held");
    other.staging().upload(ByteBuffer.allocateDirect(2000), held.address(), other.stream());
    assertEquals(before + 3000, control.get(Field.LIVE_BYTES));
    other.close();
    device.makeCurrent();
    assertEquals(before, control.get(Field.LIVE_BYTES));
  }

  @Test
  void openingABackendLeavesNothingWhicheverAllocationFails() {
    long before = control.get(Field.LIVE_BYTES);
    long hostBefore = control.get(Field.HOST_BYTES);
    CudaBackendProvider provider = new CudaBackendProvider();
    boolean opened = false;
    int failures = 0;
    while (!opened && failures < MOST_ALLOCATIONS) {
      device.makeCurrent();
      control.set(Field.FAIL_ALLOCATION, failures + 1);
      try (Backend backend = provider.open(0)) {
        opened = true;
        assertEquals("cuda:0 " + device.name(), backend.name());
      } catch (BackendException e) {
        failures++;
      }
      device.makeCurrent();
      assertEquals(before, control.get(Field.LIVE_BYTES), "after failure " + failures);
      assertEquals(hostBefore, control.get(Field.HOST_BYTES), "after failure " + failures);
    }
    assertTrue(opened, "never opened");
    assertTrue(failures > 0, "nothing was allocated");
  }
}
