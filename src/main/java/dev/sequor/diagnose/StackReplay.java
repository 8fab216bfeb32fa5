package dev.sequor.diagnose;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkPass;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The layers of one stack, each run step by step, forward from below and then back from above. */
final class StackReplay {
  private final Backend backend;
  private final ProbedNetwork.Stack stack;
  private final RnnSpec spec;
  private final int timeSteps;
  private final int batchSize;
  private final Map<String, NamedTensor> tensors;

  /** {@code [L·D]}. */
  private final List<LayerReplay> replays = new ArrayList<>();

  private final List<Diagnosis.Layer> layers = new ArrayList<>();

  /**
   * A stack.
   *
   * @param pass after its backward pass
   * @param tensors of the model
   * @param read what stacks read in the forward pass
   */
  StackReplay(
      NetworkPass pass,
      ProbedNetwork.Stack stack,
      Map<String, NamedTensor> tensors,
      Map<String, float[]> read) {
    this.backend = pass.backend();
    this.stack = stack;
    this.spec = stack.spec();
    this.tensors = tensors;
    this.batchSize = pass.extent().batchSize();
    float[] x = Objects.requireNonNull(read.get(stack.input()));
    this.timeSteps = x.length / (batchSize * spec.inputSize());
    float[] initial =
        stack.initialState().isEmpty()
            ? new float[spec.layers() * spec.directions() * blockElements()]
            : Objects.requireNonNull(read.get(stack.initialState()));
    try {
      forward(x, initial);
      backward(gradient(pass, stack.probe()), finalGradient(pass));
    } finally {
      replays.forEach(LayerReplay::close);
    }
  }

  List<Diagnosis.Layer> layers() {
    return layers;
  }

  /** {@code S·B·H}. */
  private int blockElements() {
    return spec.cell().states() * batchSize * spec.hiddenSize();
  }

  private boolean isReverse(int direction) {
    return spec.direction().isReverse(direction);
  }

  private void forward(float[] x, float[] initial) {
    float[] below = x;
    for (int layer = 0; layer < spec.layers(); layer++) {
      List<float[]> outputs = new ArrayList<>();
      for (int d = 0; d < spec.directions(); d++) {
        RnnSpec one = one(layer);
        float[] start = new float[blockElements()];
        int block = layer * spec.directions() + d;
        System.arraycopy(initial, block * start.length, start, 0, start.length);
        LayerReplay replay =
            new LayerReplay(
                backend,
                one,
                isReverse(d),
                timeSteps,
                batchSize,
                parameters(one, layer, isReverse(d)),
                below,
                start);
        replays.add(replay);
        outputs.add(replay.forward());
      }
      below = sideBySide(outputs);
    }
  }

  /** One layer by itself. */
  private RnnSpec one(int layer) {
    return RnnSpec.of(
            spec.cell(), layer == 0 ? spec.inputSize() : spec.outputSize(), spec.hiddenSize())
        .withDirection(Direction.FORWARD)
        .withOptions(spec.options());
  }

  private float[] parameters(RnnSpec one, int layer, boolean reverse) {
    List<TensorSpec> needed = Parameters.tensors(one.parameterLayout());
    float[] flat = new float[Math.toIntExact(one.parameterLayout().totalElements())];
    int at = 0;
    String own = "layers.0.forward.";
    String there = stack.owner() + ".layers." + layer + (reverse ? ".backward." : ".forward.");
    for (TensorSpec tensor : needed) {
      String name = there + tensor.name().substring(own.length());
      float[] values = Objects.requireNonNull(tensors.get(name), name).values();
      System.arraycopy(values, 0, flat, at, values.length);
      at += values.length;
    }
    return flat;
  }

  private float[] sideBySide(List<float[]> directions) {
    int width = spec.stateSize();
    int rows = timeSteps * batchSize;
    float[] together = new float[rows * spec.outputSize()];
    for (int d = 0; d < directions.size(); d++) {
      for (int row = 0; row < rows; row++) {
        System.arraycopy(
            directions.get(d), row * width, together, row * spec.outputSize() + d * width, width);
      }
    }
    return together;
  }

  private float[] direction(float[] together, int d) {
    int width = spec.stateSize();
    int rows = timeSteps * batchSize;
    float[] one = new float[rows * width];
    for (int row = 0; row < rows; row++) {
      System.arraycopy(together, row * spec.outputSize() + d * width, one, row * width, width);
    }
    return one;
  }

  private static float[] gradient(NetworkPass pass, String probe) {
    return pass.hasGradient(probe)
        ? pass.gradient(probe).readFloats()
        : new float[Math.toIntExact(pass.value(probe).elements())];
  }

  /** {@code [L·D,S,B,H]}: the gradient by the final state, as far as others read it. */
  private float[] finalGradient(NetworkPass pass) {
    int blocks = spec.layers() * spec.directions();
    int hidden = spec.hiddenSize();
    float[] all = new float[blocks * blockElements()];
    for (int s = 0; s < stack.stateProbes().size(); s++) {
      // [B, blocks·H]
      float[] vectors = gradient(pass, stack.stateProbes().get(s));
      for (int block = 0; block < blocks; block++) {
        for (int b = 0; b < batchSize; b++) {
          System.arraycopy(
              vectors,
              (b * blocks + block) * hidden,
              all,
              block * blockElements() + (s * batchSize + b) * hidden,
              hidden);
        }
      }
    }
    return all;
  }

  private void backward(float[] dyOfTop, float[] dFinal) {
    float[] dy = dyOfTop;
    for (int layer = spec.layers() - 1; layer >= 0; layer--) {
      float[] below = new float[0];
      for (int d = spec.directions() - 1; d >= 0; d--) {
        int block = layer * spec.directions() + d;
        float[] dState = new float[timeSteps * batchSize * spec.stateSize()];
        float[] dBlock = new float[blockElements()];
        System.arraycopy(dFinal, block * dBlock.length, dBlock, 0, dBlock.length);
        LayerReplay replay = replays.get(block);
        float[] dx = replay.backward(direction(dy, d), dBlock, dState);
        if (below.length == 0) {
          below = dx;
        } else {
          for (int i = 0; i < dx.length; i++) {
            below[i] += dx[i];
          }
        }
        layers.add(
            0,
            new Diagnosis.Layer(stack.node(), layer, isReverse(d), norms(dState), replay.gates()));
      }
      dy = below;
    }
  }

  private List<Double> norms(float[] dState) {
    List<Double> norms = new ArrayList<>();
    int width = batchSize * spec.stateSize();
    for (int t = 0; t < timeSteps; t++) {
      double sum = 0;
      for (int i = 0; i < width; i++) {
        double element = dState[t * width + i];
        sum += element * element;
      }
      norms.add(Math.sqrt(sum));
    }
    return norms;
  }
}
