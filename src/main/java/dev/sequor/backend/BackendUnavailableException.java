package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * The device that was asked for cannot be used on this machine; the message gives every cause and
 * its cure.
 */
public class BackendUnavailableException extends BackendException {
  private static final long serialVersionUID = 1L;

  /** With a message. */
  public BackendUnavailableException(String message) {
    super(message);
  }

  /** With a message and the first cause. */
  public BackendUnavailableException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
