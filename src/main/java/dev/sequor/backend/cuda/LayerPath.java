package dev.sequor.backend.cuda;

import dev.sequor.backend.DeviceMemoryException;
import org.jspecify.annotations.Nullable;

/**
 * One way to run one direction of one layer over all its time steps. Everything is queued and
 * nothing is waited for; no call allocates. A pass is recorded and replayed, so what is queued may
 * depend on nothing but the sizes and the addresses that are given. {@link LayerPaths} chooses.
 */
interface LayerPath extends AutoCloseable {
  /** What callers bring to a forward pass: device addresses, 0 for "absent". */
  record Forward(long x, long lengths, long s0, long y, long sT, long saved) {}

  /** What callers bring to a backward pass; {@code dx} is {@code [T,B,I]}. */
  record Backward(
      long x, long lengths, long saved, long dy, long dsT, long dParameters, long dx, long ds0) {}

  /** A kind of path. */
  interface Factory {
    /** In a word, for the log. */
    String name();

    /** Why it cannot run {@code layer}, in words that name what would be needed; null if it can. */
    @Nullable String refusal(LayerSpec layer, CudaDevice device);

    /**
     * Prepares {@code layer}, which {@link #refusal} has nothing against.
     *
     * @param holder whose memory it is, for messages
     * @throws DeviceMemoryException if there is not enough memory
     */
    LayerPath open(LayerSpec layer, CudaDevice device, String holder);
  }

  /**
   * Whether {@link #forward} and {@link #backward} take their work apart, for a {@link Recorder}:
   * they queue it by {@link Recorder#calls} and {@link Recorder#repeated} only.
   */
  boolean takesApart();

  /** Bytes of {@code saved}; a multiple of 256. */
  long savedBytes();

  /** Queues making operands of the weights in the block of {@code parameters}. */
  void pack(WorkQueue queue, long parameters);

  /** Queues the whole forward pass. */
  void forward(WorkQueue queue, Forward f);

  /**
   * Queues back-propagation through time, after a forward pass with the same {@code saved}. The
   * forward direction overwrites {@code dx}; the reverse one leaves its share in memory of its own,
   * for {@link #addInputGradient}.
   */
  void backward(WorkQueue queue, Backward b);

  /** Adds what the reverse direction's {@link #backward} kept to {@code dx}. */
  void addInputGradient(WorkQueue queue, long lengths, long dx);

  @Override
  void close();
}
