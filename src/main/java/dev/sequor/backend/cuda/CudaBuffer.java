package dev.sequor.backend.cuda;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import org.jspecify.annotations.Nullable;

/** Device memory of a {@link CudaBackend}. */
final class CudaBuffer extends Buffer {
  private final DeviceMemory.Block block;
  private final long address;

  CudaBuffer(CudaBackend backend, DType type, long elements, DeviceMemory.Block block) {
    super(backend, type, elements);
    this.block = block;
    this.address = block.address();
  }

  private CudaBuffer(CudaBuffer parent, long elements, long address) {
    super(parent, elements);
    this.block = parent.block;
    this.address = address;
  }

  /** The device address of {@code buffer}, or 0 if there is none. */
  static long address(@Nullable Buffer buffer) {
    if (buffer == null) {
      return 0;
    }
    buffer.requireOpen();
    return ((CudaBuffer) buffer).address;
  }

  @Override
  protected Buffer sliceMemory(long offset, long count) {
    return new CudaBuffer(this, count, address + offset * type().bytes());
  }

  @Override
  protected void free() {
    block.close();
  }
}
