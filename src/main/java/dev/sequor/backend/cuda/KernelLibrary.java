package dev.sequor.backend.cuda;

import static dev.sequor.backend.cuda.CudaErrors.check;
import static dev.sequor.backend.cuda.CudaErrors.failure;

import dev.sequor.backend.BackendException;
import dev.sequor.backend.Closing;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import jcuda.Pointer;
import jcuda.driver.CUfunction;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The kernels of this build in the context of one device. Machine code that was compiled ahead of
 * time is used where it fits; elsewhere the kernels' PTX is compiled when first needed, by JCuda's
 * compiler if it knows the device, else by the driver.
 */
final class KernelLibrary implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(KernelLibrary.class);

  private final CudaContext context;
  private final String device;
  private final int computeCapability;
  private final KernelCatalog catalog = KernelCatalog.read();
  private final boolean compiledAheadOfTime;
  private final Map<String, CUmodule> modules = new HashMap<>();
  private final Map<String, CudaKernel> kernels = new HashMap<>();
  private boolean closed;

  /**
   * Loads nothing yet.
   *
   * @param context what kernels are loaded into; it is current then
   * @param device its name, for messages
   * @param computeCapability ten times the major plus the minor number
   * @param driverVersion as {@code cuDriverGetVersion} gives it: 12060 for 12.6
   */
  KernelLibrary(CudaContext context, String device, int computeCapability, int driverVersion) {
    this.context = context;
    this.device = device;
    this.computeCapability = computeCapability;
    // A driver runs what compilers of its own major version, or an older one, have made.
    boolean driverFits = driverVersion / 1000 >= catalog.compilerMajor();
    boolean deviceFits = catalog.fits(computeCapability);
    compiledAheadOfTime = driverFits && deviceFits;
    if (!compiledAheadOfTime) {
      LOG.info(
          "{}: {}; its PTX is compiled when first needed, by {}",
          device,
          deviceFits
              ? "the kernels' machine code needs a driver for CUDA "
                  + catalog.compilerMajor()
                  + ", this one is for "
                  + CudaErrors.version(driverVersion)
              : "there is no machine code of the kernels for compute capability "
                  + CudaErrors.capability(computeCapability),
          PtxCompiler.knows(computeCapability) ? "JCuda's PTX compiler" : "the driver");
    }
  }

  /**
   * The kernel of that name. Its file is loaded when the first of its kernels is asked for, which
   * must not be while a graph is captured.
   *
   * @throws BackendException if this build has no such kernel, or it cannot be loaded
   */
  CudaKernel kernel(String name) {
    if (closed) {
      throw new IllegalStateException("kernel " + name + " is asked for after close");
    }
    CudaKernel kernel = kernels.get(name);
    if (kernel == null) {
      kernel = find(name);
      kernels.put(name, kernel);
    }
    return kernel;
  }

  private CudaKernel find(String name) {
    String file = catalog.files().get(name);
    if (file == null) {
      throw new BackendException(
          "there is no kernel '"
              + name
              + "' among the "
              + catalog.files().size()
              + " of this build");
    }
    CUmodule module = modules.get(file);
    if (module == null) {
      module = load(file);
      modules.put(file, module);
    }
    CUfunction function = new CUfunction();
    int result = JCudaDriver.cuModuleGetFunction(function, module, name);
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, device + ": looking for kernel '" + name + "' in " + file);
    }
    return new CudaKernel(name, catalog.signature(name), function);
  }

  private CUmodule load(String file) {
    byte[] image;
    String what;
    if (compiledAheadOfTime) {
      image = catalog.machineCode(file);
      what = file + ".fatbin";
    } else if (PtxCompiler.knows(computeCapability)) {
      image = PtxCompiler.compile(file, catalog.ptx(file), computeCapability);
      what = file + ".ptx, compiled by JCuda's compiler";
    } else {
      byte[] text = catalog.ptx(file).getBytes(StandardCharsets.US_ASCII);
      image = Arrays.copyOf(text, text.length + 1); // The driver wants a final zero.
      what = file + ".ptx";
    }
    CUmodule module = new CUmodule();
    int result =
        JCudaDriver.cuModuleLoadDataEx(
            module, NativeBytes.of(image), 0, new int[0], Pointer.to(new int[0]));
    if (result != CUresult.CUDA_SUCCESS) {
      throw failure(result, device + ": loading kernels " + what);
    }
    return module;
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      kernels.clear();
      Closing closing = new Closing().then(context::makeCurrent);
      modules.forEach(
          (file, module) ->
              closing.then(
                  () -> check(JCudaDriver.cuModuleUnload(module), "cuModuleUnload of " + file)));
      modules.clear();
      closing.end();
    }
  }
}
