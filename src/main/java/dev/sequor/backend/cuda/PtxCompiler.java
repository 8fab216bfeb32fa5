package dev.sequor.backend.cuda;

import dev.sequor.backend.BackendException;
import java.nio.charset.StandardCharsets;
import java.util.Set;
import jcuda.nvptxcompiler.JNvPTXCompiler;
import jcuda.nvptxcompiler.nvPTXCompileResult;
import jcuda.nvptxcompiler.nvPTXCompilerHandle;

/**
 * NVIDIA's PTX compiler as JCuda 12.6 ships it, which is that of CUDA 12.0; needs neither driver
 * nor device.
 */
final class PtxCompiler {
  /** What that compiler knows, from the first that the kernels can use. */
  private static final Set<Integer> KNOWN = Set.of(80, 86, 87, 89, 90);

  private PtxCompiler() {}

  /** Whether it compiles for devices of that compute capability. */
  static boolean knows(int computeCapability) {
    return KNOWN.contains(computeCapability);
  }

  /**
   * Compiles to machine code for one kind of device.
   *
   * @param file where the PTX came from, for messages
   * @throws BackendException with the compiler's words if it fails
   */
  static byte[] compile(String file, String ptx, int computeCapability) {
    CudaLibraries.initialize("jcuda.nvptxcompiler.JNvPTXCompiler");
    byte[] source = ptx.getBytes(StandardCharsets.US_ASCII);
    nvPTXCompilerHandle compiler = new nvPTXCompilerHandle();
    String what = file + ".ptx for sm_" + computeCapability;
    check(JNvPTXCompiler.nvPTXCompilerCreate(compiler, source.length, source), what, "");
    try {
      String[] options = {"--gpu-name=sm_" + computeCapability};
      int result = JNvPTXCompiler.nvPTXCompilerCompile(compiler, options.length, options);
      if (result != nvPTXCompileResult.NVPTXCOMPILE_SUCCESS) {
        check(result, what, ": " + errorLog(compiler));
      }
      long[] size = new long[1];
      check(JNvPTXCompiler.nvPTXCompilerGetCompiledProgramSize(compiler, size), what, "");
      byte[] program = new byte[Math.toIntExact(size[0])];
      check(JNvPTXCompiler.nvPTXCompilerGetCompiledProgram(compiler, program), what, "");
      return program;
    } finally {
      JNvPTXCompiler.nvPTXCompilerDestroy(compiler);
    }
  }

  private static String errorLog(nvPTXCompilerHandle compiler) {
    long[] size = new long[1];
    JNvPTXCompiler.nvPTXCompilerGetErrorLogSize(compiler, size);
    byte[] text = new byte[Math.toIntExact(size[0]) + 1];
    JNvPTXCompiler.nvPTXCompilerGetErrorLog(compiler, text);
    return new String(text, StandardCharsets.US_ASCII).replace('\0', ' ').strip();
  }

  private static void check(int result, String what, String log) {
    if (result != nvPTXCompileResult.NVPTXCOMPILE_SUCCESS) {
      throw new BackendException(
          "compiling " + what + " failed: " + nvPTXCompileResult.stringFor(result) + log);
    }
  }
}
