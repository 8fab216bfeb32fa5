package dev.sequor.backend.cpu;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Memory;
import java.nio.FloatBuffer;
import org.bytedeco.javacpp.Pointer;
import org.jspecify.annotations.Nullable;

/** Native memory, 64-byte aligned. */
final class CpuMemory extends Memory {
  private final long address;
  private @Nullable FloatBuffer floats;

  CpuMemory(DType type, long elements, long address) {
    super(type, elements);
    this.address = address;
  }

  private CpuMemory(CpuMemory parent, long offset, long elements) {
    super(parent, offset, elements);
    this.address = parent.address + offset * type().bytes();
  }

  /** FLOAT32 elements as a direct buffer; null if there are none, or too many for one. */
  @Nullable FloatBuffer floats() {
    long bytes = elements() * type().bytes();
    if (bytes == 0 || bytes > Integer.MAX_VALUE) {
      return null;
    }
    FloatBuffer known = floats;
    if (known == null) {
      known = new Bytes(address, bytes).asByteBuffer().asFloatBuffer();
      floats = known;
    }
    return known.clear();
  }

  /** Bytes that are somebody else's to free. */
  private static final class Bytes extends Pointer {
    Bytes(long address, long count) {
      this.address = address;
      this.limit = count;
      this.capacity = count;
    }

    @Override
    public int sizeof() {
      return 1;
    }
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
