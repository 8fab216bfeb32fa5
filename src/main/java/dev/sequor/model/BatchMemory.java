package dev.sequor.model;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import java.util.ArrayList;
import java.util.List;

/** The buffers of one batch shape, freed together. */
final class BatchMemory implements AutoCloseable {
  private final Backend backend;
  private final List<Buffer> buffers = new ArrayList<>();

  BatchMemory(Backend backend) {
    this.backend = backend;
  }

  Buffer floats(long elements) {
    return allocate(DType.FLOAT32, elements);
  }

  Buffer integers(long elements) {
    return allocate(DType.INT32, elements);
  }

  private Buffer allocate(DType type, long elements) {
    Buffer buffer = backend.allocate(type, elements);
    buffers.add(buffer);
    return buffer;
  }

  @Override
  public void close() {
    buffers.forEach(Buffer::close);
  }
}
