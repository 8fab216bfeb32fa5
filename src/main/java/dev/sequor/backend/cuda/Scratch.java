package dev.sequor.backend.cuda;

import java.util.ArrayList;
import java.util.List;

/**
 * Memory for what lasts no longer than one call; work of one stream shares it, since one call
 * follows the other. Grows by doubling; what it has outgrown is kept until the end, because
 * recorded work may still refer to it.
 */
final class Scratch implements AutoCloseable {
  private static final long LEAST_BYTES = 64 << 10;

  private final DeviceMemory memory;
  private final List<DeviceMemory.Block> blocks = new ArrayList<>();

  Scratch(DeviceMemory memory) {
    this.memory = memory;
  }

  /** The address of at least that many bytes, whose contents are arbitrary. */
  long address(long bytes) {
    if (blocks.isEmpty() || newest().bytes() < bytes) {
      long grown = blocks.isEmpty() ? LEAST_BYTES : 2 * newest().bytes();
      blocks.add(memory.allocate(Math.max(bytes, grown), "scratch"));
    }
    return newest().address();
  }

  private DeviceMemory.Block newest() {
    return blocks.get(blocks.size() - 1);
  }

  @Override
  public void close() {
    blocks.forEach(DeviceMemory.Block::close);
    blocks.clear();
  }
}
