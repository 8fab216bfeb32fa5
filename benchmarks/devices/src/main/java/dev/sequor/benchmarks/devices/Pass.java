package dev.sequor.benchmarks.devices;

/** What one timed call does; it waits for the device before it returns. */
public enum Pass {
  /** Inference: {@code y} from {@code x}, both in the device's memory; weights unchanged. */
  FORWARD("forward", false),
  /**
   * A training step's share: {@code y} and the gradients of {@code x} and all parameters, from
   * parameters that count as changed since the last call.
   */
  FORWARD_BACKWARD("forwardBackward", false),
  /** Copies {@code x [T,B,H]} from the host to the device. */
  COPY_IN("copyIn", true),
  /** Copies {@code y [T,B,H]} from the device to the host. */
  COPY_OUT("copyOut", true);

  private final String id;
  private final boolean copy;

  Pass(String id, boolean copy) {
    this.id = id;
    this.copy = copy;
  }

  /** The name in tables and files. */
  String id() {
    return id;
  }

  /** Whether it moves data only, so that no cell matters. */
  boolean isCopy() {
    return copy;
  }
}
