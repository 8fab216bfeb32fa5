package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuMemFree;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;
import static jcuda.jcublas.JCublas2.cublasCreate;
import static jcuda.jcublas.JCublas2.cublasDestroy;
import static jcuda.jcublas.JCublas2.cublasSetStream;
import static jcuda.jcublas.JCublas2.cublasSetWorkspace;
import static jcuda.jcublas.JCublas2.cublasSgemm;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.util.ArrayList;
import java.util.List;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstream_flags;
import jcuda.jcublas.cublasHandle;
import jcuda.jcublas.cublasStatus;
import jcuda.runtime.cudaStream_t;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What cuBLAS asks of its caller besides arguments: a workspace, and no creation in a capture. */
class SimulatorWorkspaceTest extends SimulatorTest {
  private static final int BYTES = 1 << 16;
  private static final int THREAD_LOCAL = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;

  private final List<cublasHandle> handles = new ArrayList<>();

  @AfterEach
  void destroy() {
    for (cublasHandle handle : handles) {
      assertEquals(SUCCESS, cublasDestroy(handle));
    }
  }

  private static CUstream stream() {
    CUstream stream = new CUstream();
    RawCuda.require(cuStreamCreate(stream, CUstream_flags.CU_STREAM_NON_BLOCKING));
    return stream;
  }

  private cublasHandle handle(CUstream stream) {
    cublasHandle handle = new cublasHandle();
    assertEquals(SUCCESS, cublasCreate(handle));
    handles.add(handle);
    assertEquals(SUCCESS, cublasSetStream(handle, new cudaStream_t(stream)));
    return handle;
  }

  private cublasHandle handle(CUstream stream, CUdeviceptr workspace) {
    cublasHandle handle = handle(stream);
    assertEquals(SUCCESS, cublasSetWorkspace(handle, workspace, BYTES));
    return handle;
  }

  /** c [1] += a [1] · b [1]. */
  private static int multiply(cublasHandle handle, CUdeviceptr a, CUdeviceptr b, CUdeviceptr c) {
    Pointer one = Pointer.to(new float[] {1});
    return cublasSgemm(handle, 0, 0, 1, 1, 1, one, a, 1, b, 1, one, c, 1);
  }

  @Test
  void creatingAHandleDuringACaptureIsRefusedAndInvalidatesIt() {
    CUstream stream = stream();
    RawCuda.require(cuStreamBeginCapture(stream, THREAD_LOCAL));
    assertEquals(cublasStatus.CUBLAS_STATUS_ALLOC_FAILED, cublasCreate(new cublasHandle()));
    assertEquals(
        "cublasCreate: it allocates: cublasCreate while a stream is being captured",
        control.lastError());
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
    handle(stream); // after the capture, it may
  }

  @Test
  void destroyingAHandleDuringACaptureIsRefusedAndInvalidatesIt() {
    CUstream stream = stream();
    cublasHandle handle = handle(stream);
    RawCuda.require(cuStreamBeginCapture(stream, THREAD_LOCAL));
    assertEquals(cublasStatus.CUBLAS_STATUS_EXECUTION_FAILED, cublasDestroy(handle));
    assertEquals(
        "cublasDestroy: it waits for the device: cublasDestroy while a stream is being captured",
        control.lastError());
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
  }

  @Test
  void aRelaxedCaptureAllowsBoth() {
    CUstream stream = stream();
    RawCuda.require(
        cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
    cublasHandle handle = new cublasHandle();
    assertEquals(SUCCESS, cublasCreate(handle));
    assertEquals(SUCCESS, cublasDestroy(handle));
    assertEquals(SUCCESS, cuStreamEndCapture(stream, new CUgraph()));
  }

  @Test
  void destroyingAHandleWaitsForItsProducts() {
    CUdeviceptr a = cuda.upload(3);
    CUdeviceptr c = cuda.upload(0);
    cublasHandle handle = handle(stream());
    long before = control.get(Field.GEMMS);
    assertEquals(SUCCESS, multiply(handle, a, a, c));
    assertEquals(before, control.get(Field.GEMMS));
    assertEquals(SUCCESS, cublasDestroy(handles.remove(0)));
    assertEquals(before + 1, control.get(Field.GEMMS));
  }

  @Test
  void settingTheStreamTakesTheWorkspaceAway() {
    CUdeviceptr a = cuda.upload(3);
    CUstream stream = stream();
    cublasHandle handle = handle(stream, cuda.allocate(BYTES));
    assertEquals(SUCCESS, cublasSetStream(handle, new cudaStream_t(stream)));
    RawCuda.require(cuStreamBeginCapture(stream, THREAD_LOCAL));
    assertEquals(cublasStatus.CUBLAS_STATUS_NOT_SUPPORTED, multiply(handle, a, a, a));
    assertEquals(
        "cublasSgemm: cublasSgemm m=1 n=1 k=1 in a capture without a workspace of the caller's"
            + " (cublasSetStream takes it away), and the simulator captures no allocations",
        control.lastError());
    assertEquals(SUCCESS, cuStreamEndCapture(stream, new CUgraph()));
    assertEquals(SUCCESS, multiply(handle, a, a, a)); // outside a capture cuBLAS has its own
    assertEquals(SUCCESS, cuCtxSynchronize());
  }

  @Test
  void aWorkspaceThatIsNotAlignedIsRefused() {
    CUdeviceptr memory = cuda.allocate(2 * BYTES);
    cublasHandle handle = handle(stream());
    assertEquals(
        cublasStatus.CUBLAS_STATUS_INVALID_VALUE,
        cublasSetWorkspace(handle, memory.withByteOffset(128), BYTES));
    assertEquals(
        "cublasSetWorkspace: the workspace begins 128 bytes after a multiple of 256",
        control.lastError());
    assertEquals(SUCCESS, cublasSetWorkspace(handle, memory.withByteOffset(256), BYTES));
  }

  @Test
  void aWorkspaceLargerThanItsMemoryIsRefused() {
    CUdeviceptr memory = cuda.allocate(BYTES);
    cublasHandle handle = handle(stream());
    assertEquals(
        cublasStatus.CUBLAS_STATUS_EXECUTION_FAILED, cublasSetWorkspace(handle, memory, BYTES + 1));
    assertEquals(SUCCESS, cublasSetWorkspace(handle, memory, BYTES));
  }

  @Test
  void aFreedWorkspaceIsReportedWhenAProductUsesIt() {
    CUdeviceptr a = cuda.upload(3);
    CUdeviceptr memory = cuda.allocate(BYTES);
    cublasHandle handle = handle(stream(), memory);
    RawCuda.require(cuMemFree(memory));
    assertEquals(SUCCESS, multiply(handle, a, a, a));
    assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    String message = control.lastError();
    assertTrue(message.startsWith("cublasSgemm m=1 n=1 k=1, workspace: 0x"), message);
    assertTrue(message.contains("use after free"), message);
    handles.clear(); // the context is lost
  }

  @Test
  void productsOfTwoStreamsInOneWorkspaceAreFoundUnderSomeSeed() {
    boolean found = false;
    for (long seed = 1; seed <= 20 && !found; seed++) {
      found = sumOfProducts(seed, true, false) != 18;
    }
    assertTrue(found);
    String message = control.lastError();
    assertEquals(
        "cublasSgemm m=1 n=1 k=1: other work wrote into its workspace while it ran", message);
    handles.clear(); // the context is lost
  }

  @Test
  void soTheyAreInAGraph() {
    boolean found = false;
    for (long seed = 1; seed <= 20 && !found; seed++) {
      found = sumOfProducts(seed, true, true) != 18;
    }
    assertTrue(found);
    handles.clear(); // the context is lost
  }

  @Test
  void streamsWithWorkspacesOfTheirOwnAreRightUnderEverySeed() {
    for (long seed = 1; seed <= 20; seed++) {
      assertEquals(18, sumOfProducts(seed, false, false));
      assertEquals(18, sumOfProducts(seed, false, true));
    }
  }

  /** 3 · 3 by each of two streams, forked from one and joined to it again; 0 if that failed. */
  private float sumOfProducts(long seed, boolean shared, boolean captured) {
    control.set(Field.SEED, seed);
    CUdeviceptr a = cuda.upload(3);
    CUdeviceptr c = cuda.upload(0);
    CUdeviceptr d = cuda.upload(0);
    CUstream main = stream();
    CUstream side = stream();
    CUdeviceptr workspace = cuda.allocate(BYTES);
    cublasHandle first = handle(main, workspace);
    cublasHandle second = handle(side, shared ? workspace : cuda.allocate(BYTES));
    if (captured) {
      RawCuda.require(cuStreamBeginCapture(main, THREAD_LOCAL));
    }
    order(main, side);
    assertEquals(SUCCESS, multiply(first, a, a, c));
    assertEquals(SUCCESS, multiply(second, a, a, d));
    order(side, main);
    assertEquals(SUCCESS, cuda.launch("simulator_add", Shape.of(1, 1), main, c, d, 1));
    if (captured) {
      CUgraph graph = new CUgraph();
      CUgraphExec executable = new CUgraphExec();
      assertEquals(SUCCESS, cuStreamEndCapture(main, graph));
      assertEquals(SUCCESS, cuGraphInstantiate(executable, graph, 0));
      assertEquals(SUCCESS, cuGraphLaunch(executable, main));
    }
    return cuCtxSynchronize() == SUCCESS ? cuda.download(c, 1)[0] : 0;
  }

  private static void order(CUstream before, CUstream after) {
    CUevent event = new CUevent();
    RawCuda.require(cuEventCreate(event, 0));
    assertEquals(SUCCESS, cuEventRecord(event, before));
    assertEquals(SUCCESS, cuStreamWaitEvent(after, event, 0));
  }

  @Test
  void aMatrixInTheWorkspaceIsReported() {
    CUdeviceptr memory = cuda.upload(new float[BYTES / Float.BYTES]);
    CUdeviceptr a = cuda.upload(3);
    cublasHandle handle = handle(stream(), memory);
    assertEquals(SUCCESS, multiply(handle, a, a, memory.withByteOffset(BYTES - Float.BYTES)));
    assertEquals(CUresult.CUDA_ERROR_LAUNCH_FAILED, cuCtxSynchronize());
    assertEquals(
        "cublasSgemm m=1 n=1 k=1, matrix C: it lies in the workspace", control.lastError());
    handles.clear(); // the context is lost
  }

  @Test
  void otherDataInTheWorkspaceAreLost() {
    CUdeviceptr memory = cuda.upload(new float[BYTES / Float.BYTES]);
    CUdeviceptr a = cuda.upload(3);
    CUdeviceptr c = cuda.upload(0);
    assertEquals(SUCCESS, multiply(handle(stream(), memory), a, a, c));
    assertEquals(SUCCESS, cuCtxSynchronize());
    float[] data = cuda.download(memory, BYTES / Float.BYTES);
    int changed = 0;
    for (float each : data) {
      changed += each != 0 ? 1 : 0;
    }
    assertTrue(changed > 200, "words of the workspace that a product changed: " + changed);
    assertFalse(data[0] == 0, "from its start on");
  }
}
