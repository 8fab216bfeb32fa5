package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.Closing;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;

/** One stream, and what fills it: kernel launches, matrix products, copies. */
final class WorkQueue implements AutoCloseable {
  /** Threads per block of every kernel that does not say otherwise. */
  static final int BLOCK = 128;

  private static final long LARGEST_GRID = Integer.MAX_VALUE;

  private final CudaDevice device;
  private final CudaStream stream;
  private final boolean ownsStream;
  private final Products products;
  private final KernelArguments arguments;

  private WorkQueue(CudaDevice device, CudaStream stream, boolean ownsStream, MathMode mode) {
    this.device = device;
    this.stream = stream;
    this.ownsStream = ownsStream;
    this.products = new Products(device, stream, mode);
    try {
      this.arguments = new KernelArguments(stream.context());
    } catch (RuntimeException | Error e) {
      Closing.after(e, products::close);
      throw e;
    }
  }

  /** The device's main stream. */
  static WorkQueue main(CudaDevice device, MathMode mode) {
    return new WorkQueue(device, device.stream(), false, mode);
  }

  /** A stream beside it. */
  static WorkQueue beside(CudaDevice device, MathMode mode) {
    CudaStream stream = device.newStream();
    try {
      return new WorkQueue(device, stream, true, mode);
    } catch (RuntimeException | Error e) {
      Closing.after(e, stream::close);
      throw e;
    }
  }

  CudaStream stream() {
    return stream;
  }

  Products products() {
    return products;
  }

  /** What records work of the device. */
  Recorder recorder() {
    return device.recordings().recorder();
  }

  CudaKernel kernel(String name) {
    return device.kernels().kernel(name);
  }

  /** An empty list, to be filled and launched before the next is asked for. */
  KernelArguments arguments() {
    return arguments.reset();
  }

  /** Queues {@code kernel} with the current {@link #arguments()} and at least that many threads. */
  void launch(CudaKernel kernel, long threads) {
    long blocks = (threads + BLOCK - 1) / BLOCK;
    if (blocks > LARGEST_GRID) {
      throw new BackendException(
          "kernel " + kernel.name() + " needs " + threads + " threads, more than a grid holds");
    }
    if (blocks > 0) {
      launch(kernel, (int) blocks, 1, BLOCK);
    }
  }

  /** Queues {@code kernel} with the current {@link #arguments()}. */
  void launch(CudaKernel kernel, int gridX, int gridY, int block) {
    kernel.launch(stream, gridX, gridY, block, arguments);
  }

  /** Queues setting {@code words} 32-bit words. */
  void fill(long address, int bits, long words) {
    int result =
        JCudaDriver.cuMemsetD32Async(DevicePointer.of(address), bits, words, stream.handle());
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, "setting " + words + " words of device memory");
    }
  }

  /** Queues a copy within the device. */
  void copy(long from, long to, long bytes) {
    int result =
        JCudaDriver.cuMemcpyDtoDAsync(
            DevicePointer.of(to), DevicePointer.of(from), bytes, stream.handle());
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, "copying " + bytes + " bytes within the device");
    }
  }

  @Override
  public void close() {
    Closing closing =
        new Closing()
            .then(stream.context()::makeCurrent)
            .then(stream::synchronize)
            .then(products::close)
            .then(arguments::close);
    if (ownsStream) {
      closing.then(stream::close);
    }
    closing.end();
  }
}
