package dev.sequor.backend;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Memory of one backend: an opaque, typed run of elements. A {@linkplain #slice slice} shares the
 * memory of the buffer it was cut from and need not be closed. Closing the backend closes its
 * buffers. Used by the thread that owns the backend only.
 */
public final class Buffer implements AutoCloseable {
  private final Backend backend;
  private final Memory memory;
  private final Held.Lease lease;
  private final boolean owner;

  /** Made when integers are first checked. */
  private @Nullable KnownIntegers integers;

  /** A buffer that owns its memory. */
  Buffer(Backend backend, Memory memory, Held.Lease lease) {
    this(backend, memory, lease, true);
  }

  private Buffer(Backend backend, Memory memory, Held.Lease lease, boolean owner) {
    this.backend = backend;
    this.memory = memory;
    this.lease = lease;
    this.owner = owner;
  }

  /** The backend whose memory this is. */
  public Backend backend() {
    return backend;
  }

  /** The element type. */
  public DType type() {
    return memory.type();
  }

  /** The number of elements. */
  public long elements() {
    return memory.elements();
  }

  /** For engines: the memory behind this buffer. */
  public Memory memory() {
    return memory;
  }

  /**
   * Identifies the contents of this memory: changes with every write to it, through this buffer or
   * any slice, and is never the same for two buffers.
   */
  public long version() {
    return memory.version();
  }

  /** Whether the memory has been freed. */
  public boolean isClosed() {
    return lease.held().isClosed();
  }

  Held held() {
    return lease.held();
  }

  /**
   * Elements {@code [offset, offset + count)} of this memory.
   *
   * @throws IllegalArgumentException if they are not all inside
   * @throws IllegalStateException if this is closed, or the calling thread does not own the backend
   */
  public Buffer slice(long offset, long count) {
    backend.requireThread();
    requireOpen();
    if (offset < 0 || count < 0 || offset > elements() - count) {
      throw new IllegalArgumentException(
          "slice of "
              + count
              + " elements at "
              + offset
              + " does not fit a buffer of "
              + elements());
    }
    return new Buffer(backend, memory.slice(offset, count), lease, false);
  }

  /**
   * Throws if the memory has been freed.
   *
   * @throws IllegalStateException if so
   */
  public void requireOpen() {
    held().requireOpen();
  }

  KnownIntegers integers() {
    KnownIntegers known = integers;
    if (known == null) {
      known = new KnownIntegers(held(), memory);
      integers = known;
    }
    return known;
  }

  /**
   * Copies all of {@code values} to the start of this FLOAT32 buffer.
   *
   * @throws IllegalArgumentException if there are more than this has, or it is not FLOAT32
   */
  public void write(float... values) {
    requireType(DType.FLOAT32);
    ByteBuffer host = Backend.hostMemory(type(), Required.present("values", values).length);
    host.asFloatBuffer().put(values);
    backend.upload(host, this);
  }

  /**
   * Copies all of {@code values} to the start of this INT32 buffer.
   *
   * @throws IllegalArgumentException if there are more than this has, or it is not INT32
   */
  public void write(int... values) {
    requireType(DType.INT32);
    ByteBuffer host = Backend.hostMemory(type(), Required.present("values", values).length);
    host.asIntBuffer().put(values);
    backend.upload(host, this);
  }

  /**
   * A copy of all elements of this FLOAT32 buffer.
   *
   * @throws IllegalArgumentException if it is not FLOAT32, or too long for a Java array
   */
  public float[] readFloats() {
    requireType(DType.FLOAT32);
    ByteBuffer host = Backend.hostMemory(type(), elements());
    backend.download(this, host);
    float[] values = new float[(int) elements()];
    host.asFloatBuffer().get(values);
    return values;
  }

  /**
   * A copy of all elements of this INT32 buffer.
   *
   * @throws IllegalArgumentException if it is not INT32, or too long for a Java array
   */
  public int[] readInts() {
    requireType(DType.INT32);
    ByteBuffer host = Backend.hostMemory(type(), elements());
    backend.download(this, host);
    int[] values = new int[(int) elements()];
    host.asIntBuffer().get(values);
    return values;
  }

  private void requireType(DType type) {
    if (type() != type) {
      throw new IllegalArgumentException("the buffer is " + type() + "; needed " + type);
    }
  }

  /**
   * Frees the memory if this is not a slice; closing twice, or after the backend, is harmless.
   *
   * @throws IllegalStateException if the calling thread does not own the backend, or is in a step
   */
  @Override
  public void close() {
    if (owner) {
      backend.close(held());
    }
  }

  @Override
  public String toString() {
    return held().toString();
  }
}
