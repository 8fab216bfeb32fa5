package dev.sequor.backend;

import java.util.List;

/**
 * One device's side of adding up what devices have that reach each other's memory: each adds up a
 * slice of all, and fetches the others' slices. Each phase is called when every device has ended
 * the phase before; all of them only queue work.
 */
public interface PeerSum {
  /**
   * What is to be added up, as it is when the work queued so far is done.
   *
   * @throws DeviceMemoryException if there is no room for copies of the others' slices
   */
  void begin(Memory values);

  /** Adds up this device's slice, of which it fetches the other devices' copies. */
  void reduce(List<PeerSum> all);

  /** Fetches the other slices, which the others have added up. */
  void gather(List<PeerSum> all);

  /** What is queued from now on may change the values: the others have what they fetch of them. */
  void end(List<PeerSum> all);
}
