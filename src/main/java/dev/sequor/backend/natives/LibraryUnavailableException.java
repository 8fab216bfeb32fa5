package dev.sequor.backend.natives;

import dev.sequor.backend.BackendUnavailableException;
import org.jspecify.annotations.Nullable;

/** Why a native library cannot be used here, in one line, and what would cure that, in another. */
public class LibraryUnavailableException extends BackendUnavailableException {
  private static final long serialVersionUID = 1L;

  private final String cure;

  /**
   * A reason with its cure.
   *
   * @param reason one line
   * @param cure one line, true for this very reason
   * @param cause what was thrown, if anything was
   */
  public LibraryUnavailableException(String reason, String cure, @Nullable Throwable cause) {
    super(reason, cause);
    this.cure = cure;
  }

  /** What to do about it, in one line. */
  public String cure() {
    return cure;
  }
}
