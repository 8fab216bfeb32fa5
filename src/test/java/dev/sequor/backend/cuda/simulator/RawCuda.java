package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxCreate;
import static jcuda.driver.JCudaDriver.cuCtxDestroy;
import static jcuda.driver.JCudaDriver.cuCtxSetCurrent;
import static jcuda.driver.JCudaDriver.cuDeviceGet;
import static jcuda.driver.JCudaDriver.cuInit;
import static jcuda.driver.JCudaDriver.cuLaunchCooperativeKernel;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoH;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import jcuda.Pointer;
import jcuda.driver.CUcontext;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import org.jspecify.annotations.Nullable;

/**
 * A context of its own on a simulated device, and the driver calls that every test makes, without
 * the product's classes.
 */
final class RawCuda implements AutoCloseable {
  /** What a launch runs on: blocks along x, threads along x, bytes of shared memory. */
  record Shape(int blocks, int threads, int sharedBytes) {
    static Shape of(int blocks, int threads) {
      return new Shape(blocks, threads, 0);
    }
  }

  private static final String EMPTY_PTX = "//\n.version 7.0\n.target sm_80\n.address_size 64\n\0";
  private static final boolean SIMULATED = findSimulator();

  private final CUcontext context = new CUcontext();
  private final CUmodule module = new CUmodule();

  RawCuda(int ordinal) {
    CUdevice device = new CUdevice();
    require(cuDeviceGet(device, ordinal));
    require(cuCtxCreate(context, 0, device));
    require(cuModuleLoadData(module, EMPTY_PTX.getBytes(StandardCharsets.US_ASCII)));
  }

  /** Whether the tests' loader finds the simulator, and not some other driver or none. */
  static boolean simulated() {
    return SIMULATED;
  }

  private static boolean findSimulator() {
    String folders = System.getenv("LD_LIBRARY_PATH");
    if (folders == null) {
      return false;
    }
    Path library = Path.of(folders.split(":", -1)[0], "libcuda.so.1");
    if (!Files.exists(library)) {
      return false;
    }
    loadBindings();
    require(cuInit(0));
    // Not by the device's name: JCuda hands back an empty one under -Xcheck:jni.
    return has(library, "sequor_simulator");
  }

  private static boolean has(Path library, String symbol) {
    try {
      return new String(Files.readAllBytes(library), StandardCharsets.ISO_8859_1).contains(symbol);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** JCuda unpacks its native libraries under fixed names; another process must not find these. */
  private static void loadBindings() {
    String before = System.getProperty("java.io.tmpdir", "/tmp");
    try {
      Path folder = Files.createTempDirectory("sequor-simulator-test");
      System.setProperty("java.io.tmpdir", folder.toString());
      Class.forName("jcuda.driver.JCudaDriver");
      Class.forName("jcuda.jcublas.JCublas2");
      try (var files = Files.list(folder)) {
        for (Path file : files.toList()) {
          Files.delete(file); // the loader has mapped it
        }
      }
      Files.delete(folder);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (ClassNotFoundException e) {
      throw new LinkageError("JCuda", e);
    } finally {
      System.setProperty("java.io.tmpdir", before);
    }
  }

  static void require(int result) {
    if (result != CUresult.CUDA_SUCCESS) {
      throw new IllegalStateException(CUresult.stringFor(result));
    }
  }

  CUcontext context() {
    return context;
  }

  void makeCurrent() {
    require(cuCtxSetCurrent(context));
  }

  CUdeviceptr allocate(long bytes) {
    CUdeviceptr pointer = new CUdeviceptr();
    require(cuMemAlloc(pointer, bytes));
    return pointer;
  }

  CUdeviceptr upload(float... values) {
    CUdeviceptr pointer = allocate(values.length * (long) Float.BYTES);
    require(cuMemcpyHtoD(pointer, Pointer.to(values), values.length * (long) Float.BYTES));
    return pointer;
  }

  float[] download(CUdeviceptr pointer, int count) {
    float[] values = new float[count];
    read(pointer, count * Float.BYTES).asFloatBuffer().get(values);
    return values;
  }

  /**
   * What is there. Into a direct buffer: what JCuda copies to Java's arrays is lost on a JVM that
   * gives it copies of them, as with -Xcheck:jni.
   */
  static ByteBuffer read(CUdeviceptr from, int bytes) {
    ByteBuffer buffer = ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
    require(cuMemcpyDtoH(Pointer.to(buffer), from, bytes));
    return buffer;
  }

  CUfunction function(String name) {
    CUfunction function = new CUfunction();
    require(cuModuleGetFunction(function, module, name));
    return function;
  }

  /**
   * Launches a kernel with the arguments as they are: pointers, int, long, float. Returns the
   * driver's code.
   */
  int launch(String kernel, Shape shape, @Nullable CUstream stream, Object... arguments) {
    return cuLaunchKernel(
        function(kernel),
        shape.blocks,
        1,
        1,
        shape.threads,
        1,
        1,
        shape.sharedBytes,
        stream,
        pack(arguments),
        null);
  }

  int launchCooperative(String kernel, Shape shape, Object... arguments) {
    return cuLaunchCooperativeKernel(
        function(kernel),
        shape.blocks,
        1,
        1,
        shape.threads,
        1,
        1,
        shape.sharedBytes,
        null,
        pack(arguments));
  }

  private static Pointer pack(Object... arguments) {
    Pointer[] all = new Pointer[arguments.length];
    for (int i = 0; i < all.length; i++) {
      Object a = arguments[i];
      if (a instanceof CUdeviceptr pointer) {
        all[i] = Pointer.to(pointer);
      } else if (a instanceof Integer number) {
        all[i] = Pointer.to(new int[] {number});
      } else if (a instanceof Long number) {
        all[i] = Pointer.to(new long[] {number});
      } else if (a instanceof Float number) {
        all[i] = Pointer.to(new float[] {number});
      } else {
        throw new IllegalArgumentException("argument " + i + " is a " + a.getClass());
      }
    }
    return Pointer.to(all);
  }

  @Override
  public void close() {
    require(cuCtxDestroy(context));
  }
}
