package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/** Not on a device: there, the context is retained already. */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
class RetainedContextTest {
  /** No address of anything. */
  private static final long NOWHERE = 100;

  private static CudaEngine open() {
    return new CudaEngine(CudaDeviceTest.open(0, "80%", "off"), MathMode.FP32);
  }

  private static boolean isThereAContext() {
    int[] active = new int[1];
    CUdevice device = new CUdevice();
    check(JCudaDriver.cuDeviceGet(device, 0), "cuDeviceGet");
    check(
        JCudaDriver.cuDevicePrimaryCtxGetState(device, new int[1], active),
        "cuDevicePrimaryCtxGetState");
    return active[0] != 0;
  }

  @Test
  void theContextOutlivesThoseWhoUseIt() {
    open().close();
    assertEquals(false, isThereAContext());
    try (RetainedContext.Retained retained = new RetainedContext.Retained()) {
      open().close();
      assertEquals(true, isThereAContext());
      retained.replaceIfFailed();
      assertEquals(true, isThereAContext());
    }
    assertEquals(false, isThereAContext());
  }

  @Test
  void aContextThatHasFailedIsReplaced() {
    try (RetainedContext.Retained retained = new RetainedContext.Retained()) {
      CudaEngine engine = open();
      WorkQueue queue = engine.queue();
      queue.arguments().int64(1).int32(0).pointer(NOWHERE).pointer(NOWHERE);
      queue.launch(queue.kernel("activation"), 1);
      assertNotEquals(CUresult.CUDA_SUCCESS, JCudaDriver.cuCtxSynchronize());
      try {
        engine.close();
      } catch (RuntimeException e) {
        // All calls are refused now.
      }
      retained.replaceIfFailed();
      open().close();
    }
  }
}
