package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuCtxSynchronize;

import dev.sequor.backend.cuda.simulator.RawCuda.Shape;
import jcuda.driver.CUdeviceptr;

/** A program that writes out of bounds, for a process of its own. */
final class PlantedFault {
  private PlantedFault() {}

  public static void main(String[] arguments) {
    if (!RawCuda.simulated()) {
      throw new IllegalStateException("no simulator");
    }
    try (RawCuda cuda = new RawCuda(0)) {
      CUdeviceptr to = cuda.allocate(1000 * Float.BYTES);
      RawCuda.require(cuda.launch("simulator_out_of_bounds", Shape.of(8, 128), null, to, 1000));
      RawCuda.require(cuCtxSynchronize());
    }
  }
}
