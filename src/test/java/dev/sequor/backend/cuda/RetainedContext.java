package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;

/**
 * Keeps the primary context of device 0 for as long as tests run. To make one takes up to a second
 * on a device, and most of a thousand tests open the device for themselves. Found by JUnit where it
 * is told to look for extensions ({@code ci/gpu-check}); in the build, where the simulator makes
 * contexts at once, each test has a new one.
 */
public final class RetainedContext implements BeforeAllCallback, AfterEachCallback {
  private static final Namespace HERE = Namespace.create(RetainedContext.class);

  /** What is kept, if there is a device. */
  static final class Retained implements AutoCloseable {
    private final @Nullable CUdevice device;
    private final CUcontext context = new CUcontext();

    Retained() {
      CUdevice found = null;
      try {
        CudaDevice.count();
        found = new CUdevice();
        check(JCudaDriver.cuDeviceGet(found, 0), "cuDeviceGet");
        retain(found);
      } catch (CudaUnavailableException e) {
        found = null; // the tests say so themselves
      }
      device = found;
    }

    private void retain(CUdevice device) {
      check(JCudaDriver.cuDevicePrimaryCtxRetain(context, device), "cuDevicePrimaryCtxRetain");
    }

    /** A context in which a kernel has failed answers nothing any more; the next is a new one. */
    void replaceIfFailed() {
      if (device == null) {
        return;
      }
      check(JCudaDriver.cuCtxPushCurrent(context), "cuCtxPushCurrent");
      int result = JCudaDriver.cuCtxSynchronize();
      JCudaDriver.cuCtxPopCurrent(new CUcontext());
      if (result != CUresult.CUDA_SUCCESS) {
        close();
        retain(device);
      }
    }

    @Override
    public void close() {
      if (device != null) {
        JCudaDriver.cuDevicePrimaryCtxRelease(device);
      }
    }
  }

  private static Retained of(ExtensionContext context) {
    return context
        .getRoot()
        .getStore(HERE)
        .getOrComputeIfAbsent(Retained.class, key -> new Retained(), Retained.class);
  }

  @Override
  public void beforeAll(ExtensionContext context) {
    of(context);
  }

  @Override
  public void afterEach(ExtensionContext context) {
    of(context).replaceIfFailed();
  }
}
