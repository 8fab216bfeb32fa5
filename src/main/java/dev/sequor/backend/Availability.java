package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * Whether a kind of device can be used here.
 *
 * @param usable whether it can
 * @param reason one line: the device if usable, else why not
 * @param cure one line: what to do about it; empty if usable
 * @param cause the first failure, if there was one
 */
public record Availability(boolean usable, String reason, String cure, @Nullable Throwable cause) {

  /** A usable device. */
  public static Availability usable(String device) {
    return new Availability(true, device, "", null);
  }

  /** A device that cannot be used. */
  public static Availability unusable(String reason, String cure, @Nullable Throwable cause) {
    return new Availability(false, reason, cure, cause);
  }
}
