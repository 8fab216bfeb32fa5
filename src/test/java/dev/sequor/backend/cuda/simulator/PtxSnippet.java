package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuLaunchKernel;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuModuleGetFunction;
import static jcuda.driver.JCudaDriver.cuModuleLoadData;
import static jcuda.driver.JCudaDriver.cuModuleUnload;

import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;

/** A little PTX, loaded to be interpreted and launched on words of 64 bits. */
final class PtxSnippet implements AutoCloseable {
  /** What a register holds. */
  enum Kind {
    PRED(1, "b32"),
    B16(2, "b16"),
    B32(4, "b32"),
    B64(8, "b64"),
    F32(4, "f32"),
    F64(8, "f64");

    final int bytes;
    private final String stored;

    Kind(int bytes, String stored) {
      this.bytes = bytes;
      this.stored = stored;
    }

    String type() {
      return "." + name().toLowerCase(Locale.ROOT);
    }

    long mask() {
      return this == PRED ? 1 : bytes == 8 ? -1L : (1L << (8 * bytes)) - 1;
    }
  }

  static final int OPERANDS = 4;
  private static final List<String> NAMES = List.of("%a", "%b", "%c", "%m");
  private static final String HEADER = ".version 8.0\n.target sm_80\n.address_size 64\n";

  private final CUmodule module = new CUmodule();
  private final CUfunction function = new CUfunction();

  private PtxSnippet(SimulatorControl control, String text) {
    RawCuda.require(load(control, text, module));
    RawCuda.require(cuModuleGetFunction(function, module, "test"));
  }

  /** Loads a module whose text follows the header; returns the driver's code. */
  static int load(SimulatorControl control, String text, CUmodule module) {
    long before = control.get(Field.INTERPRET);
    control.set(Field.INTERPRET, 1);
    try {
      return cuModuleLoadData(module, (HEADER + text + "\0").getBytes(StandardCharsets.US_ASCII));
    } finally {
      control.set(Field.INTERPRET, before);
    }
  }

  /** Of a whole module, but for its header; its kernel has the name that is launched. */
  static PtxSnippet ofModule(SimulatorControl control, String text) {
    return new PtxSnippet(control, text);
  }

  /**
   * A kernel whose thread number i, alone in memory, finds its four words at {@code %in}, writes
   * its two at {@code %out} and does what the body says.
   */
  static PtxSnippet ofBody(SimulatorControl control, String body) {
    return new PtxSnippet(control, kernel(body));
  }

  static String kernel(String body) {
    return """
        .visible .entry test(.param .u64 test_in, .param .u64 test_out)
        {
          .reg .b32 %x<4>;
          .reg .b64 %in, %out, %o;
          mov.u32 %x0, %ctaid.x;
          mov.u32 %x1, %ntid.x;
          mov.u32 %x2, %tid.x;
          mad.lo.s32 %x3, %x0, %x1, %x2;
          ld.param.u64 %in, [test_in];
          ld.param.u64 %out, [test_out];
          mul.wide.u32 %o, %x3, 32;
          add.s64 %in, %in, %o;
          mul.wide.u32 %o, %x3, 16;
          add.s64 %out, %out, %o;
        """
        + body
        + "  ret;\n}\n";
  }

  /** One instruction of registers %a, %b … that writes %d, and %e if there is a second result. */
  static PtxSnippet ofInstruction(
      SimulatorControl control,
      String instruction,
      Kind result,
      boolean second,
      List<Kind> operands) {
    StringBuilder body = new StringBuilder();
    body.append("  .reg ")
        .append(result.type())
        .append(" %d;\n  .reg .pred %e;\n  .reg .b32 %t;\n");
    for (int k = 0; k < operands.size(); k++) {
      body.append("  .reg ")
          .append(operands.get(k).type())
          .append(' ')
          .append(NAMES.get(k))
          .append(";\n");
      if (operands.get(k) == Kind.PRED) {
        body.append("  ld.global.u32 %t, [%in+").append(8 * k).append("];\n");
        body.append("  setp.ne.s32 ").append(NAMES.get(k)).append(", %t, 0;\n");
      } else {
        body.append("  ld.global.").append(operands.get(k).stored).append(' ').append(NAMES.get(k));
        body.append(", [%in+").append(8 * k).append("];\n");
      }
    }
    body.append("  ").append(instruction).append(";\n");
    if (result == Kind.PRED) {
      body.append("  selp.b32 %t, 1, 0, %d;\n  st.global.b32 [%out], %t;\n");
    } else {
      body.append("  st.global.").append(result.stored).append(" [%out], %d;\n");
    }
    if (second) {
      body.append("  selp.b32 %t, 1, 0, %e;\n  st.global.b32 [%out+8], %t;\n");
    }
    return ofBody(control, body.toString());
  }

  /** Runs a thread for each row of four words; the rows of two that they write. */
  long[] run(long[] in) {
    int threads = in.length / OPERANDS;
    CUdeviceptr from = new CUdeviceptr();
    CUdeviceptr to = new CUdeviceptr();
    RawCuda.require(cuMemAlloc(from, in.length * (long) Long.BYTES));
    RawCuda.require(cuMemAlloc(to, threads * 2L * Long.BYTES));
    RawCuda.require(cuMemcpyHtoD(from, Pointer.to(in), in.length * (long) Long.BYTES));
    long[] out = new long[2 * threads];
    RawCuda.require(cuMemcpyHtoD(to, Pointer.to(out), out.length * (long) Long.BYTES));
    int block = Math.min(threads, 64);
    if (threads % block != 0) {
      throw new IllegalArgumentException(threads + " threads are no multiple of " + block);
    }
    RawCuda.require(launch(threads / block, block, 0, from, to));
    RawCuda.require(cuCtxSynchronize());
    RawCuda.read(to, out.length * Long.BYTES).asLongBuffer().get(out);
    RawCuda.require(cuMemFree(from));
    RawCuda.require(cuMemFree(to));
    return out;
  }

  /** Launches; returns the driver's code. */
  int launch(int blocks, int threads, int sharedBytes, CUdeviceptr... arguments) {
    Pointer[] all = Arrays.stream(arguments).map(Pointer::to).toArray(Pointer[]::new);
    return cuLaunchKernel(
        function, blocks, 1, 1, threads, 1, 1, sharedBytes, null, Pointer.to(all), null);
  }

  /** After a failure the context refuses this, and takes the module with it. */
  @Override
  public void close() {
    cuModuleUnload(module);
  }
}
