package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendUnavailableException;
import org.jspecify.annotations.Nullable;

/** What CUDA lacks on this machine, in one line, and the cure, in another. */
final class CudaUnavailableException extends BackendUnavailableException {
  private static final long serialVersionUID = 1L;

  private final String cure;
  private final boolean withoutDevice;

  CudaUnavailableException(String reason, String cure) {
    this(reason, cure, null);
  }

  CudaUnavailableException(String reason, String cure, @Nullable Throwable cause) {
    this(reason, cure, false, cause);
  }

  private CudaUnavailableException(
      String reason, String cure, boolean withoutDevice, @Nullable Throwable cause) {
    super(reason, cause);
    this.cure = cure;
    this.withoutDevice = withoutDevice;
  }

  /**
   * One that is no surprise on a machine without a device: no driver, or one that finds nothing.
   */
  static CudaUnavailableException withoutDevice(
      String reason, String cure, @Nullable Throwable cause) {
    return new CudaUnavailableException(reason, cure, true, cause);
  }

  /** The same once more, as of now. */
  CudaUnavailableException again() {
    return new CudaUnavailableException(String.valueOf(getMessage()), cure, withoutDevice, this);
  }

  String cure() {
    return cure;
  }

  boolean withoutDevice() {
    return withoutDevice;
  }
}
