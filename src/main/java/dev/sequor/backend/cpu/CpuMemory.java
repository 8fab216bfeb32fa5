package dev.sequor.backend.cpu;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Memory;
import org.jspecify.annotations.Nullable;

/** Native memory, 64-byte aligned. */
final class CpuMemory extends Memory {
  private final long address;

  CpuMemory(DType type, long elements, long address) {
    super(type, elements);
    this.address = address;
  }

  private CpuMemory(CpuMemory parent, long offset, long elements) {
    super(parent, offset, elements);
    this.address = parent.address + offset * type().bytes();
  }

  /** The address of {@code memory}, or 0 if there is none. */
  static long address(@Nullable Memory memory) {
    return memory == null ? 0 : ((CpuMemory) memory).address;
  }

  /** The address of {@code buffer}, or 0 if there is none. */
  static long address(@Nullable Buffer buffer) {
    return buffer == null ? 0 : address(buffer.memory());
  }

  @Override
  public CpuMemory slice(long offset, long count) {
    return new CpuMemory(this, offset, count);
  }

  @Override
  public void free() {
    NativeEngine.sequor_free(address);
  }
}
