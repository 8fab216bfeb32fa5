package dev.sequor.backend;

/** Found by {@link java.util.ServiceLoader}: offers one kind of device. */
public interface BackendProvider {
  /** The name users type: {@code cuda}, {@code cpu}, {@code java}. */
  String name();

  /** {@link Devices#auto()} takes the usable provider with the largest. */
  int priority();

  /** {@link #probe(BackendSettings)} as the process is set. */
  default Availability probe() {
    return probe(BackendSettings.defaults());
  }

  /**
   * Finds out whether this kind of device works here, by running one small layer and checking its
   * result. Never throws; keeps the first cause. A usable device is probed once for equal settings.
   */
  Availability probe(BackendSettings settings);

  /** {@link #open(int, BackendSettings)} as the process is set. */
  default Backend open(int ordinal) {
    return open(ordinal, BackendSettings.defaults());
  }

  /**
   * Opens device number {@code ordinal}; only called after {@link #probe(BackendSettings)} said
   * "usable".
   *
   * @throws BackendUnavailableException if there is no such device
   * @throws IllegalArgumentException if a setting of the process is not valid
   */
  Backend open(int ordinal, BackendSettings settings);
}
