package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;

import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.Closing;
import java.nio.charset.StandardCharsets;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.jspecify.annotations.Nullable;

/**
 * One device with what a backend needs of it: its context, a main stream, memory and kernels. Used
 * by one thread at a time, which calls {@link #makeCurrent()} first.
 *
 * <p>The context is the device's primary one, which the CUDA runtime uses too, so that other
 * libraries of this process can share the device.
 */
final class CudaDevice implements AutoCloseable {
  /** With CUDA 12.0, drivers began to run whatever compilers of CUDA 12 have made. */
  private static final int OLDEST_DRIVER = 12000;

  /** Ten times the major plus the minor number: from here on there are bfloat16 and TF32. */
  private static final int LEAST_CAPABILITY = 80;

  /** At most a tenth of the free memory, and at most so many bytes, are left alone. */
  private static final long MOST_RESERVE = 1L << 30;

  private final int ordinal;
  private final CudaContext context;
  private final String name;
  private final int computeCapability;
  private final CudaStream stream;
  private final KernelLibrary kernels;
  private final DeviceMemory memory;
  private final Recordings recordings;
  private @Nullable PinnedStaging staging;
  private boolean closed;

  /** Takes over the context. */
  private CudaDevice(int ordinal, CUdevice handle, CudaContext context, BackendSettings settings) {
    this.ordinal = ordinal;
    this.context = context;
    name = modelName(handle);
    makeCurrent();
    String label = "cuda:" + ordinal + " " + name;
    computeCapability = computeCapability(handle);
    kernels = new KernelLibrary(context, label, computeCapability, driverVersion());
    long[] free = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, new long[1]), "cuMemGetInfo");
    memory =
        new DeviceMemory(context, label, memoryBudget(settings, free[0]), settings.cudaCache());
    stream = new CudaStream(context);
    recordings = new Recordings(label, memory, stream);
  }

  /**
   * Opens a device and makes it current for this thread.
   *
   * @throws BackendUnavailableException if there is no such device, or CUDA or the device does not
   *     suffice
   * @throws IllegalArgumentException if a setting of the process is not valid
   */
  static CudaDevice open(int ordinal, BackendSettings settings) {
    int devices = count();
    if (ordinal >= devices) {
      throw new BackendUnavailableException(
          "device 'cuda:"
              + ordinal
              + "' does not exist; this machine has "
              + (devices == 1
                  ? "1 CUDA device, cuda:0"
                  : devices + " CUDA devices, cuda:0 to cuda:" + (devices - 1)));
    }
    CUdevice handle = device(ordinal);
    requireCapability(ordinal, handle);
    CudaLibraries.loadBlas();
    CudaContext context = new CudaContext(handle, "cuda:" + ordinal);
    try {
      return new CudaDevice(ordinal, handle, context, settings);
    } catch (RuntimeException | Error e) {
      Closing.after(e, context::close);
      throw e;
    }
  }

  /**
   * The most that a backend may allocate of what is {@code free}, in bytes. Unless it is set, some
   * is left to what is not counted here: loaded kernels, and the driver's needs.
   */
  static long memoryBudget(BackendSettings settings, long free) {
    return settings.cudaMemoryBytes(free).orElse(free - Math.min(free / 10, MOST_RESERVE));
  }

  /**
   * The number of devices.
   *
   * @throws CudaUnavailableException if there is no driver, no device, or the driver is too old
   */
  static int count() {
    CudaLibraries.loadDriver();
    int version = driverVersion();
    if (version < OLDEST_DRIVER) {
      throw new CudaUnavailableException(
          "the driver is too old: it is for CUDA "
              + CudaErrors.version(version)
              + ", needed "
              + CudaErrors.version(OLDEST_DRIVER)
              + " or newer",
          "update NVIDIA's driver");
    }
    int result = JCudaDriver.cuInit(0);
    int[] devices = new int[1];
    if (result == CUresult.CUDA_SUCCESS) {
      result = JCudaDriver.cuDeviceGetCount(devices);
    }
    if (result == CUresult.CUDA_ERROR_NO_DEVICE
        || (result == CUresult.CUDA_SUCCESS && devices[0] == 0)) {
      throw CudaUnavailableException.withoutDevice(
          "NVIDIA's driver is there (for CUDA "
              + CudaErrors.version(version)
              + ") but finds no device",
          "see nvidia-smi, and what CUDA_VISIBLE_DEVICES is set to",
          null);
    }
    if (result != CUresult.CUDA_SUCCESS) {
      throw new CudaUnavailableException(
          "NVIDIA's driver does not start: " + CudaErrors.describe(result),
          "see nvidia-smi; after an update of the driver, restart the machine");
    }
    return devices[0];
  }

  /** For example "cuda:0 NVIDIA H200", without opening it. */
  static String describe(int ordinal) {
    return "cuda:" + ordinal + " " + modelName(device(ordinal));
  }

  private static int driverVersion() {
    int[] version = new int[1];
    check(JCudaDriver.cuDriverGetVersion(version), "cuDriverGetVersion");
    return version[0];
  }

  private static CUdevice device(int ordinal) {
    CUdevice handle = new CUdevice();
    check(JCudaDriver.cuDeviceGet(handle, ordinal), "cuDeviceGet(" + ordinal + ")");
    return handle;
  }

  private static void requireCapability(int ordinal, CUdevice handle) {
    int capability = computeCapability(handle);
    if (capability < LEAST_CAPABILITY) {
      throw new CudaUnavailableException(
          describe(ordinal)
              + " has compute capability "
              + CudaErrors.capability(capability)
              + "; the kernels need "
              + CudaErrors.capability(LEAST_CAPABILITY)
              + " or newer (Ampere)",
          "use a newer device (CUDA_VISIBLE_DEVICES chooses among several), or the CPU");
    }
  }

  private static int computeCapability(CUdevice handle) {
    return 10 * attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
        + attribute(handle, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  }

  private static String modelName(CUdevice handle) {
    byte[] text = new byte[256];
    check(JCudaDriver.cuDeviceGetName(text, text.length, handle), "cuDeviceGetName");
    int length = 0;
    while (length < text.length && text[length] != 0) {
      length++;
    }
    return new String(text, 0, length, StandardCharsets.UTF_8);
  }

  private static int attribute(CUdevice handle, int attribute) {
    int[] value = new int[1];
    check(
        JCudaDriver.cuDeviceGetAttribute(value, attribute, handle),
        "cuDeviceGetAttribute " + CUdevice_attribute.stringFor(attribute));
    return value[0];
  }

  int ordinal() {
    return ordinal;
  }

  /** For example "NVIDIA H200". */
  String name() {
    return name;
  }

  /** Ten times the major plus the minor number: 90 for an H200. */
  int computeCapability() {
    return computeCapability;
  }

  /** Its context, which calls about another device name. */
  CudaContext context() {
    return context;
  }

  /** Whether its kernels and copies could reach the memory of another, without the host. */
  boolean reaches(CudaDevice other) {
    return reaches(ordinal, other.ordinal);
  }

  /** The same of devices that need not be open. */
  static boolean reaches(int from, int to) {
    int[] can = new int[1];
    check(
        JCudaDriver.cuDeviceCanAccessPeer(can, device(from), device(to)), "cuDeviceCanAccessPeer");
    return can[0] != 0;
  }

  /** Lets this device, which is current, reach the memory of another that it {@link #reaches}. */
  void enableAccessTo(CudaDevice other) {
    int result = JCudaDriver.cuCtxEnablePeerAccess(other.context.handle(), 0);
    if (result != CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED) { // by whoever else uses them
      check(result, "cuCtxEnablePeerAccess of cuda:" + ordinal + " to cuda:" + other.ordinal);
    }
  }

  /** Binds the device's context to this thread; needed before anything else is done with it. */
  void makeCurrent() {
    if (closed) {
      throw new IllegalStateException(name + " is used after close");
    }
    context.makeCurrent();
  }

  DeviceMemory memory() {
    return memory;
  }

  /** What was recorded of its work. */
  Recordings recordings() {
    return recordings;
  }

  KernelLibrary kernels() {
    return kernels;
  }

  /** The main stream. */
  CudaStream stream() {
    return stream;
  }

  /** One more stream, for the caller to close. */
  CudaStream newStream() {
    makeCurrent();
    return new CudaStream(context);
  }

  /** An event, for the caller to close. */
  CudaEvent newEvent() {
    makeCurrent();
    return new CudaEvent(context);
  }

  /** Copies to and from the host; made when first asked for. */
  PinnedStaging staging() {
    if (staging == null) {
      makeCurrent();
      staging = new PinnedStaging(context);
    }
    return staging;
  }

  /** Waits for the main stream and gives everything back. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    Closing closing = new Closing().then(this::makeCurrent);
    closed = true;
    closing.then(stream::synchronize);
    if (staging != null) {
      closing.then(staging::close);
    }
    closing.then(memory::close);
    closing.then(kernels::close);
    closing.then(stream::close);
    closing.then(context::close);
    closing.end();
  }
}
