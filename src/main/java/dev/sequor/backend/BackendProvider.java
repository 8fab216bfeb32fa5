package dev.sequor.backend;

/** Found by {@link java.util.ServiceLoader}: offers one kind of device. */
public interface BackendProvider {
  /** The name users type: {@code cuda}, {@code cpu}, {@code java}. */
  String name();

  /** {@link Devices#auto()} takes the usable provider with the largest. */
  int priority();

  /**
   * Finds out whether this kind of device works here, by running one small layer and checking its
   * result. Never throws; keeps the first cause. Repeated calls are cheap.
   */
  Availability probe();

  /**
   * Opens device number {@code ordinal}; only called after {@link #probe()} said "usable".
   *
   * @throws BackendUnavailableException if there is no such device
   */
  Backend open(int ordinal);
}
