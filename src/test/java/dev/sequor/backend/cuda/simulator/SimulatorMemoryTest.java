package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemGetInfo;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoD;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;

/** Memory of each device: its accounts, its limits, and failures on request. */
class SimulatorMemoryTest extends SimulatorTest {
  @Test
  void liveAndPeakBytesFollowAllocations() {
    long live = control.get(Field.LIVE_BYTES);
    long allocations = control.get(Field.ALLOCATIONS);
    control.set(Field.PEAK_BYTES, 0);
    CUdeviceptr first = cuda.allocate(1000);
    CUdeviceptr second = cuda.allocate(500);
    RawCuda.require(cuMemFree(first));
    assertEquals(live + 500, control.get(Field.LIVE_BYTES));
    assertEquals(live + 1500, control.get(Field.PEAK_BYTES));
    assertEquals(allocations + 2, control.get(Field.ALLOCATIONS));
    RawCuda.require(cuMemFree(second));
    assertEquals(live, control.get(Field.LIVE_BYTES));
  }

  @Test
  void destroyedContextGivesItsMemoryBack() {
    long live = control.get(Field.LIVE_BYTES);
    try (RawCuda other = new RawCuda(0)) {
      other.allocate(12345);
      assertEquals(live + 12345, control.get(Field.LIVE_BYTES));
    }
    cuda.makeCurrent();
    assertEquals(live, control.get(Field.LIVE_BYTES));
  }

  @Test
  void nthAllocationFailsAndTheNextSucceeds() {
    control.set(Field.FAIL_ALLOCATION, 2);
    CUdeviceptr pointer = new CUdeviceptr();
    assertEquals(SUCCESS, cuMemAlloc(pointer, 16));
    assertEquals(CUresult.CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(pointer, 16));
    assertEquals(SUCCESS, cuMemAlloc(pointer, 16));
    assertEquals(SUCCESS, cuCtxSynchronize());
  }

  @Test
  void moreThanTheDeviceHasIsRefused() {
    long[] free = new long[1];
    long[] total = new long[1];
    RawCuda.require(cuMemGetInfo(free, total));
    assertEquals(total[0] - control.get(Field.LIVE_BYTES), free[0]);
    assertEquals(CUresult.CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc(new CUdeviceptr(), free[0] + 1));
    assertTrue(control.lastError().contains("bytes are in use"));
  }

  @Test
  void readingTheControlsCountsAsNoCall() {
    long calls = control.get(Field.DRIVER_CALLS);
    control.get(Field.LIVE_BYTES);
    control.lastError();
    assertEquals(calls, control.get(Field.DRIVER_CALLS));
  }

  @Test
  void devicesHaveMemoriesOfTheirOwn() {
    CUdeviceptr here = cuda.upload(1, 2, 3);
    long live = control.get(Field.LIVE_BYTES);
    try (RawCuda second = new RawCuda(1)) {
      SimulatorControl secondControl = SimulatorControl.ofCurrentDevice();
      long secondLive = secondControl.get(Field.LIVE_BYTES);
      CUdeviceptr there = second.upload(4, 5, 6);
      assertEquals(live, control.get(Field.LIVE_BYTES));
      assertEquals(secondLive + 12, secondControl.get(Field.LIVE_BYTES));

      RawCuda.require(cuMemcpyDtoD(there, here, 12));
      assertArrayEquals(new float[] {1, 2, 3}, second.download(there, 3));

      assertEquals(SUCCESS, second.launch("simulator_add", Shape.of(1, 32), null, there, here, 3));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
      String message = secondControl.lastError();
      assertTrue(message.contains("is memory of device 0, not of device 1"), message);
    }
    cuda.makeCurrent();
    assertArrayEquals(new float[] {1, 2, 3}, cuda.download(here, 3));
  }
}
