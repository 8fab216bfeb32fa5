package dev.sequor.backend.cuda;

import java.nio.ByteBuffer;
import jcuda.Pointer;

/**
 * The arguments of one kernel launch, in the order of the kernel's parameters. Reusable: the driver
 * has copied them when {@link CudaKernel#launch} returns.
 *
 * <p>The driver wants an array of addresses, one per argument. JCuda would build it anew from
 * nested pointers at every launch; here it lies ready in native memory, each entry pointing to an
 * 8-byte slot, and setting an argument is one store.
 */
final class KernelArguments implements AutoCloseable {
  /** No kernel has more parameters. */
  static final int CAPACITY = 64;

  private static final int SLOT = Long.BYTES;

  private final HostPointer memory;
  private final ByteBuffer slots;
  private final Pointer table;
  private final byte[] types = new byte[CAPACITY];
  private int count;

  /** Makes an empty list in the context, which is current. */
  KernelArguments(CudaContext context) {
    memory = new HostPointer(context, 2 * CAPACITY * SLOT, "kernel arguments");
    slots = memory.bytes();
    for (int i = 0; i < CAPACITY; i++) {
      slots.putLong(i * SLOT, memory.address() + (CAPACITY + i) * (long) SLOT);
    }
    table = memory;
  }

  /** Forgets all arguments. */
  KernelArguments reset() {
    count = 0;
    return this;
  }

  /** A device address; 0 for null. */
  KernelArguments pointer(long address) {
    return int64(address);
  }

  KernelArguments int32(int value) {
    slots.putInt(next(KernelSignature.INT32), value);
    return this;
  }

  KernelArguments int64(long value) {
    slots.putLong(next(KernelSignature.INT64), value);
    return this;
  }

  KernelArguments float32(float value) {
    slots.putFloat(next(KernelSignature.FLOAT32), value);
    return this;
  }

  private int next(byte type) {
    if (count == CAPACITY) {
      throw new IllegalStateException("a kernel launch has at most " + CAPACITY + " arguments");
    }
    types[count] = type;
    return (CAPACITY + count++) * SLOT;
  }

  /** The number of arguments set. */
  int count() {
    return count;
  }

  /** Whether they are of the types of that signature's parameters, one for each. */
  boolean fit(KernelSignature signature) {
    return signature.accepts(types, count);
  }

  /** Their types, as {@link KernelSignature} writes them. */
  String types() {
    return KernelSignature.describe(types, count);
  }

  /** What {@code cuLaunchKernel} takes as {@code kernelParams}. */
  Pointer table() {
    return table;
  }

  @Override
  public void close() {
    memory.close();
  }
}
