package dev.sequor.diagnose;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkPass;
import dev.sequor.rnn.Parameters;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/** The layers of one stack, each run step by step, forward from below and then back from above. */
final class StackReplay implements AutoCloseable {
  private final Backend backend;
  private final RecurrentStack stack;
  private final RnnSpec spec;
  private final Mode mode;
  private final int timeSteps;
  private final int batchSize;
  private final Map<String, NamedTensor> tensors;

  /** {@code [L·D]}. */
  private final List<LayerReplay> replays = new ArrayList<>();

  /**
   * A stack, which runs forward.
   *
   * @param mode training, to run back as well, or inference
   * @param tensors of the model
   * @param read what stacks read in a pass of the network
   */
  StackReplay(
      Backend backend,
      RecurrentStack stack,
      Mode mode,
      int batchSize,
      Map<String, NamedTensor> tensors,
      Map<String, float[]> read) {
    this.backend = backend;
    this.stack = stack;
    this.spec = stack.spec();
    this.mode = mode;
    this.tensors = tensors;
    this.batchSize = batchSize;
    float[] x = Objects.requireNonNull(read.get(stack.input()));
    this.timeSteps = x.length / (batchSize * spec.inputSize());
    float[] initial =
        stack.initialState().isEmpty()
            ? new float[spec.layers() * spec.directions() * blockElements()]
            : Objects.requireNonNull(read.get(stack.initialState()));
    try {
      forward(x, initial);
    } catch (RuntimeException | Error e) {
      close();
      throw e;
    }
  }

  /** What the stacks given and their initial states are in a pass. */
  static Map<String, float[]> read(NetworkPass pass, List<RecurrentStack> stacks) {
    Map<String, float[]> read = new HashMap<>();
    for (RecurrentStack stack : stacks) {
      for (String value : List.of(stack.input(), stack.initialState())) {
        if (!value.isEmpty()) {
          read.put(value, pass.value(value).readFloats());
        }
      }
    }
    return read;
  }

  /** Layers from below, forward before backward. */
  List<Activations.Layer> activations() {
    List<Activations.Layer> layers = new ArrayList<>();
    for (int block = 0; block < replays.size(); block++) {
      layers.add(replays.get(block).activations(name(block)));
    }
    return layers;
  }

  private LayerName name(int block) {
    return new LayerName(
        stack.node(), block / spec.directions(), isReverse(block % spec.directions()));
  }

  /**
   * Back through all layers.
   *
   * @param pass after its backward pass
   * @return layers from below, forward before backward
   */
  List<Diagnosis.Layer> backward(NetworkPass pass, ProbedNetwork.Stack probes) {
    return backward(gradient(pass, probes.probe()), finalGradient(pass, probes.stateProbes()));
  }

  @Override
  public void close() {
    replays.forEach(LayerReplay::close);
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
                mode,
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
  private float[] finalGradient(NetworkPass pass, List<String> stateProbes) {
    int blocks = spec.layers() * spec.directions();
    int hidden = spec.hiddenSize();
    float[] all = new float[blocks * blockElements()];
    for (int s = 0; s < stateProbes.size(); s++) {
      // [B, blocks·H]
      float[] vectors = gradient(pass, stateProbes.get(s));
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

  private List<Diagnosis.Layer> backward(float[] dyOfTop, float[] dFinal) {
    List<Diagnosis.Layer> layers = new ArrayList<>();
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
            new Diagnosis.Layer(name(block), norms(dState), replay.gates(), replay.clippedCells()));
      }
      dy = below;
    }
    return layers;
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
