package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuModuleGetGlobal;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static jcuda.driver.JCudaDriver.cuModuleUnload;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUmodule;

/**
 * The window through which tests watch and steer one simulated device. Reading it waits for nothing
 * and counts as no driver call; it works after a failure too. {@code native/simulator/control.h}
 * says what the fields are.
 */
public final class SimulatorControl {
  /** A 64-bit field and its offset in bytes. */
  public enum Field {
    VERSION(0),
    /** Of the whole process; writing it starts all choices anew. */
    SEED(8),
    /** The n-th allocation from now fails, of page-locked memory and of graphs too; 0: none. */
    FAIL_ALLOCATION(16),
    ALLOCATIONS(24),
    LIVE_BYTES(32),
    /** Writing it starts anew from the live bytes. */
    PEAK_BYTES(40),
    /** Of the whole process. */
    DRIVER_CALLS(48),
    /** Kernels that have run, those of graphs too. */
    KERNEL_LAUNCHES(56),
    GRAPH_LAUNCHES(64),
    /** Matrix products that have run; a batch counts as one. */
    GEMMS(72),
    /** Copies and fills that have run. */
    COPIES(80),
    /** 1 if the simulator was built for AddressSanitizer, 2 if with -fsanitize=undefined. */
    SANITIZED(88),
    /** Page-locked memory of the device's primary context. */
    HOST_BYTES(96),
    /** Of the live bytes, those of executable graphs. */
    GRAPH_BYTES(104),
    /** What a node of a graph takes from now on. */
    GRAPH_NODE_BYTES(112),
    /** Nodes of the largest executable graph since this was written. */
    GRAPH_NODES(120),
    /** Of the primary context: streams, events, modules, executable graphs, those of cuBLAS. */
    HANDLES(128),
    /** 1: modules loaded from now on are run as their PTX says; 0: as g++ has compiled them. */
    INTERPRET(136),
    /** The n-th piece of work queued from now is refused, and no harm done; 0: none. */
    REFUSE_WORK(144),
    /** The n-th step of work that runs from now fails, and the context with it; 0: none. */
    FAIL_WORK(152),
    /** The {@code CUresult} that both fail with. */
    FAILURE_CODE(160);

    private final long offset;

    Field(long offset) {
      this.offset = offset;
    }
  }

  private static final long ERROR_OFFSET = 168;
  private static final int ERROR_BYTES = 2048;
  private static final byte[] EMPTY_PTX =
      "// no code\n.version 7.0\n.target sm_80\n.address_size 64\n\0"
          .getBytes(StandardCharsets.US_ASCII);

  private final CUdeviceptr address = new CUdeviceptr();

  /**
   * All kernels that the simulator holds, the tests' own too, with the types of their parameters as
   * g++ compiled them, in PTX's words.
   */
  static Map<String, String> kernels() {
    CUmodule module = new CUmodule();
    RawCuda.require(cuModuleLoadData(module, EMPTY_PTX));
    CUdeviceptr list = new CUdeviceptr();
    long[] bytes = new long[1];
    RawCuda.require(cuModuleGetGlobal(list, bytes, module, "sequor_simulator_kernels"));
    byte[] text = new byte[(int) bytes[0]];
    RawCuda.read(list, text.length).get(text);
    RawCuda.require(cuModuleUnload(module));
    Map<String, String> kernels = new TreeMap<>();
    for (String line : new String(text, StandardCharsets.US_ASCII).lines().toList()) {
      String[] nameAndTypes = (line + " ").split(" ", 2);
      kernels.put(nameAndTypes[0], nameAndTypes[1].trim());
    }
    return kernels;
  }

  private SimulatorControl(CUmodule module) {
    RawCuda.require(cuModuleGetGlobal(address, new long[1], module, "sequor_simulator"));
  }

  /** Whether the CUDA devices of these tests are the simulator's. */
  public static boolean isThere() {
    return RawCuda.simulated();
  }

  /**
   * The controls of the device of the calling thread's current context, for as long as the process
   * runs.
   */
  public static SimulatorControl ofCurrentDevice() {
    CUmodule module = new CUmodule();
    RawCuda.require(cuModuleLoadData(module, EMPTY_PTX));
    try {
      return new SimulatorControl(module);
    } finally {
      RawCuda.require(cuModuleUnload(module));
    }
  }

  /** The controls of the device of a number, for as long as the process runs. */
  public static SimulatorControl of(int ordinal) {
    try (RawCuda cuda = new RawCuda(ordinal)) {
      cuda.makeCurrent();
      return ofCurrentDevice();
    }
  }

  public long get(Field field) {
    return RawCuda.read(at(field), Long.BYTES).getLong();
  }

  /** What the device holds: memory, page-locked memory, handles. */
  public List<Long> held() {
    return List.of(get(Field.LIVE_BYTES), get(Field.HOST_BYTES), get(Field.HANDLES));
  }

  public void set(Field field, long value) {
    RawCuda.require(cuMemcpyHtoD(at(field), Pointer.to(new long[] {value}), Long.BYTES));
  }

  /** The text of the device's last error; empty before the first. */
  public String lastError() {
    byte[] text = new byte[ERROR_BYTES];
    RawCuda.read(address.withByteOffset(ERROR_OFFSET), ERROR_BYTES).get(text);
    int end = 0;
    while (text[end] != 0) {
      end++;
    }
    return new String(Arrays.copyOf(text, end), StandardCharsets.UTF_8);
  }

  private CUdeviceptr at(Field field) {
    return address.withByteOffset(field.offset);
  }
}
