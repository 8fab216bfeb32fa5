package dev.sequor.backend.host;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnTensors;

/**
 * One step of an LSTM with one unit, for probes of devices: with its input and weights, all of them
 * 0 or 1, every math mode computes the same.
 */
public final class ProbeStep {
  private ProbeStep() {}

  /** What {@link #run} should give: all gates are 0 before their functions but g, which is 1. */
  public static double expected() {
    double c = 0.5 * Math.tanh(1);
    return 0.5 * Math.tanh(c);
  }

  /** The output of the unit on {@code backend}. */
  public static float run(Backend backend) {
    RnnShape shape = new RnnShape(CellType.LSTM, 1, 1, 1, 1, 1, 1, 0f);
    try (Buffer parameters =
            backend.allocate(DType.FLOAT32, shape.parameterLayout().totalElements());
        Buffer x = backend.allocate(DType.FLOAT32, 1);
        Buffer y = backend.allocate(DType.FLOAT32, 1);
        RnnPlan plan = backend.plan(shape, Mode.INFERENCE)) {
      parameters.write(0f, 0f, 1f, 0f);
      x.write(1f);
      plan.forward(RnnTensors.of(parameters, x, y));
      return y.readFloats()[0];
    }
  }
}
