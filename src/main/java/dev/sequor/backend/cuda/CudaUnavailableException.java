package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendUnavailableException;
import org.jspecify.annotations.Nullable;

/** What CUDA lacks on this machine, in one line, and the cure, in another. */
final class CudaUnavailableException extends BackendUnavailableException {
  private static final long serialVersionUID = 1L;

  private final String cure;

  CudaUnavailableException(String reason, String cure) {
    super(reason);
    this.cure = cure;
  }

  CudaUnavailableException(String reason, String cure, @Nullable Throwable cause) {
    this(reason, cure);
    if (cause != null) {
      initCause(cause);
    }
  }

  String cure() {
    return cure;
  }
}
