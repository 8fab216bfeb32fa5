package dev.sequor.backend.cuda;

import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.StepValues;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.jspecify.annotations.Nullable;

/**
 * {@link StepValues} in device memory, where kernels look for what changes from step to step.
 * Within a step they are there already; otherwise each is copied up when a call is given it.
 */
final class StepBlock implements AutoCloseable {
  private static final int SEED = 0;
  private static final int OFFSET = 8;
  private static final int GRADIENT_SCALE = 16;

  /** {@code rates} of {@code kernels/optimizer.cu}. */
  private static final int RATES = 32;

  private static final int RATE_COUNT = 9;
  static final int BYTES = RATES + RATE_COUNT * Float.BYTES;

  private final CudaDevice device;
  private final DeviceMemory.Block block;
  private final ByteBuffer host = ByteBuffer.allocateDirect(BYTES).order(ByteOrder.nativeOrder());
  private @Nullable StepValues current;

  StepBlock(CudaDevice device) {
    this.device = device;
    this.block = device.memory().allocate(BYTES, "values of a step");
  }

  /** The device address of all values. */
  long address() {
    return block.address();
  }

  /** Writes all values to {@code to}, {@value #BYTES} bytes from its position on. */
  static void put(StepValues values, ByteBuffer to) {
    int at = to.position();
    to.putLong(at + SEED, values.dropoutSeed());
    to.putLong(at + OFFSET, values.dropoutOffset());
    to.putFloat(at + GRADIENT_SCALE, values.gradientScale());
    if (values.optimizer() != null) {
      putRates(values.optimizer(), to, at + RATES);
    }
  }

  private static void putRates(OptimizerStep step, ByteBuffer to, int at) {
    float[] rates = {
      step.learningRate(),
      step.momentum(),
      step.beta1(),
      step.beta2(),
      step.epsilon(),
      step.weightDecay(),
      step.clipNorm(),
      step.clipValue(),
      step.step() // exact up to 16 million updates; by then the correction it is for is 1
    };
    for (int i = 0; i < RATE_COUNT; i++) {
      to.putFloat(at + i * Float.BYTES, rates[i]);
    }
  }

  /** Does {@code work} with these values in place. */
  void within(StepValues values, Runnable work) {
    current = values;
    try {
      work.run();
    } finally {
      current = null;
    }
  }

  /** Where seed and offset of dropout bits, or of drawn tokens, are. */
  long randomKey(long seed, long offset) {
    if (current == null) {
      host.putLong(SEED, seed).putLong(OFFSET, offset);
      upload(SEED, GRADIENT_SCALE);
    } else {
      require(seed == current.dropoutSeed() && offset == current.dropoutOffset(), "random numbers");
    }
    return block.address() + SEED;
  }

  /** Where the factor of the loss's gradient is. */
  long gradientScale(float scale) {
    if (current == null) {
      host.putFloat(GRADIENT_SCALE, scale);
      upload(GRADIENT_SCALE, GRADIENT_SCALE + Float.BYTES);
    } else {
      require(scale == current.gradientScale(), "gradient scale");
    }
    return block.address() + GRADIENT_SCALE;
  }

  /** Where the optimiser's numbers are. */
  long rates(OptimizerStep step) {
    if (current == null) {
      putRates(step, host, RATES);
      upload(RATES, BYTES);
    } else {
      require(step.equals(current.optimizer()), "optimiser");
    }
    return block.address() + RATES;
  }

  private static void require(boolean same, String what) {
    if (!same) {
      throw new IllegalArgumentException(
          "a call within a step is given another " + what + " than the step's values say");
    }
  }

  private void upload(int from, int to) {
    host.limit(to).position(from);
    device.staging().upload(host, block.address() + from, device.stream());
    host.clear();
  }

  @Override
  public void close() {
    block.close();
  }
}
