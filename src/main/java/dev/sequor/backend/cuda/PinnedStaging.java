package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.Closing;
import java.nio.ByteBuffer;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/**
 * Copies between ordinary host memory and a device by way of two page-locked buffers, so that the
 * processor fills one while the device empties the other.
 */
final class PinnedStaging implements AutoCloseable {
  /** Large enough to reach the bus's speed, small enough to be page-locked without a thought. */
  static final int CHUNK_BYTES = 4 << 20;

  private final Half[] halves;
  private int next;

  /** A buffer, and when the device will have done with it. */
  private static final class Half implements AutoCloseable {
    final CudaContext context;
    final CudaEvent done;
    final HostPointer memory;

    Half(CudaContext context) {
      this.context = context;
      done = new CudaEvent(context);
      try {
        memory = new HostPointer(context, CHUNK_BYTES, "staging");
      } catch (RuntimeException | Error e) {
        Closing.after(e, done::close);
        throw e;
      }
    }

    @Override
    public void close() {
      new Closing()
          .then(context::makeCurrent)
          .then(done::synchronize)
          .then(memory::close)
          .then(done::close)
          .end();
    }
  }

  /** Allocates in the context, which is current. */
  PinnedStaging(CudaContext context) {
    Half first = new Half(context);
    try {
      halves = new Half[] {first, new Half(context)};
    } catch (RuntimeException | Error e) {
      Closing.after(e, first::close);
      throw e;
    }
  }

  /** The half whose turn it is, free for use. */
  private Half free() {
    Half half = halves[next];
    next ^= 1;
    half.done.synchronize();
    return half;
  }

  /**
   * Queues a copy of the remaining bytes of {@code source} to device memory. On return {@code
   * source} may be changed; its position stays. Not to be captured into a graph, which would copy
   * whatever the staging buffer holds later.
   */
  void upload(ByteBuffer source, long address, CudaStream stream) {
    assert !stream.capturing() : "an upload cannot be captured";
    ByteBuffer rest = source.duplicate();
    long to = address;
    while (rest.hasRemaining()) {
      int bytes = Math.min(rest.remaining(), CHUNK_BYTES);
      Half half = free();
      half.memory.bytes().clear().put(rest.slice().limit(bytes));
      rest.position(rest.position() + bytes);
      int result =
          JCudaDriver.cuMemcpyHtoDAsync(DevicePointer.of(to), half.memory, bytes, stream.handle());
      if (result != CUresult.CUDA_SUCCESS) {
        throw failure(result, "copying " + source.remaining() + " bytes to the device");
      }
      stream.record(half.done);
      to += bytes;
    }
  }

  /**
   * Copies device memory, as the work queued on {@code stream} leaves it, to the remaining bytes of
   * {@code target}, whose position stays; and waits.
   */
  void download(long address, ByteBuffer target, CudaStream stream) {
    ByteBuffer rest = target.duplicate();
    int total = rest.remaining();
    Half pending = null;
    int pendingBytes = 0;
    for (int offset = 0; offset < total; offset += CHUNK_BYTES) {
      int bytes = Math.min(total - offset, CHUNK_BYTES);
      Half half = free();
      int result =
          JCudaDriver.cuMemcpyDtoHAsync(
              half.memory, DevicePointer.of(address + offset), bytes, stream.handle());
      if (result != CUresult.CUDA_SUCCESS) {
        throw failure(result, "copying " + total + " bytes from the device");
      }
      stream.record(half.done);
      if (pending != null) {
        take(pending, pendingBytes, rest);
      }
      pending = half;
      pendingBytes = bytes;
    }
    if (pending != null) {
      take(pending, pendingBytes, rest);
    }
  }

  private static void take(Half half, int bytes, ByteBuffer target) {
    half.done.synchronize();
    target.put(half.memory.bytes().clear().limit(bytes));
  }

  @Override
  public void close() {
    Closing closing = new Closing();
    for (Half half : halves) {
      closing.then(half::close);
    }
    closing.end();
  }
}
