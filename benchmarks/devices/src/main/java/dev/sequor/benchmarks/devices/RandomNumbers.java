package dev.sequor.benchmarks.devices;

import java.util.SplittableRandom;

/**
 * The numbers that all devices compute with: a function of tensor and index, the same in every
 * process. None is zero, denormal or the same as its neighbours, which would flatter some devices.
 */
final class RandomNumbers {
  private static final long SEED = 20140603;

  private RandomNumbers() {}

  /** {@code x}, of variance 1. */
  static float[] input(Shape shape) {
    return uniform(1, shape.sequenceElements(), Math.sqrt(3));
  }

  /** All parameters in their flat layout, in PyTorch's own initial range. */
  static float[] parameters(Shape shape, long elements) {
    return uniform(2, Math.toIntExact(elements), 1 / Math.sqrt(shape.hiddenSize()));
  }

  /** {@code dy}, the gradient of a loss by the outputs. */
  static float[] outputGradient(Shape shape) {
    return uniform(3, shape.sequenceElements(), 1);
  }

  private static float[] uniform(int tensor, int elements, double bound) {
    SplittableRandom random = new SplittableRandom(SEED + tensor);
    float[] values = new float[elements];
    for (int i = 0; i < elements; i++) {
      values[i] = (float) (((random.nextInt() >> 8) + 0.5) * 0x1p-23 * bound);
    }
    return values;
  }
}
