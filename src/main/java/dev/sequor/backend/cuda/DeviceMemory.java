package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;
import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.Closing;
import dev.sequor.backend.DeviceMemoryException;
import java.util.ArrayDeque;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.BooleanSupplier;
import java.util.stream.Collectors;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Memory of one device, within a budget. What is given back is kept for the next who needs about as
 * much, because the driver takes long to allocate and waits for the whole device to free.
 *
 * <p>The pool is ordered by the main stream: memory that was given back may be handed out while the
 * work of its former owner is still queued. So work that uses memory of this pool runs on the main
 * stream, or on streams that are joined to it by events before the memory is given back.
 *
 * <p>The driver is asked for exactly the bytes needed; a write past the end of a block then meets
 * no slack that would hide it.
 */
final class DeviceMemory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(DeviceMemory.class);

  /** Reused memory is at most one part in this many larger than what was asked for. */
  private static final int WASTE = 8;

  private static final int HOLDERS_NAMED = 3;

  private final CudaContext context;
  private final String device;
  private final long budgetBytes;
  private final boolean caching;
  private final Set<Block> live = Collections.newSetFromMap(new IdentityHashMap<>());
  private final TreeMap<Long, Deque<Long>> cache = new TreeMap<>();
  private long liveBytes;
  private long reservedBytes;
  private long cachedBytes;
  private BooleanSupplier giveUp = () -> false;
  private boolean closed;

  /**
   * An empty pool.
   *
   * @param context what memory is taken in; it is current when some is asked for
   * @param device its name, for messages
   * @param budgetBytes the most that this pool takes from the device
   * @param caching whether to keep what is given back; if not, it goes to the driver at once
   */
  DeviceMemory(CudaContext context, String device, long budgetBytes, boolean caching) {
    this.context = context;
    this.device = device;
    this.budgetBytes = budgetBytes;
    this.caching = caching;
  }

  /** Memory that somebody holds. */
  static final class Block implements AutoCloseable {
    private final DeviceMemory pool;
    private final long address;
    private final long bytes;
    private final String holder;
    private long size;
    private boolean closed;

    private Block(DeviceMemory pool, long address, long bytes, long size, String holder) {
      this.pool = pool;
      this.address = address;
      this.bytes = bytes;
      this.size = size;
      this.holder = holder;
    }

    /** The device address; 0 if the block is empty. */
    long address() {
      if (closed) {
        throw new IllegalStateException(
            "device memory of " + bytes + " bytes for " + holder + " is used after close");
      }
      return address;
    }

    /** As many as were asked for. */
    long bytes() {
      return bytes;
    }

    /** Counts so many bytes instead of those that were {@linkplain #reserve reserved}. */
    void recount(long taken) {
      pool.liveBytes += taken - size;
      pool.reservedBytes += taken - size;
      size = taken;
    }

    private boolean isReserved() {
      return address == 0;
    }

    /** Gives the memory back; harmless the second time. */
    @Override
    public void close() {
      if (!closed) {
        closed = true;
        pool.giveBack(this);
      }
    }
  }

  /**
   * Memory with arbitrary contents, aligned to 256 bytes.
   *
   * @param holder who holds it, in words, for the message when there is not enough
   * @throws DeviceMemoryException if the budget or the device does not suffice; what is held is as
   *     it was then, what was kept for reuse may have been freed
   */
  Block allocate(long bytes, String holder) {
    if (closed) {
      throw new IllegalStateException(device + ": memory for " + holder + " asked for after close");
    }
    if (bytes < 0) {
      throw new IllegalArgumentException(holder + " asks for " + bytes + " bytes");
    }
    if (bytes == 0) {
      return register(new Block(this, 0, 0, 0, holder));
    }
    Block reused = reuse(bytes, holder);
    if (reused != null) {
      return register(reused);
    }
    while (bytes > budgetBytes - liveBytes && giveUp.getAsBoolean()) {}
    requireBudget(bytes, holder);
    DevicePointer pointer = new DevicePointer();
    int result = JCudaDriver.cuMemAlloc(pointer, bytes);
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY && cachedBytes > 0) {
      trim();
      result = JCudaDriver.cuMemAlloc(pointer, bytes);
    }
    while (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY && giveUp.getAsBoolean()) {
      result = JCudaDriver.cuMemAlloc(pointer, bytes);
    }
    if (result == CUresult.CUDA_ERROR_OUT_OF_MEMORY) {
      throw new DeviceMemoryException(
          shortage(bytes, holder, "cuMemAlloc failed: " + CudaErrors.describe(result)));
    }
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, device + ": cuMemAlloc of " + bytes + " bytes for " + holder);
    }
    return register(new Block(this, pointer.address(), bytes, bytes, holder));
  }

  /** Sees to it that what is kept leaves so much of the budget. */
  private void requireBudget(long bytes, String holder) {
    if (bytes > budgetBytes - liveBytes) {
      throw new DeviceMemoryException(shortage(bytes, holder, "the budget does not suffice"));
    }
    if (bytes > budgetBytes - liveBytes - cachedBytes) {
      trim();
    }
  }

  /**
   * Counts memory that the driver takes for something by itself, as long as it has it.
   *
   * @param holder who makes it do so, in words, for the message when there is not enough
   * @return has no address; closing it ends the counting
   * @throws DeviceMemoryException if the budget does not suffice
   */
  Block reserve(long bytes, String holder) {
    requireBudget(bytes, holder);
    reservedBytes += bytes;
    return register(new Block(this, 0, bytes, bytes, holder));
  }

  /**
   * Has {@code giveUp} give something up whenever there would not be enough memory; false if it has
   * nothing.
   */
  void whenShort(BooleanSupplier giveUp) {
    this.giveUp = giveUp;
  }

  private Block register(Block block) {
    live.add(block);
    liveBytes += block.size;
    return block;
  }

  /** The smallest kept memory that fits and wastes little, or null. */
  private @Nullable Block reuse(long bytes, String holder) {
    Map.Entry<Long, Deque<Long>> best = cache.ceilingEntry(bytes);
    if (best == null || best.getKey() - bytes > bytes / WASTE) {
      return null;
    }
    long size = best.getKey();
    long address = best.getValue().pop();
    if (best.getValue().isEmpty()) {
      cache.remove(size);
    }
    cachedBytes -= size;
    return new Block(this, address, bytes, size, holder);
  }

  private void giveBack(Block block) {
    if (!live.remove(block)) {
      return; // The pool was closed before and has freed it.
    }
    liveBytes -= block.size;
    if (block.isReserved()) {
      reservedBytes -= block.size;
      return;
    }
    if (caching) {
      cache.computeIfAbsent(block.size, size -> new ArrayDeque<>()).push(block.address);
      cachedBytes += block.size;
    } else {
      new Closing().then(context::makeCurrent).then(() -> free(block.address)).end();
    }
  }

  /** The context is current. */
  private static void free(long address) {
    check(JCudaDriver.cuMemFree(DevicePointer.of(address)), "cuMemFree");
  }

  /** Bytes that are held. */
  long liveBytes() {
    return liveBytes;
  }

  /** Bytes of these that are {@linkplain #reserve only counted}. */
  long reservedBytes() {
    return reservedBytes;
  }

  /** The most that is taken of the device. */
  long budgetBytes() {
    return budgetBytes;
  }

  /** Bytes that are kept for reuse. */
  long cachedBytes() {
    return cachedBytes;
  }

  /** Gives all that is kept for reuse to the driver, which first waits for the device. */
  void trim() {
    if (cache.isEmpty()) {
      return;
    }
    Closing closing = new Closing().then(context::makeCurrent);
    cache.values().forEach(sized -> sized.forEach(address -> closing.then(() -> free(address))));
    cache.clear();
    cachedBytes = 0;
    closing.end();
  }

  private String shortage(long bytes, String holder, String why) {
    return device
        + ": no memory for "
        + holder
        + ": needed "
        + bytes
        + " bytes, budget "
        + budgetBytes
        + ", in use "
        + liveBytes
        + "; "
        + why
        + "; largest holders: "
        + largestHolders();
  }

  private String largestHolders() {
    Map<String, long[]> byHolder = new HashMap<>();
    for (Block block : live) {
      long[] sum = byHolder.computeIfAbsent(block.holder, h -> new long[2]);
      sum[0] += block.size;
      sum[1]++;
    }
    Comparator<Map.Entry<String, long[]>> bySize = Comparator.comparingLong(e -> -e.getValue()[0]);
    String named =
        byHolder.entrySet().stream()
            .sorted(bySize.thenComparing(Map.Entry.comparingByKey()))
            .limit(HOLDERS_NAMED)
            .map(
                e ->
                    e.getKey()
                        + " "
                        + e.getValue()[0]
                        + (e.getValue()[1] > 1 ? " in " + e.getValue()[1] + " blocks" : ""))
            .collect(Collectors.joining(", "));
    return named.isEmpty() ? "none" : named;
  }

  /** Frees everything on the device; what is still held is reported, and lost to its holders. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    if (!live.isEmpty()) {
      LOG.warn(
          "{} is closed while {} bytes are in use; largest holders: {}",
          device,
          liveBytes,
          largestHolders());
    }
    Closing closing = new Closing().then(context::makeCurrent);
    for (Block block : live) {
      block.closed = true;
      if (!block.isReserved()) {
        closing.then(() -> free(block.address));
      }
    }
    live.clear();
    liveBytes = 0;
    reservedBytes = 0;
    closing.then(this::trim).end();
  }
}
