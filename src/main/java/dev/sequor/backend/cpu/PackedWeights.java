package dev.sequor.backend.cpu;

import dev.sequor.backend.DeviceMemoryException;
import dev.sequor.backend.Memory;
import dev.sequor.backend.Mode;
import dev.sequor.backend.host.LayerShape;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The weights of layers as their forward passes read them: one packed copy for all plans of an
 * engine that run the same layer, whatever their batches are. A copy lives as long as some plan
 * uses it.
 */
final class PackedWeights {
  /** No version of any memory. */
  private static final long NEVER = -1;

  private final Map<Key, Copy> copies = new HashMap<>();

  /** What two plans have in common that read the same numbers in the same way. */
  private record Key(LayerShape layer, long address) {
    static Key of(LayerShape shape, long address) {
      // One time step of one sequence stands for any batch.
      LayerShape layer =
          new LayerShape(
              shape.cell(),
              1,
              1,
              shape.inputSize(),
              shape.hiddenSize(),
              shape.hiddenSize(),
              Mode.INFERENCE,
              shape.weights(),
              shape.block());
      return new Key(layer, address);
    }
  }

  /** A packed copy of the weights at one address. */
  final class Copy {
    private final Key key;
    private final long handle;
    private long version = NEVER;
    private int users;

    private Copy(Key key, long handle) {
      this.key = key;
      this.handle = handle;
    }

    /** The address of the native weights. */
    long handle() {
      return handle;
    }

    /** Whether this is the copy of {@code parameters} as they were at some time. */
    boolean isOf(Memory parameters) {
      return key.address == CpuMemory.address(parameters);
    }

    /**
     * Says that the forward pass about to run sees the contents {@code parameters}.
     *
     * @return whether it has to pack them
     */
    boolean take(Memory parameters) {
      boolean stale = version != parameters.version();
      version = parameters.version();
      return stale;
    }

    /** One plan less uses this. */
    void release() {
      if (--users == 0) {
        copies.remove(key);
        NativeEngine.sequor_weights_destroy(handle);
      }
    }
  }

  /**
   * The copy for a layer whose parameters are at {@code parameters}; to be released.
   *
   * @param held what the layer uses now, and will no more; null for none
   * @throws DeviceMemoryException if there is not enough memory; {@code held} is used still then
   */
  Copy of(LayerShape shape, long layer, Memory parameters, @Nullable Copy held) {
    Key key = Key.of(shape, CpuMemory.address(parameters));
    Copy copy = copies.get(key);
    if (copy == null) {
      long handle = NativeEngine.sequor_weights_create(layer);
      if (handle == 0) {
        throw new DeviceMemoryException("cpu: no memory for the weights of " + shape);
      }
      copy = new Copy(key, handle);
      copies.put(key, copy);
    }
    copy.users++;
    if (held != null) {
      held.release();
    }
    return copy;
  }

  /** How many packed copies there are. */
  int count() {
    return copies.size();
  }
}
