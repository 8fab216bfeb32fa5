package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuFuncGetAttribute;
import static jcuda.driver.JCudaDriver.cuFuncSetAttribute;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.cuda.ChildJvm;
import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUfunction;
import jcuda.driver.CUfunction_attribute;
import jcuda.driver.CUresult;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What kernels take of a multiprocessor, and how many of their blocks are there at once. */
class SimulatorOccupancyTest extends SimulatorTest {
  /**
   * By device: kernel, threads, bytes of dynamic shared memory = blocks.
   *
   * <p>With 37 registers 12 blocks of 128 threads or 4 of 320: NVIDIA's best practices guide,
   * "Calculating occupancy". The others are of its occupancy calculator: registers come in units of
   * 256 to a warp and in quarters to a scheduler, shared memory in units of 128 bytes and 1 KiB
   * more a block for the system; a multiprocessor holds 64 warps in 32 blocks, but 48 warps in 16
   * (8.6) or 24 (8.9, 12.x).
   */
  @ParameterizedTest(name = "compute capability {0}")
  @CsvSource({
    "8.0, registers_37:128:0=12 registers_37:320:0=4",
    "8.0, fill:256:0=8 fill:32:0=32 fill:1024:0=2 fill:1025:0=0",
    "8.0, registers_64:256:0=4 registers_129:128:0=3 registers_129:384:0=1 registers_129:416:0=0",
    "8.0, registers_255:256:0=1 registers_255:257:0=0",
    "8.0, fill:128:49152=3 fill:128:166912=1 fill:128:166913=0",
    "9.0, fill:128:49152=4 fill:128:232448=1 fill:128:232449=0 registers_37:320:0=4",
    "9.0, registers_255:64:0=4 registers_255:64:228352=1 registers_255:64:228353=0",
    "8.6, fill:256:0=6 fill:64:0=16 fill:1024:0=1 fill:128:101376=1 fill:128:101377=0",
    "8.9, fill:32:0=24 fill:256:0=6",
    "12.0, fill:64:0=24 registers_64:256:0=4 fill:128:49152=2"
  })
  void blocksOnAMultiprocessorAreThoseOfTheOccupancyCalculator(
      String computeCapability, String figures) throws IOException, InterruptedException {
    List<String> expected =
        Stream.of(figures.split(" ", -1)).map(figure -> "simulator_" + figure).toList();
    ChildJvm.Result printed =
        ChildJvm.running(OccupancyFigures.class.getName())
            .environment("LD_LIBRARY_PATH", System.getenv("LD_LIBRARY_PATH"))
            .environment("SEQUOR_SIMULATOR_COMPUTE_CAPABILITY", computeCapability)
            .run(expected.stream().map(each -> each.split("=", -1)[0]).toArray(String[]::new));
    assertEquals(expected, printed.out().lines().toList(), printed.err());
  }

  @Test
  void functionsTellWhatTheyTake() {
    assertEquals(
        129, attribute("simulator_registers_129", CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS));
    assertEquals(
        384,
        attribute(
            "simulator_registers_129",
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK));
    assertEquals(
        4096,
        attribute(
            "simulator_registers_255", CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES));
    assertEquals(
        16,
        attribute(
            "simulator_registers_64", CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES));
  }

  /** The device is of compute capability 9.0 unless the environment says otherwise. */
  @Test
  void shippedKernelsTakeWhatTheCompilerReported() throws IOException {
    Path resources = Path.of("kernels/prebuilt/resources.txt");
    assumeTrue(Files.exists(resources), "tests that were packed for another machine");
    int kernels = 0;
    for (String line : Files.readAllLines(resources)) {
      String[] words = line.split(" ", -1);
      if (words.length == 5 && words[1].equals("90a")) {
        kernels++;
        int[] of = {
          CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS,
          CUfunction_attribute.CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES,
          CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES
        };
        for (int i = 0; i < of.length; i++) {
          assertEquals(Integer.parseInt(words[2 + i]), attribute(words[0], of[i]), line);
        }
      }
    }
    assertTrue(kernels > 50, () -> "lines of resources.txt for compute capability 9.0");
  }

  private int attribute(String kernel, int attribute) {
    int[] value = new int[1];
    RawCuda.require(cuFuncGetAttribute(value, attribute, cuda.function(kernel)));
    return value[0];
  }

  @Test
  void blocksThatNeedMoreRegistersThanThereAreAreRefused() {
    CUdeviceptr to = cuda.upload(0);
    assertEquals(
        CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
        cuda.launch("simulator_registers_255", Shape.of(1, 288), null, to));
    assertEquals(
        "kernel simulator_registers_255, grid (1,1,1) block (288,1,1): with 255 registers a thread"
            + " a block has at most 256 threads",
        control.lastError());
    assertEquals(SUCCESS, cuda.launch("simulator_registers_255", Shape.of(1, 256), null, to));
    assertEquals(255, cuda.download(to, 1)[0]);
  }

  /** 16 multiprocessors, unless the environment says otherwise, with one such block each. */
  @Test
  void cooperativeLaunchesFitByRegisters() {
    CUdeviceptr to = cuda.upload(0);
    assertEquals(SUCCESS, cuda.launchCooperative("simulator_registers_129", Shape.of(16, 384), to));
    assertEquals(
        CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,
        cuda.launchCooperative("simulator_registers_129", Shape.of(17, 384), to));
    assertEquals(
        "kernel simulator_registers_129, grid (17,1,1) block (384,1,1): 16 blocks fit on the device"
            + " at once",
        control.lastError());
  }

  @Test
  void dynamicSharedMemoryIsWhatStaticLeaves() {
    CUfunction function = cuda.function("simulator_registers_255");
    int attribute = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    int most = (227 << 10) - 4096;
    assertEquals(SUCCESS, cuFuncSetAttribute(function, attribute, most));
    assertEquals(
        CUresult.CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(function, attribute, most + 1));
  }
}
