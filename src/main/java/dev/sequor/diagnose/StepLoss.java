package dev.sequor.diagnose;

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

/** The loss of windows, all of it or at their last step; its memory is the pass's. */
final class StepLoss {
  private final NetworkPass pass;
  private final String output;
  private final boolean lastOnly;
  private final Loss loss;
  private final LossShape shape;
  private final Buffer targets;
  private final Buffer rowWeights;
  private final Buffer scale;
  private final Buffer result;

  /**
   * The loss of what a pass gives.
   *
   * @param output what the model's output is called in the pass
   * @param lastOnly whether only the targets of the last step count
   * @throws IllegalArgumentException if the loss is not one of rows, or of an adaptive softmax
   */
  StepLoss(NetworkPass pass, ModelSpec model, String output, boolean lastOnly) {
    this.pass = pass;
    this.output = output;
    this.lastOnly = lastOnly;
    this.loss = model.loss();
    ValueShape outputs = model.outputShape();
    if (loss.function().takesLabels()) {
      throw new IllegalArgumentException(
          "the loss is " + loss.function() + " of sequences of labels; needed one of time steps");
    }
    if (loss.function().takesClasses() && model.classes() != outputs.width()) {
      throw new IllegalArgumentException(
          "the model ends in an adaptive softmax; needed an output for each class");
    }
    int timeSteps =
        outputs instanceof ValueShape.Sequence
            ? pass.extent().timeSteps().getOrDefault(outputs.axis(), 1)
            : 1;
    this.shape = new LossShape(loss.ofRow(), timeSteps, pass.extent().batchSize(), outputs.width());
    this.targets =
        takesClasses()
            ? pass.allocate(DType.INT32, rows())
            : pass.allocate(DType.FLOAT32, (long) rows() * shape.outputSize());
    this.rowWeights = pass.allocate(DType.FLOAT32, rows());
    this.scale = pass.allocate(DType.FLOAT32, 1);
    this.result = pass.allocate(DType.FLOAT32, 2);
  }

  private boolean takesClasses() {
    return shape.function().takesClasses();
  }

  private int rows() {
    return shape.timeSteps() * shape.batchSize();
  }

  /**
   * Writes the gradient of the loss by the model's outputs, after a forward pass.
   *
   * @return the mean loss of the targets that count
   * @throws IllegalArgumentException if the targets do not fit, or none counts
   */
  double gradient(Window window) {
    float[] weights = new float[rows()];
    Arrays.fill(weights, lastOnly ? rows() - shape.batchSize() : 0, rows(), 1f);
    take(window.targetValues(), weights);
    double sum = 0;
    for (float weight : weights) {
      sum += weight;
    }
    if (sum == 0) {
      throw new IllegalArgumentException("the window has no targets that count; needed some");
    }
    rowWeights.write(weights);
    scale.write((float) (1 / sum));
    pass.backend()
        .loss(
            shape,
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

  private void take(Values given, float[] weights) {
    boolean classes = takesClasses();
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
    if (given instanceof Values.Tokens tokens) {
      targets.write(tokens.ids());
      for (int row = 0; row < weights.length; row++) {
        int id = tokens.ids()[row];
        weights[row] *= id < 0 ? 0 : loss.weight(id);
      }
    } else {
      targets.write(((Values.Reals) given).values());
    }
  }
}
