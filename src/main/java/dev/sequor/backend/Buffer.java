package dev.sequor.backend;

import java.lang.ref.Cleaner;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Memory of one backend: an opaque, typed run of elements. A {@linkplain #slice slice} shares the
 * memory of the buffer it was cut from and need not be closed. Not safe for use by several threads
 * at once.
 */
public abstract class Buffer implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Buffer.class);
  private static final Cleaner LEAKS = Cleaner.create();

  /** Counts the writes to all buffers, so that no two contents of any buffers share a version. */
  private static final AtomicLong WRITES = new AtomicLong();

  private final Backend backend;
  private final DType type;
  private final long elements;
  private final Allocation allocation;
  private final boolean owner;

  /**
   * What a buffer and its slices share: whether the memory is still there, and which contents it
   * has.
   */
  private static final class Allocation implements Runnable {
    final AtomicBoolean closed = new AtomicBoolean();
    volatile long version = WRITES.incrementAndGet();
    final String description;

    Allocation(String description) {
      this.description = description;
    }

    /** Runs when the buffer has become unreachable: reports, and deliberately frees nothing. */
    @Override
    public void run() {
      if (!closed.get()) {
        LOG.warn("{} was never closed; its memory is lost until the process ends", description);
      }
    }
  }

  /** A buffer that owns its memory. */
  @SuppressWarnings("this-escape") // The cleaner keeps a weak reference and calls nothing on it.
  protected Buffer(Backend backend, DType type, long elements) {
    this.backend = backend;
    this.type = type;
    this.elements = elements;
    this.allocation =
        new Allocation("Buffer of " + elements + " " + type + " on " + backend.name());
    this.owner = true;
    LEAKS.register(this, allocation);
  }

  /** A slice of {@code parent}. */
  protected Buffer(Buffer parent, long elements) {
    this.backend = parent.backend;
    this.type = parent.type;
    this.elements = elements;
    this.allocation = parent.allocation;
    this.owner = false;
  }

  /** The backend whose memory this is. */
  public final Backend backend() {
    return backend;
  }

  /** The element type. */
  public final DType type() {
    return type;
  }

  /** The number of elements. */
  public final long elements() {
    return elements;
  }

  /**
   * Identifies the contents of this memory: changes with every write to it, through this buffer or
   * any slice, and is never the same for two buffers, not even if one gets the other's freed
   * memory. Packed copies of weights depend on it.
   */
  public final long version() {
    return allocation.version;
  }

  /** Called by whoever writes to this memory. */
  public final void markWritten() {
    allocation.version = WRITES.incrementAndGet();
  }

  /** Whether the memory has been freed. */
  public final boolean isClosed() {
    return allocation.closed.get();
  }

  /**
   * Elements {@code [offset, offset + count)} of this memory.
   *
   * @throws IllegalArgumentException if they are not all inside
   */
  public final Buffer slice(long offset, long count) {
    requireOpen();
    if (offset < 0 || count < 0 || offset > elements - count) {
      throw new IllegalArgumentException(
          "slice of " + count + " elements at " + offset + " does not fit a buffer of " + elements);
    }
    return sliceMemory(offset, count);
  }

  /** Makes the slice; the range has been checked. */
  protected abstract Buffer sliceMemory(long offset, long count);

  /** Frees the memory; called once, on the owner only. */
  protected abstract void free();

  /**
   * Throws if the memory has been freed.
   *
   * @throws IllegalStateException if so
   */
  public final void requireOpen() {
    if (isClosed()) {
      throw new IllegalStateException(allocation.description + " is used after close");
    }
  }

  /**
   * Checks host memory that is to be copied to the start of this buffer, or from there.
   *
   * @throws IllegalArgumentException unless {@code host} is direct, in native order, and its
   *     remaining bytes are whole elements and no more than this has
   */
  public final void requireFit(ByteBuffer host) {
    if (!host.isDirect() || host.order() != ByteOrder.nativeOrder()) {
      throw new IllegalArgumentException(
          "the host buffer is not direct or not in native byte order; needed both");
    }
    int bytes = host.remaining();
    if (bytes % type.bytes() != 0 || bytes / type.bytes() > elements) {
      throw new IllegalArgumentException(
          "the host buffer has " + bytes + " bytes; " + this + " has " + elements * type.bytes());
    }
  }

  /** Copies all of {@code values} to the start of this FLOAT32 buffer. */
  public final void write(float... values) {
    ByteBuffer host = host(values.length * 4L);
    host.asFloatBuffer().put(values);
    backend.upload(host, this);
  }

  /** Copies all of {@code values} to the start of this INT32 buffer. */
  public final void write(int... values) {
    ByteBuffer host = host(values.length * 4L);
    host.asIntBuffer().put(values);
    backend.upload(host, this);
  }

  /** A copy of all elements of this FLOAT32 buffer. */
  public final float[] readFloats() {
    float[] values = new float[Math.toIntExact(elements)];
    ByteBuffer host = host(values.length * 4L);
    backend.download(this, host);
    host.asFloatBuffer().get(values);
    return values;
  }

  /** A copy of all elements of this INT32 buffer. */
  public final int[] readInts() {
    int[] values = new int[Math.toIntExact(elements)];
    ByteBuffer host = host(values.length * 4L);
    backend.download(this, host);
    host.asIntBuffer().get(values);
    return values;
  }

  private static ByteBuffer host(long bytes) {
    return ByteBuffer.allocateDirect(Math.toIntExact(bytes)).order(ByteOrder.nativeOrder());
  }

  /** Frees the memory if this is not a slice; closing twice is harmless. */
  @Override
  public final void close() {
    if (owner && allocation.closed.compareAndSet(false, true)) {
      free();
    }
  }

  @Override
  public String toString() {
    return allocation.description + (isClosed() ? " (closed)" : "");
  }
}
