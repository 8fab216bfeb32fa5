package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/** A device failed while it worked; the message names what was running. */
public class BackendException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With a message. */
  public BackendException(String message) {
    super(message);
  }

  /** With a message and the cause. */
  public BackendException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
