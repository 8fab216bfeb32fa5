package dev.sequor.backend.cuda;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import jcuda.Pointer;

/**
 * Copies of Java's bytes for NVIDIA's libraries to read. A Java array would be locked for as long
 * as the call takes, and the garbage collector of the whole process would wait for it.
 */
final class NativeBytes {
  private NativeBytes() {}

  /** A copy, which lives as long as the pointer. */
  static Pointer of(byte... bytes) {
    return Pointer.toBuffer(ByteBuffer.allocateDirect(bytes.length).put(bytes).flip());
  }

  /** A float, which lives as long as the pointer. */
  static Pointer of(float value) {
    ByteBuffer bytes = ByteBuffer.allocateDirect(Float.BYTES).order(ByteOrder.nativeOrder());
    return Pointer.toBuffer(bytes.putFloat(0, value));
  }
}
