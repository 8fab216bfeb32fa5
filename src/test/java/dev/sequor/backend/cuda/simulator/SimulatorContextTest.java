package dev.sequor.backend.cuda.simulator;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.function.IntSupplier;
import jcuda.Pointer;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUevent;
import jcuda.driver.CUfunction;
import jcuda.driver.CUgraph;
import jcuda.driver.CUgraphExec;
import jcuda.driver.CUmodule;
import jcuda.driver.CUresult;
import jcuda.driver.CUstream;
import jcuda.driver.CUstreamCaptureMode;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIf;

/**
 * As the driver does, the simulator refuses each call of a thread on which no context is current.
 */
@Tag("gpu")
@EnabledIf("dev.sequor.backend.cuda.simulator.RawCuda#simulated")
final class SimulatorContextTest {
  @Test
  void noCallWorksOnAThreadWithoutAContext() throws InterruptedException, ExecutionException {
    try (RawCuda context = new RawCuda(0)) {
      assertNotNull(context);
      CUstream stream = new CUstream();
      CUevent event = new CUevent();
      CUdeviceptr memory = new CUdeviceptr();
      Pointer host = new Pointer();
      CUmodule module = new CUmodule();
      CUgraph graph = new CUgraph();
      CUgraphExec executable = new CUgraphExec();
      byte[] ptx = "//\n.version 7.0\n\0".getBytes(StandardCharsets.US_ASCII);
      RawCuda.require(JCudaDriver.cuStreamCreate(stream, 1));
      RawCuda.require(JCudaDriver.cuEventCreate(event, 0));
      RawCuda.require(JCudaDriver.cuEventRecord(event, stream));
      RawCuda.require(JCudaDriver.cuMemAlloc(memory, 64));
      RawCuda.require(JCudaDriver.cuMemHostAlloc(host, 64, 0));
      RawCuda.require(JCudaDriver.cuModuleLoadData(module, ptx));
      RawCuda.require(
          JCudaDriver.cuStreamBeginCapture(
              stream, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED));
      RawCuda.require(JCudaDriver.cuMemsetD32Async(memory, 1, 4, stream));
      RawCuda.require(JCudaDriver.cuStreamEndCapture(stream, graph));
      RawCuda.require(JCudaDriver.cuGraphInstantiate(executable, graph, 0));

      Map<String, IntSupplier> calls = new LinkedHashMap<>();
      calls.put("StreamCreate", () -> JCudaDriver.cuStreamCreate(new CUstream(), 1));
      calls.put("StreamSynchronize", () -> JCudaDriver.cuStreamSynchronize(stream));
      calls.put("StreamQuery", () -> JCudaDriver.cuStreamQuery(stream));
      calls.put("StreamWaitEvent", () -> JCudaDriver.cuStreamWaitEvent(stream, event, 0));
      calls.put("StreamIsCapturing", () -> JCudaDriver.cuStreamIsCapturing(stream, new int[1]));
      calls.put("StreamBeginCapture", () -> JCudaDriver.cuStreamBeginCapture(stream, 2));
      calls.put("StreamEndCapture", () -> JCudaDriver.cuStreamEndCapture(stream, new CUgraph()));
      calls.put("StreamDestroy", () -> JCudaDriver.cuStreamDestroy(stream));
      calls.put("EventCreate", () -> JCudaDriver.cuEventCreate(new CUevent(), 0));
      calls.put("EventRecord", () -> JCudaDriver.cuEventRecord(event, stream));
      calls.put("EventSynchronize", () -> JCudaDriver.cuEventSynchronize(event));
      calls.put("EventQuery", () -> JCudaDriver.cuEventQuery(event));
      calls.put(
          "EventElapsedTime", () -> JCudaDriver.cuEventElapsedTime(new float[1], event, event));
      calls.put("EventDestroy", () -> JCudaDriver.cuEventDestroy(event));
      calls.put("MemAlloc", () -> JCudaDriver.cuMemAlloc(new CUdeviceptr(), 4));
      calls.put("MemFree", () -> JCudaDriver.cuMemFree(memory));
      calls.put("MemHostAlloc", () -> JCudaDriver.cuMemHostAlloc(new Pointer(), 4, 0));
      calls.put("MemFreeHost", () -> JCudaDriver.cuMemFreeHost(host));
      calls.put("MemGetInfo", () -> JCudaDriver.cuMemGetInfo(new long[1], new long[1]));
      calls.put("MemcpyHtoDAsync", () -> JCudaDriver.cuMemcpyHtoDAsync(memory, host, 4, stream));
      calls.put("MemcpyDtoHAsync", () -> JCudaDriver.cuMemcpyDtoHAsync(host, memory, 4, stream));
      calls.put("MemcpyDtoDAsync", () -> JCudaDriver.cuMemcpyDtoDAsync(memory, memory, 4, stream));
      calls.put("MemsetD32Async", () -> JCudaDriver.cuMemsetD32Async(memory, 1, 1, stream));
      calls.put("ModuleLoadData", () -> JCudaDriver.cuModuleLoadData(new CUmodule(), ptx));
      calls.put(
          "ModuleGetFunction",
          () -> JCudaDriver.cuModuleGetFunction(new CUfunction(), module, "dropout"));
      calls.put("ModuleUnload", () -> JCudaDriver.cuModuleUnload(module));
      calls.put("GraphGetNodes", () -> JCudaDriver.cuGraphGetNodes(graph, null, new long[1]));
      calls.put(
          "GraphInstantiate", () -> JCudaDriver.cuGraphInstantiate(new CUgraphExec(), graph, 0));
      calls.put("GraphLaunch", () -> JCudaDriver.cuGraphLaunch(executable, stream));
      calls.put("GraphExecDestroy", () -> JCudaDriver.cuGraphExecDestroy(executable));
      calls.put("GraphDestroy", () -> JCudaDriver.cuGraphDestroy(graph));
      calls.put("CtxSynchronize", JCudaDriver::cuCtxSynchronize);

      FutureTask<List<String>> elsewhere =
          new FutureTask<>(
              () -> {
                List<String> wrong = new ArrayList<>();
                calls.forEach(
                    (name, call) -> {
                      int result = call.getAsInt();
                      if (result != CUresult.CUDA_ERROR_INVALID_CONTEXT) {
                        wrong.add(name + ": " + CUresult.stringFor(result));
                      }
                    });
                return wrong;
              });
      Thread thread = new Thread(elsewhere);
      thread.start();
      assertEquals(List.of(), elsewhere.get());
      thread.join();

      // None of that has changed anything.
      for (String name :
          List.of(
              "GraphLaunch",
              "GraphExecDestroy",
              "GraphDestroy",
              "ModuleUnload",
              "EventDestroy",
              "MemFree",
              "MemFreeHost",
              "StreamDestroy")) {
        IntSupplier call = calls.get(name);
        assertEquals(CUresult.CUDA_SUCCESS, call == null ? -1 : call.getAsInt(), name);
      }
      assertEquals(CUresult.CUDA_SUCCESS, JCudaDriver.cuCtxSynchronize());
    }
  }
}
