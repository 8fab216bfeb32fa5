package dev.sequor.backend.cpu;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import org.jspecify.annotations.Nullable;

/** Native memory, 64-byte aligned. */
final class CpuBuffer extends Buffer {
  private final long address;

  CpuBuffer(CpuBackend backend, DType type, long elements, long address) {
    super(backend, type, elements);
    this.address = address;
  }

  private CpuBuffer(CpuBuffer parent, long elements, long address) {
    super(parent, elements);
    this.address = address;
  }

  /** The address of {@code buffer}, or 0 if there is none. */
  static long address(@Nullable Buffer buffer) {
    if (buffer == null) {
      return 0;
    }
    buffer.requireOpen();
    return ((CpuBuffer) buffer).address;
  }

  @Override
  protected Buffer sliceMemory(long offset, long count) {
    return new CpuBuffer(this, count, address + offset * type().bytes());
  }

  @Override
  protected void free() {
    NativeEngine.sequor_free(address);
  }
}
