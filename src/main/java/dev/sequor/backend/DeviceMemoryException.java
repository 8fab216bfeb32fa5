package dev.sequor.backend;

/** A device has too little memory for what was asked of it; the message names sizes and limits. */
public final class DeviceMemoryException extends BackendException {
  private static final long serialVersionUID = 1L;

  /** With a message. */
  public DeviceMemoryException(String message) {
    super(message);
  }

  /** With a message and the cause. */
  public DeviceMemoryException(String message, Throwable cause) {
    super(message, cause);
  }
}
