package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.CUresult.CUDA_SUCCESS;
import static jcuda.driver.JCudaDriver.cuCtxDisablePeerAccess;
import static jcuda.driver.JCudaDriver.cuCtxEnablePeerAccess;
import static jcuda.driver.JCudaDriver.cuCtxSynchronize;
import static jcuda.driver.JCudaDriver.cuDeviceCanAccessPeer;
import static jcuda.driver.JCudaDriver.cuMemcpyPeerAsync;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import jcuda.driver.CUdevice;
import jcuda.driver.CUdeviceptr;
import jcuda.driver.CUresult;
import jcuda.driver.JCudaDriver;
import org.junit.jupiter.api.Test;

/** Devices that reach each other's memory: as strict as a driver. */
class SimulatorPeersTest extends SimulatorTest {
  @Test
  void accessIsToBeEnabledOnceAndInOneDirection() {
    int[] can = new int[1];
    CUdevice[] devices = new CUdevice[4];
    for (int i = 0; i < devices.length; i++) {
      devices[i] = new CUdevice();
      RawCuda.require(JCudaDriver.cuDeviceGet(devices[i], i));
    }
    for (int from = 0; from < devices.length; from++) {
      for (int to = 0; to < devices.length; to++) {
        RawCuda.require(cuDeviceCanAccessPeer(can, devices[from], devices[to]));
        assertEquals(from == to ? 0 : 1, can[0]);
      }
    }
    CUdeviceptr here = cuda.upload(1, 2, 3);
    try (RawCuda second = new RawCuda(1)) {
      CUdeviceptr there = second.upload(10, 20, 30);
      assertEquals(CUresult.CUDA_ERROR_INVALID_CONTEXT, cuCtxEnablePeerAccess(second.context(), 0));
      assertEquals(
          CUresult.CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, cuCtxDisablePeerAccess(cuda.context()));
      RawCuda.require(cuCtxEnablePeerAccess(cuda.context(), 0));
      assertEquals(
          CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED,
          cuCtxEnablePeerAccess(cuda.context(), 0));
      assertEquals(
          CUDA_SUCCESS, second.launch("simulator_add", Shape.of(1, 32), null, there, here, 3));
      assertEquals(CUDA_SUCCESS, cuCtxSynchronize());
      RawCuda.require(cuCtxDisablePeerAccess(cuda.context()));
      assertEquals(
          CUDA_SUCCESS, second.launch("simulator_add", Shape.of(1, 32), null, there, here, 3));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    }
    cuda.makeCurrent();
  }

  @Test
  void copiesBetweenContextsNeedMemoryOfTheirDevices() {
    CUdeviceptr here = cuda.upload(1, 2, 3);
    try (RawCuda second = new RawCuda(1)) {
      CUdeviceptr there = second.upload(0, 0, 0);
      RawCuda.require(cuMemcpyPeerAsync(there, second.context(), here, cuda.context(), 12, null));
      assertArrayEquals(new float[] {1, 2, 3}, second.download(there, 3));
      RawCuda.require(cuMemcpyPeerAsync(there, second.context(), here, second.context(), 12, null));
      assertEquals(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
    }
    cuda.makeCurrent();
  }
}
