package dev.sequor.diagnose;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossShape;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.ValueShape;
import java.util.Arrays;

/** The loss of a window, all of it or at its last step. */
final class StepLoss {
  private StepLoss() {}

  /**
   * Writes the gradient of the loss by the model's outputs, after a forward pass.
   *
   * @param output what the model's output is called in the pass
   * @param lastOnly whether only the targets of the last step count
   * @return the mean loss of the targets that count
   * @throws IllegalArgumentException if the loss is not one of rows, or the targets do not fit
   */
  static double gradient(
      NetworkPass pass, ModelSpec model, String output, Window window, boolean lastOnly) {
    ValueShape shape = model.outputShape();
    Loss loss = model.loss();
    Backend backend = pass.backend();
    int batchSize = pass.extent().batchSize();
    int timeSteps =
        shape instanceof ValueShape.Sequence
            ? pass.extent().timeSteps().getOrDefault(shape.axis(), 1)
            : 1;
    if (loss.function().takesLabels()) {
      throw new IllegalArgumentException(
          "the loss is " + loss.function() + " of sequences of labels; needed one of time steps");
    }
    LossShape lossShape = new LossShape(loss.ofRow(), timeSteps, batchSize, shape.width());
    int rows = timeSteps * batchSize;
    float[] weights = new float[rows];
    Arrays.fill(weights, lastOnly ? rows - batchSize : 0, rows, 1f);
    Buffer targets = targets(pass, window.targetValues(), lossShape, weights, loss);
    double sum = 0;
    for (float weight : weights) {
      sum += weight;
    }
    if (sum == 0) {
      throw new IllegalArgumentException("the window has no targets that count; needed some");
    }
    Buffer rowWeights = pass.allocate(DType.FLOAT32, rows);
    rowWeights.write(weights);
    Buffer scale = pass.allocate(DType.FLOAT32, 1);
    scale.write((float) (1 / sum));
    Buffer result = pass.allocate(DType.FLOAT32, 2);
    backend.loss(
        lossShape,
        pass.value(output),
        targets,
        null,
        rowWeights,
        scale,
        null,
        pass.gradient(output),
        result);
    return result.readFloats()[0] / sum;
  }

  private static Buffer targets(
      NetworkPass pass, Values given, LossShape shape, float[] weights, Loss loss) {
    boolean classes = shape.function().takesClasses();
    int needed = classes ? weights.length : weights.length * shape.outputSize();
    if (given.size() != needed || classes != given instanceof Values.Tokens) {
      throw new IllegalArgumentException(
          "the window has "
              + given.size()
              + (given instanceof Values.Tokens ? " classes" : " numbers")
              + " as targets; needed "
              + needed
              + (classes ? " classes" : " numbers"));
    }
    Buffer targets = pass.allocate(classes ? DType.INT32 : DType.FLOAT32, needed);
    if (given instanceof Values.Tokens tokens) {
      targets.write(tokens.ids());
      for (int row = 0; row < weights.length; row++) {
        int id = tokens.ids()[row];
        weights[row] *= id < 0 ? 0 : loss.weight(id);
      }
    } else {
      targets.write(((Values.Reals) given).values());
    }
    return targets;
  }
}
