package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.JCudaDriver;

/**
 * The primary context of a device. The driver knows by the calling thread which context is meant:
 * it must be current there before any other call. Whatever is of a context makes it current itself
 * before it is given back, since things may be closed by another thread than the one that used
 * them, or while another device is in use.
 */
final class CudaContext implements AutoCloseable {
  private final CUdevice device;
  private final CUcontext handle = new CUcontext();
  private boolean closed;

  /**
   * Holds the context of a device.
   *
   * @param name of the device, for messages
   */
  CudaContext(CUdevice device, String name) {
    this.device = device;
    check(
        JCudaDriver.cuDevicePrimaryCtxRetain(handle, device),
        "opening " + name + " (cuDevicePrimaryCtxRetain)");
  }

  /** Makes it current on the calling thread. */
  void makeCurrent() {
    if (closed) {
      throw new IllegalStateException("a device is used after close");
    }
    check(JCudaDriver.cuCtxSetCurrent(handle), "cuCtxSetCurrent");
  }

  /** For calls that name the context of another device than the current one. */
  CUcontext handle() {
    return handle;
  }

  /** Lets go of it; with the last who holds it, all that is left in it goes. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      check(JCudaDriver.cuDevicePrimaryCtxRelease(device), "cuDevicePrimaryCtxRelease");
    }
  }
}
