package dev.sequor.backend.cuda.simulator;

import static jcuda.driver.JCudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor;

/**
 * A program, for a device of its own: prints how many blocks of a kernel run on a multiprocessor at
 * once, for each argument {@code KERNEL:THREADS:SHARED}.
 */
final class OccupancyFigures {
  private OccupancyFigures() {}

  public static void main(String[] arguments) {
    if (!RawCuda.simulated()) {
      throw new IllegalStateException("no simulator");
    }
    try (RawCuda cuda = new RawCuda(0)) {
      for (String argument : arguments) {
        String[] parts = argument.split(":", -1);
        int[] blocks = new int[1];
        RawCuda.require(
            cuOccupancyMaxActiveBlocksPerMultiprocessor(
                blocks,
                cuda.function(parts[0]),
                Integer.parseInt(parts[1]),
                Long.parseLong(parts[2])));
        System.out.println(argument + "=" + blocks[0]);
      }
    }
  }
}
