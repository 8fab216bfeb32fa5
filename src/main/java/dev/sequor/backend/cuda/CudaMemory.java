package dev.sequor.backend.cuda;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Memory;
import org.jspecify.annotations.Nullable;

/** Device memory of a {@link CudaEngine}. */
final class CudaMemory extends Memory {
  private final DeviceMemory.Block block;
  private final long address;

  CudaMemory(DType type, long elements, DeviceMemory.Block block) {
    super(type, elements);
    this.block = block;
    this.address = block.address();
  }

  private CudaMemory(CudaMemory parent, long offset, long elements) {
    super(parent, offset, elements);
    this.block = parent.block;
    this.address = parent.address + offset * type().bytes();
  }

  /** The device address of {@code memory}, or 0 if there is none. */
  static long address(@Nullable Memory memory) {
    return memory == null ? 0 : ((CudaMemory) memory).address;
  }

  /** The device address of {@code buffer}, or 0 if there is none. */
  static long address(@Nullable Buffer buffer) {
    return buffer == null ? 0 : address(buffer.memory());
  }

  @Override
  public CudaMemory slice(long offset, long count) {
    return new CudaMemory(this, offset, count);
  }

  @Override
  public void free() {
    block.close();
  }
}
