package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/**
 * Whether a kind of device can be used here.
 *
 * @param usable whether it can
 * @param absent whether this machine has nothing of the kind, so that there is nothing to mend:
 *     nobody need be told that it is not used
 * @param reason one line: the device if usable, else why not
 * @param cure one line: what to do about it; empty if usable
 * @param cause the first failure, if there was one
 */
public record Availability(
    boolean usable, boolean absent, String reason, String cure, @Nullable Throwable cause) {

  /** A usable device. */
  public static Availability usable(String device) {
    return new Availability(true, false, device, "", null);
  }

  /** A device that cannot be used although it is there, or ought to be. */
  public static Availability unusable(String reason, String cure, @Nullable Throwable cause) {
    return new Availability(false, false, reason, cure, cause);
  }

  /** A device that this machine does not have. */
  public static Availability absent(String reason, String cure, @Nullable Throwable cause) {
    return new Availability(false, true, reason, cure, cause);
  }
}
