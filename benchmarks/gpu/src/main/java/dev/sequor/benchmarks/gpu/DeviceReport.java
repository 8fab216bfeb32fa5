package dev.sequor.benchmarks.gpu;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.Devices;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdevice_attribute;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import jcuda.jcublas.JCublas2;
import jcuda.jcublas.cublasHandle;

/**
 * What is known of the first CUDA device, the driver and cuBLAS. Options: {@code --out FILE.json}.
 * Exit code 3 if the device cannot be used.
 */
public final class DeviceReport {
  private DeviceReport() {}

  public static void main(String[] arguments) throws IOException {
    Options options = new Options(arguments);
    try (Backend backend = Devices.open("cuda")) {
      backend.synchronize(); // makes the device current
      options.write(report(backend));
    } catch (BackendUnavailableException e) {
      System.err.println(e.getMessage());
      System.exit(3);
    }
  }

  private static Map<String, Object> report(Backend backend) {
    CUdevice device = new CUdevice();
    check(JCudaDriver.cuDeviceGet(device, 0), "cuDeviceGet");
    int[] version = new int[1];
    check(JCudaDriver.cuDriverGetVersion(version), "cuDriverGetVersion");
    long[] free = new long[1];
    long[] total = new long[1];
    check(JCudaDriver.cuMemGetInfo(free, total), "cuMemGetInfo");
    Map<String, Object> report = new LinkedHashMap<>();
    report.put("device", backend.name());
    report.put("simulator", isSimulator(backend));
    report.put(
        "computeCapability",
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR)
            + "."
            + attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
    report.put(
        "multiprocessors",
        attribute(device, CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
    report.put("memoryBytes", total[0]);
    report.put("freeBytes", free[0]);
    report.put("driverCudaVersion", version[0] / 1000 + "." + version[0] % 1000 / 10);
    report.put("cublasVersion", cublasVersion());
    report.put("java", System.getProperty("java.vm.name") + " " + Runtime.version());
    report.put("cores", Runtime.getRuntime().availableProcessors());
    return report;
  }

  /** Whatever the simulator is told to be called, its name has ours in it. */
  static boolean isSimulator(Backend backend) {
    return backend.name().contains("Sequor");
  }

  private static String cublasVersion() {
    cublasHandle handle = new cublasHandle();
    int[] version = new int[1];
    if (JCublas2.cublasCreate(handle) != 0) {
      return "unknown: cublasCreate failed";
    }
    int status = JCublas2.cublasGetVersion(handle, version);
    JCublas2.cublasDestroy(handle);
    return status == 0 ? String.valueOf(version[0]) : "unknown: cublasGetVersion failed";
  }

  private static int attribute(CUdevice device, int attribute) {
    int[] value = new int[1];
    check(JCudaDriver.cuDeviceGetAttribute(value, attribute, device), "cuDeviceGetAttribute");
    return value[0];
  }

  private static void check(int result, String call) {
    if (result != CUresult.CUDA_SUCCESS) {
      throw new BackendException(call + " failed: " + CUresult.stringFor(result));
    }
  }
}
