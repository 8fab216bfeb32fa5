package dev.sequor.backend;

/** A device failed while it worked; the message names what was running. */
public class BackendException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** With a message. */
  public BackendException(String message) {
    super(message);
  }

  /** With a message and the cause. */
  public BackendException(String message, Throwable cause) {
    super(message, cause);
  }
}
