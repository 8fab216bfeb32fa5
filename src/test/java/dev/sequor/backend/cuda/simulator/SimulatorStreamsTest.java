package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuEventCreate;
import static jcuda.driver.JCudaDriver.cuEventElapsedTime;
import static jcuda.driver.JCudaDriver.cuEventQuery;
import static jcuda.driver.JCudaDriver.cuEventRecord;
import static jcuda.driver.JCudaDriver.cuEventSynchronize;
import static jcuda.driver.JCudaDriver.cuGraphDestroy;
import static jcuda.driver.JCudaDriver.cuGraphExecDestroy;
import static jcuda.driver.JCudaDriver.cuGraphInstantiate;
import static jcuda.driver.JCudaDriver.cuGraphLaunch;
import static jcuda.driver.JCudaDriver.cuMemAlloc;
import static jcuda.driver.JCudaDriver.cuMemAllocHost;
import static jcuda.driver.JCudaDriver.cuMemFreeHost;
import static jcuda.driver.JCudaDriver.cuMemcpyDtoHAsync;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoD;
import static jcuda.driver.JCudaDriver.cuMemcpyHtoDAsync;
import static jcuda.driver.JCudaDriver.cuMemsetD32Async;
import static jcuda.driver.JCudaDriver.cuStreamBeginCapture;
import static jcuda.driver.JCudaDriver.cuStreamCreate;
import static jcuda.driver.JCudaDriver.cuStreamEndCapture;
import static jcuda.driver.JCudaDriver.cuStreamIsCapturing;
import static jcuda.driver.JCudaDriver.cuStreamQuery;
import static jcuda.driver.JCudaDriver.cuStreamSynchronize;
import static jcuda.driver.JCudaDriver.cuStreamWaitEvent;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.CUstreamCaptureStatus;
import jcuda.driver.CUstream_flags;
import org.junit.jupiter.api.Test;

/** Streams, events, asynchronous copies, and graphs captured from streams. */
class SimulatorStreamsTest extends SimulatorTest {
  private static final int N = 64;
  private static final long BYTES = N * (long) Float.BYTES;
  private static final Shape SHAPE = Shape.of(1, N);
  private static final int GLOBAL = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL;

  private void fill(CUstream stream, CUdeviceptr to, float value) {
    assertEquals(SUCCESS, cuda.launch("simulator_fill", SHAPE, stream, to, (long) N, value));
  }

  private void add(CUstream stream, CUdeviceptr to, CUdeviceptr from) {
    assertEquals(SUCCESS, cuda.launch("simulator_add", SHAPE, stream, to, from, N));
  }

  private static CUstream stream() {
    return stream(CUstream_flags.CU_STREAM_NON_BLOCKING);
  }

  private static CUstream stream(int flags) {
    CUstream stream = new CUstream();
    RawCuda.require(cuStreamCreate(stream, flags));
    return stream;
  }

  private static CUevent event() {
    CUevent event = new CUevent();
    RawCuda.require(cuEventCreate(event, 0));
    return event;
  }

  /**
   * What has been queued in one stream before, happens before what is queued in the other from now
   * on.
   */
  private static void order(CUstream before, CUstream after) {
    CUevent event = event();
    assertEquals(SUCCESS, cuEventRecord(event, before));
    assertEquals(SUCCESS, cuStreamWaitEvent(after, event, 0));
  }

  @Test
  void workRunsOnlyWhenSomethingWaitsForIt() {
    CUdeviceptr data = cuda.upload(new float[N]);
    CUstream stream = stream();
    CUevent event = event();
    long before = control.get(Field.KERNEL_LAUNCHES);
    fill(stream, data, 1);
    assertEquals(SUCCESS, cuEventRecord(event, stream));
    assertEquals(before, control.get(Field.KERNEL_LAUNCHES));
    assertEquals(CUresult.CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    assertEquals(SUCCESS, cuEventSynchronize(event));
    assertEquals(before + 1, control.get(Field.KERNEL_LAUNCHES));
    assertEquals(SUCCESS, cuEventQuery(event));
    assertEquals(SUCCESS, cuStreamQuery(stream));
  }

  @Test
  void eventsMeasureTime() {
    CUstream stream = stream();
    CUevent from = event();
    CUevent to = event();
    assertEquals(SUCCESS, cuEventRecord(from, stream));
    fill(stream, cuda.upload(new float[N]), 1);
    assertEquals(SUCCESS, cuEventRecord(to, stream));
    float[] milliseconds = {-1};
    assertEquals(CUresult.CUDA_ERROR_NOT_READY, cuEventElapsedTime(milliseconds, from, to));
    assertEquals(SUCCESS, cuStreamSynchronize(stream));
    assertEquals(SUCCESS, cuEventElapsedTime(milliseconds, from, to));
    assertTrue(milliseconds[0] >= 0);
  }

  @Test
  void pageLockedMemoryIsReadWhenTheCopyRuns() {
    Pointer host = new Pointer();
    RawCuda.require(cuMemAllocHost(host, BYTES));
    FloatBuffer values =
        host.getByteBuffer(0, BYTES).order(ByteOrder.nativeOrder()).asFloatBuffer();
    CUdeviceptr data = cuda.allocate(BYTES);
    CUstream stream = stream();
    values.put(0, 1);
    assertEquals(SUCCESS, cuMemcpyHtoDAsync(data, host, BYTES, stream));
    values.put(0, 2);
    assertEquals(SUCCESS, cuStreamSynchronize(stream));
    assertEquals(2, cuda.download(data, N)[0]);
    assertEquals(SUCCESS, cuMemcpyDtoHAsync(host, data, BYTES, stream));
    values.put(0, 3);
    assertEquals(SUCCESS, cuStreamSynchronize(stream));
    assertEquals(2, values.get(0));
    RawCuda.require(cuMemFreeHost(host));
  }

  @Test
  void pageableMemoryIsReadAtTheCall() {
    ByteBuffer host = ByteBuffer.allocateDirect((int) BYTES).order(ByteOrder.nativeOrder());
    CUdeviceptr data = cuda.allocate(BYTES);
    CUstream stream = stream();
    host.putFloat(0, 1);
    assertEquals(SUCCESS, cuMemcpyHtoDAsync(data, Pointer.to(host), BYTES, stream));
    host.putFloat(0, 2);
    assertEquals(SUCCESS, cuMemcpyDtoHAsync(Pointer.to(host), data, BYTES, stream));
    assertEquals(1, host.getFloat(0));
  }

  @Test
  void defaultStreamIsOrderedWithBlockingStreamsOnly() {
    boolean overtaken = false;
    for (long seed = 1; seed <= 20; seed++) {
      control.set(Field.SEED, seed);
      assertEquals(1, readAfterFill(CUstream_flags.CU_STREAM_DEFAULT));
      overtaken |= readAfterFill(CUstream_flags.CU_STREAM_NON_BLOCKING) == 0;
    }
    assertTrue(overtaken);
  }

  private float readAfterFill(int flags) {
    CUdeviceptr data = cuda.upload(new float[N]);
    CUstream stream = stream(flags);
    fill(stream, data, 1);
    return cuda.download(data, N)[0];
  }

  @Test
  void capturedForkAndJoinReplayInEveryOrderThatTheyAllow() {
    CUstream main = stream();
    CUstream side = stream();
    CUdeviceptr a = cuda.upload(new float[N]);
    CUdeviceptr b = cuda.upload(new float[N]);
    CUdeviceptr sum = cuda.upload(new float[N]);
    assertEquals(SUCCESS, cuStreamBeginCapture(main, GLOBAL));
    assertEquals(SUCCESS, cuMemsetD32Async(sum, 0, N, main));
    order(main, side);
    fill(main, a, 1);
    fill(side, b, 2);
    order(side, main);
    add(main, sum, a);
    add(main, sum, b);
    CUgraph graph = new CUgraph();
    assertEquals(SUCCESS, cuStreamEndCapture(main, graph));
    assertEquals(0, cuda.download(a, N)[0], "a capture runs nothing");

    CUgraphExec executable = new CUgraphExec();
    assertEquals(SUCCESS, cuGraphInstantiate(executable, graph, 0));
    assertEquals(SUCCESS, cuGraphDestroy(graph));
    for (long seed = 1; seed <= 10; seed++) {
      control.set(Field.SEED, seed);
      assertEquals(SUCCESS, cuMemcpyHtoD(a, Pointer.to(new float[N]), BYTES));
      assertEquals(SUCCESS, cuMemcpyHtoD(b, Pointer.to(new float[N]), BYTES));
      assertEquals(SUCCESS, cuGraphLaunch(executable, main));
      assertEquals(SUCCESS, cuStreamSynchronize(main));
      assertEquals(3, cuda.download(sum, N)[N - 1]);
    }
    assertEquals(SUCCESS, cuGraphExecDestroy(executable));
  }

  @Test
  void missingForkEventInACaptureGivesWrongReplaysUnderSomeSeed() {
    CUstream main = stream();
    CUstream side = stream();
    CUdeviceptr a = cuda.upload(new float[N]);
    CUdeviceptr sum = cuda.upload(new float[N]);
    assertEquals(SUCCESS, cuStreamBeginCapture(main, GLOBAL));
    assertEquals(SUCCESS, cuMemsetD32Async(sum, 0, N, main));
    order(main, side);
    fill(side, a, 1); // the fault: nothing orders it before the next line
    add(main, sum, a);
    order(side, main);
    CUgraph graph = new CUgraph();
    assertEquals(SUCCESS, cuStreamEndCapture(main, graph));
    CUgraphExec executable = new CUgraphExec();
    assertEquals(SUCCESS, cuGraphInstantiate(executable, graph, 0));
    boolean wrong = false;
    for (long seed = 1; seed <= 10; seed++) {
      control.set(Field.SEED, seed);
      assertEquals(SUCCESS, cuMemcpyHtoD(a, Pointer.to(new float[N]), BYTES));
      assertEquals(SUCCESS, cuGraphLaunch(executable, main));
      assertEquals(SUCCESS, cuStreamSynchronize(main));
      wrong |= cuda.download(sum, N)[0] != 1;
    }
    assertTrue(wrong);
  }

  @Test
  void capturedGraphLaunchBecomesPartOfTheGraph() {
    CUstream stream = stream();
    CUdeviceptr one = cuda.upload(new float[N]);
    CUdeviceptr sum = cuda.upload(new float[N]);
    CUgraphExec inner = captured(stream, () -> fill(stream, one, 1));
    CUgraphExec outer =
        captured(
            stream,
            () -> {
              assertEquals(SUCCESS, cuGraphLaunch(inner, stream));
              add(stream, sum, one);
            });
    assertEquals(SUCCESS, cuGraphLaunch(outer, stream));
    assertEquals(SUCCESS, cuGraphLaunch(outer, stream));
    assertEquals(SUCCESS, cuStreamSynchronize(stream));
    assertEquals(2, cuda.download(sum, N)[0]);
  }

  private static CUgraphExec captured(CUstream stream, Runnable work) {
    assertEquals(SUCCESS, cuStreamBeginCapture(stream, GLOBAL));
    work.run();
    CUgraph graph = new CUgraph();
    assertEquals(SUCCESS, cuStreamEndCapture(stream, graph));
    CUgraphExec executable = new CUgraphExec();
    assertEquals(SUCCESS, cuGraphInstantiate(executable, graph, 0));
    return executable;
  }

  @Test
  void synchronizingDuringACaptureInvalidatesIt() {
    CUstream stream = stream();
    assertEquals(SUCCESS, cuStreamBeginCapture(stream, GLOBAL));
    assertEquals(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(stream));
    int[] status = new int[1];
    assertEquals(SUCCESS, cuStreamIsCapturing(stream, status));
    assertEquals(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_INVALIDATED, status[0]);
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
    assertEquals(SUCCESS, cuStreamSynchronize(stream));
  }

  @Test
  void allocatingDuringACaptureInvalidatesIt() {
    CUstream stream = stream();
    assertEquals(SUCCESS, cuStreamBeginCapture(stream, GLOBAL));
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc(new CUdeviceptr(), BYTES));
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
  }

  /** Of work that has nothing to do with the capture: a driver refuses what may wait. */
  @Test
  void askingForAnEventDuringACaptureInvalidatesIt() {
    CUevent event = event();
    CUstream other = stream();
    CUstream stream = stream();
    assertEquals(SUCCESS, cuEventRecord(event, other));
    assertEquals(SUCCESS, cuStreamBeginCapture(stream, GLOBAL));
    assertEquals(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuEventQuery(event));
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
    assertEquals(SUCCESS, cuStreamBeginCapture(stream, GLOBAL));
    assertEquals(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuEventSynchronize(event));
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, new CUgraph()));
    assertEquals(SUCCESS, cuEventSynchronize(event));
    assertEquals(
        SUCCESS, cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
    assertEquals(SUCCESS, cuEventQuery(event));
    assertEquals(SUCCESS, cuStreamEndCapture(stream, new CUgraph()));
  }

  @Test
  void allocatingDuringARelaxedCaptureIsAllowed() {
    CUstream stream = stream();
    CUdeviceptr memory = new CUdeviceptr();
    assertEquals(
        SUCCESS, cuStreamBeginCapture(stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
    assertEquals(SUCCESS, cuMemAlloc(memory, BYTES));
    assertEquals(SUCCESS, cuStreamEndCapture(stream, new CUgraph()));
  }

  @Test
  void unjoinedForkIsReportedAtTheEndOfTheCapture() {
    CUstream main = stream();
    CUstream side = stream();
    CUdeviceptr a = cuda.upload(new float[N]);
    assertEquals(SUCCESS, cuStreamBeginCapture(main, GLOBAL));
    order(main, side);
    fill(side, a, 1);
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(main, new CUgraph()));
    fill(side, a, 2);
    assertEquals(SUCCESS, cuCtxSynchronize());
    assertEquals(2, cuda.download(a, N)[0]);
  }

  @Test
  void waitingForUncapturedWorkInACaptureIsRefused() {
    CUstream main = stream();
    CUstream side = stream();
    CUevent outside = event();
    assertEquals(SUCCESS, cuEventRecord(outside, side));
    assertEquals(SUCCESS, cuStreamBeginCapture(main, GLOBAL));
    assertEquals(CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION, cuStreamWaitEvent(main, outside, 0));
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(main, new CUgraph()));
  }

  @Test
  void defaultStreamDuringACaptureOfABlockingStreamIsRefused() {
    CUstream blocking = stream(CUstream_flags.CU_STREAM_DEFAULT);
    CUdeviceptr a = cuda.upload(new float[N]);
    assertEquals(SUCCESS, cuStreamBeginCapture(blocking, GLOBAL));
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
        cuda.launch("simulator_fill", SHAPE, null, a, (long) N, 1f));
    assertEquals(
        CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
        cuStreamEndCapture(blocking, new CUgraph()));
  }
}
