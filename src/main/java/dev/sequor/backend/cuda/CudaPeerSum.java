package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import dev.sequor.backend.Closing;
import dev.sequor.backend.Engine;
import dev.sequor.backend.Memory;
import dev.sequor.backend.PeerSum;
import java.util.ArrayList;
import java.util.List;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * One GPU's side of a sum over GPUs that reach each other's memory. It copies the others' values of
 * its slice beside its own and adds them up by a kernel ({@code kernels/replicas.cu}), in the order
 * of the devices; then it copies the slices that the others have added up. So each link carries
 * {@code 2·(N−1)/N} of the values, whatever N is. Who waits for whom is said by events, so the host
 * waits for nothing.
 */
final class CudaPeerSum implements PeerSum, AutoCloseable {
  private final CudaEngine engine;
  private final CudaDevice device;
  private final int self;
  private final int devices;

  /** What the others wait for: this device's values, its sum, and that it has all slices. */
  private final CudaEvent offered;

  private final CudaEvent reduced;
  private final CudaEvent gathered;

  /** The others' values of this device's slice. */
  private DeviceMemory.@Nullable Block copies;

  private long values;
  private long elements;

  private CudaPeerSum(CudaEngine engine, int self, int devices) {
    this.engine = engine;
    this.device = engine.device();
    this.self = self;
    this.devices = devices;
    List<CudaEvent> events = new ArrayList<>();
    try {
      for (int i = 0; i < 3; i++) {
        events.add(device.newEvent());
      }
    } catch (RuntimeException | Error e) {
      events.forEach(event -> Closing.after(e, event::close));
      throw e;
    }
    this.offered = events.get(0);
    this.reduced = events.get(1);
    this.gathered = events.get(2);
  }

  /** This device's side, or null if it does not reach all others. */
  static @Nullable CudaPeerSum of(CudaEngine engine, List<Engine> all, int self) {
    List<CudaDevice> others = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      if (i == self) {
        continue;
      }
      if (!(all.get(i) instanceof CudaEngine other) || !engine.device().reaches(other.device())) {
        return null;
      }
      others.add(other.device());
    }
    engine.device().makeCurrent();
    others.forEach(other -> engine.device().enableAccessTo(other));
    return new CudaPeerSum(engine, self, all.size());
  }

  private long first(int slice) {
    return elements * slice / devices;
  }

  private long count(int slice) {
    return first(slice + 1) - first(slice);
  }

  @Override
  public void begin(Memory memory) {
    WorkQueue main = engine.queue();
    values = CudaMemory.address(memory);
    elements = memory.elements();
    long bytes = (devices - 1) * count(self) * Float.BYTES;
    DeviceMemory.Block known = copies;
    if (known == null || known.bytes() < bytes) {
      if (known != null) {
        copies = null;
        known.close();
      }
      copies = device.memory().allocate(bytes, "gradients of the other devices");
    }
    main.stream().record(offered);
  }

  @Override
  public void reduce(List<PeerSum> all) {
    WorkQueue main = engine.queue();
    long mine = values + first(self) * Float.BYTES;
    long count = count(self);
    long to = copies == null ? 0 : copies.address();
    for (int i = 0; i < devices; i++) {
      if (i == self) {
        continue;
      }
      CudaPeerSum other = (CudaPeerSum) all.get(i);
      main.stream().waitFor(other.offered);
      copy(other, other.values + first(self) * Float.BYTES, to, count);
      to += count * Float.BYTES;
    }
    if (count > 0) {
      main.arguments()
          .int64(count)
          .int32(self)
          .int32(devices - 1 - self)
          .pointer(copies == null ? 0 : copies.address())
          .pointer(mine);
      main.launch(main.kernel("add_replicas"), count);
    }
    main.stream().record(reduced);
  }

  @Override
  public void gather(List<PeerSum> all) {
    WorkQueue main = engine.queue();
    for (int i = 0; i < devices; i++) {
      if (i == self) {
        continue;
      }
      CudaPeerSum other = (CudaPeerSum) all.get(i);
      // The other has read this device's values of its slice before it has their sum.
      main.stream().waitFor(other.reduced);
      long slice = first(i) * Float.BYTES;
      copy(other, other.values + slice, values + slice, count(i));
    }
    main.stream().record(gathered);
  }

  @Override
  public void end(List<PeerSum> all) {
    WorkQueue main = engine.queue();
    for (int i = 0; i < devices; i++) {
      if (i != self) {
        main.stream().waitFor(((CudaPeerSum) all.get(i)).gathered);
      }
    }
  }

  /** Queues a copy from another device to this one. */
  private void copy(CudaPeerSum other, long from, long to, long count) {
    int result =
        JCudaDriver.cuMemcpyPeerAsync(
            DevicePointer.of(to),
            device.context().handle(),
            DevicePointer.of(from),
            other.device.context().handle(),
            count * Float.BYTES,
            device.stream().handle());
    if (result != CUresult.CUDA_SUCCESS) {
      check(
          result, "copying " + count * Float.BYTES + " bytes from cuda:" + other.device.ordinal());
    }
  }

  @Override
  public void close() {
    Closing closing = new Closing().then(offered::close).then(reduced::close).then(gathered::close);
    DeviceMemory.Block known = copies;
    copies = null;
    if (known != null) {
      closing.then(known::close);
    }
    closing.end();
  }
}
