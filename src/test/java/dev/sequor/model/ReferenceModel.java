package dev.sequor.model;

import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnShape;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.NetworkLayout;
import dev.sequor.reference.ReferenceActivation;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import dev.sequor.rnn.TensorRegion;
import java.util.Arrays;

/**
 * The mean loss of a whole model in double precision and its plainest form, forward only. It reads
 * the last step from the final state, where the library gathers rows of the outputs.
 */
final class ReferenceModel {
  private final SequenceModelSpec spec;
  private final NetworkLayout layout;
  private final double[] parameters;
  private final Window window;
  private final boolean training;
  private final long dropoutSeed;
  private final long dropoutOffset;

  ReferenceModel(
      SequenceModelSpec spec,
      float[] parameters,
      Window window,
      boolean training,
      long dropoutSeed,
      long dropoutOffset) {
    this.spec = spec;
    this.layout = spec.network().layout();
    this.parameters = new double[parameters.length];
    for (int i = 0; i < parameters.length; i++) {
      this.parameters[i] = parameters[i];
    }
    this.window = window;
    this.training = training;
    this.dropoutSeed = dropoutSeed;
    this.dropoutOffset = dropoutOffset;
  }

  /** {@code (loss(w + ε) − loss(w − ε)) / 2ε}. */
  double finiteDifference(int element) {
    double epsilon = 1e-6;
    double value = parameters[element];
    parameters[element] = value + epsilon;
    double above = meanLoss();
    parameters[element] = value - epsilon;
    double below = meanLoss();
    parameters[element] = value;
    return (above - below) / (2 * epsilon);
  }

  double meanLoss() {
    int timeSteps = window.timeSteps();
    int batchSize = window.batchSize();
    RnnShape shape = spec.stack().shape(timeSteps, batchSize);
    int from = (int) layout.region("recurrent.layers.0.forward.input_weights").offset();
    RnnProblem problem =
        new RnnProblem(
            shape,
            Arrays.copyOfRange(
                parameters, from, from + (int) shape.parameterLayout().totalElements()),
            inputs(),
            window.lengths(),
            null,
            new double[(int) shape.outputElements()],
            new double[(int) shape.stateElements()],
            dropoutSeed,
            dropoutOffset,
            training);
    ReferenceRnn.Outputs outputs = ReferenceRnn.forward(problem);
    boolean everyStep = spec.readout() == Readout.EVERY_STEP;
    double sum = 0;
    double count = 0;
    for (int row = 0; row < (everyStep ? timeSteps * batchSize : batchSize); row++) {
      int b = row % batchSize;
      int length = lengthOf(b);
      if ((everyStep ? row / batchSize : 0) >= length) {
        continue;
      }
      double[] h =
          everyStep
              ? Arrays.copyOfRange(
                  outputs.y, row * shape.outputSize(), (row + 1) * shape.outputSize())
              : topState(shape, outputs.finalState, b);
      if (window.targetValues() instanceof Values.Tokens targets && targets.ids()[row] < 0) {
        continue;
      }
      double weight = 1;
      float[] weights = window.weights();
      if (weights != null) {
        weight = weights[weights.length == batchSize ? b : row];
      }
      if (spec.loss() instanceof Loss.ClassWeighted byClass) {
        weight *= byClass.weights().get(((Values.Tokens) window.targetValues()).ids()[row]);
      }
      sum += weight * rowLoss(dense(h), row);
      count += weight;
    }
    return sum / count;
  }

  private int lengthOf(int b) {
    int[] lengths = window.lengths();
    return lengths == null ? window.timeSteps() : lengths[b];
  }

  private double[] inputs() {
    int width = spec.input().width();
    int positions = window.timeSteps() * window.batchSize();
    double[] x = new double[positions * width];
    for (int i = 0; i < positions; i++) {
      if (i / window.batchSize() >= lengthOf(i % window.batchSize())) {
        continue;
      }
      for (int j = 0; j < width; j++) {
        x[i * width + j] = input(i, j);
      }
    }
    return x;
  }

  private double input(int position, int column) {
    int width = spec.input().width();
    if (window.inputValues() instanceof Values.Reals vectors) {
      return vectors.values()[position * width + column];
    }
    int token = ((Values.Tokens) window.inputValues()).ids()[position];
    return spec.input().kind() == InputKind.ONE_HOT
        ? (token == column ? 1 : 0)
        : parameters[(int) layout.region("embedding.weights").offset() + token * width + column];
  }

  private static double[] topState(RnnShape shape, double[] finalState, int b) {
    int hidden = shape.hiddenSize();
    double[] h = new double[shape.outputSize()];
    for (int direction = 0; direction < shape.directions(); direction++) {
      int block = (shape.layers() - 1) * shape.directions() + direction;
      int at = (block * shape.cell().states() * shape.batchSize() + b) * hidden;
      System.arraycopy(finalState, at, h, direction * hidden, hidden);
    }
    return h;
  }

  private double[] dense(double[] h) {
    double[] below = h;
    for (int i = 0; i <= spec.denseLayers().size(); i++) {
      boolean last = i == spec.denseLayers().size();
      String name = last ? "output" : "dense." + i;
      boolean tied = last && spec.input().kind() == InputKind.TIED_EMBEDDING;
      TensorRegion weights = layout.region(tied ? "embedding.weights" : name + ".weights");
      TensorRegion bias = layout.region(name + ".bias");
      double[] y = new double[weights.shape().get(0)];
      for (int j = 0; j < y.length; j++) {
        double sum = parameters[(int) bias.offset() + j];
        for (int k = 0; k < below.length; k++) {
          sum += parameters[(int) weights.offset() + j * below.length + k] * below[k];
        }
        y[j] = last ? sum : ReferenceActivation.of(spec.denseLayers().get(i).activation(), sum);
      }
      below = y;
    }
    return below;
  }

  private double rowLoss(double[] a, int row) {
    double loss = 0;
    switch (spec.loss().function()) {
      case SOFTMAX_CROSS_ENTROPY -> {
        double sum = 0;
        for (double value : a) {
          sum += Math.exp(value);
        }
        loss = Math.log(sum) - a[((Values.Tokens) window.targetValues()).ids()[row]];
      }
      case BINARY_CROSS_ENTROPY -> {
        for (int j = 0; j < a.length; j++) {
          double t = target(row, j);
          loss += t * Math.log(1 + Math.exp(-a[j])) + (1 - t) * Math.log(1 + Math.exp(a[j]));
        }
      }
      case MEAN_SQUARED_ERROR -> {
        for (int j = 0; j < a.length; j++) {
          loss += Math.pow(a[j] - target(row, j), 2) / a.length;
        }
      }
      default -> throw new IllegalArgumentException("the reference lacks " + spec.loss());
    }
    return loss;
  }

  private double target(int row, int column) {
    return ((Values.Reals) window.targetValues()).values()[row * spec.outputSize() + column];
  }
}
