package dev.sequor.backend.cuda;

import jcuda.driver.CUdeviceptr;

/** A device address that Java can read; JCuda keeps it to subclasses. */
final class DevicePointer extends CUdeviceptr {
  /** Null, for the driver to fill in. */
  DevicePointer() {}

  /** An address that the driver gave before. */
  static CUdeviceptr of(long address) {
    return new CUdeviceptr().withByteOffset(address);
  }

  long address() {
    return getNativePointer();
  }
}
