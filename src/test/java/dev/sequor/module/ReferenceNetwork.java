package dev.sequor.module;

import dev.sequor.backend.Philox;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.ReferenceActivation;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A network in double precision and the plainest way, forward only: each module is a few loops over
 * whole arrays. Its finite differences are what backward passes are compared with.
 */
final class ReferenceNetwork {
  static final double EPSILON = 1e-6;

  private final Network network;
  private final Extent extent;
  private final NetworkLayout layout;

  /** Flat, laid out by {@link NetworkLayout}. */
  final double[] parameters;

  final Map<String, int[]> tokens = new HashMap<>();
  final Map<String, double[]> reals = new LinkedHashMap<>();

  /** Of each time axis, {@code [B]}. */
  final Map<String, int[]> lengths = new HashMap<>();

  /** The factor of each element of each output in {@link #objective}. */
  final Map<String, double[]> factors = new LinkedHashMap<>();

  long seed;
  long offset;

  private final Map<String, double[]> values = new HashMap<>();

  ReferenceNetwork(Network network, Extent extent) {
    this.network = network;
    this.extent = network.complete(extent);
    network
        .fixedSteps()
        .forEach(
            (axis, steps) -> {
              int[] all = new int[extent.batchSize()];
              Arrays.fill(all, steps);
              lengths.put(axis, all);
            });
    this.layout = network.layout();
    this.parameters = new double[(int) layout.totalElements()];
  }

  /** {@code (f(v + ε) − f(v − ε)) / 2ε} by one element of the parameters or of an input. */
  double finiteDifference(double[] variable, int element) {
    double value = variable[element];
    variable[element] = value + EPSILON;
    double above = objective();
    variable[element] = value - EPSILON;
    double below = objective();
    variable[element] = value;
    return (above - below) / (2 * EPSILON);
  }

  /** The sum of all elements of all outputs, each with its factor. */
  double objective() {
    run();
    double sum = 0;
    for (Map.Entry<String, double[]> output : factors.entrySet()) {
      double[] y = value(output.getKey());
      for (int i = 0; i < y.length; i++) {
        sum += y[i] * output.getValue()[i];
      }
    }
    return sum;
  }

  double[] value(String name) {
    return Objects.requireNonNull(values.get(name), name);
  }

  private void run() {
    values.clear();
    values.putAll(reals);
    int stream = 0;
    Map<String, ValueShape> shapes = network.shapes();
    for (Network.Node node : network.nodes()) {
      run(node, shapes, stream);
      stream += node.module().randomStreams();
    }
  }

  private int steps(String axis) {
    return axis.isEmpty() ? 1 : Objects.requireNonNull(extent.timeSteps().get(axis));
  }

  private int length(String axis, int b) {
    return axis.isEmpty() ? 1 : Objects.requireNonNull(lengths.get(axis))[b];
  }

  private int parameter(Network.Node node, String tensor) {
    // By name, past whatever else knows of blocks; a shared one lies where its owner has it.
    for (Network.Shared shared : node.shared()) {
      if (shared.tensor().equals(tensor)) {
        String of = shared.of();
        for (Network.Node other : network.nodes()) {
          if (of.startsWith(other.name() + ".")
              && of.substring(other.name().length() + 1).equals(tensor)) {
            return parameter(other, tensor);
          }
        }
        return (int) layout.region(of).offset();
      }
    }
    TensorRegion region = layout.region(node.name() + "." + tensor);
    return (int) region.offset();
  }

  private void run(Network.Node node, Map<String, ValueShape> shapes, int stream) {
    Module module = node.module();
    if (module instanceof InitialState initial) {
      int from = parameter(node, "values");
      double[] y =
          new double[(int) extent.elements(Objects.requireNonNull(shapes.get(node.name())))];
      for (int i = 0; i < y.length; i++) {
        int block = i / initial.width() / extent.batchSize(); // of every sequence the same
        y[i] = parameters[from + block * initial.width() + i % initial.width()];
      }
      values.put(node.name(), y);
      return;
    }
    String first = node.inputs().get(0);
    ValueShape shape = Objects.requireNonNull(shapes.get(first));
    int batchSize = extent.batchSize();
    int steps = steps(shape.axis());
    if (module instanceof Embedding embedding) {
      values.put(
          node.name(),
          rows(first, embedding.width(), parameter(node, "weights"), embedding.vocabularySize()));
    } else if (module instanceof OneHot oneHot) {
      values.put(node.name(), rows(first, oneHot.vocabularySize(), -1, oneHot.vocabularySize()));
    } else if (module instanceof Linear linear) {
      values.put(
          node.name(),
          linear(
              linear,
              value(first),
              parameter(node, "weights"),
              linear.bias() ? parameter(node, "bias") : -1));
    } else if (module instanceof LayerNorm norm) {
      values.put(
          node.name(),
          normal(
              norm, value(first), parameter(node, "gain"), parameter(node, "gain") + norm.width()));
    } else if (module instanceof Softmax) {
      double[] y = value(first).clone();
      for (int r = 0; r < y.length; r += shape.width()) {
        double sum = 0;
        for (int i = r; i < r + shape.width(); i++) {
          y[i] = Math.exp(y[i]);
          sum += y[i];
        }
        for (int i = r; i < r + shape.width(); i++) {
          y[i] /= sum;
        }
      }
      values.put(node.name(), y);
    } else if (module instanceof Activate activate) {
      values.put(
          node.name(),
          Arrays.stream(value(first))
              .map(x -> ReferenceActivation.of(activate.function(), x))
              .toArray());
    } else if (module instanceof Dropout dropout) {
      double[] y = value(first).clone();
      for (int i = 0; i < y.length; i++) {
        long word = Integer.toUnsignedLong(Philox.word(seed, stream, offset, i));
        y[i] =
            word < dropout.probability() * 0x1p32 ? 0 : y[i] / (1 - (double) dropout.probability());
      }
      values.put(node.name(), y);
    } else if (module instanceof Recurrent recurrent) {
      recurrent(node, recurrent, shape, stream);
    } else if (module instanceof LastStep last) {
      int width = shape.width() / last.direction().count();
      double[] y = new double[batchSize * shape.width()];
      for (int b = 0; b < batchSize; b++) {
        int length = length(shape.axis(), b);
        for (int j = 0; j < shape.width() && length > 0; j++) {
          int t = last.direction().isReverse(j / width) ? 0 : length - 1;
          y[b * shape.width() + j] = value(first)[(t * batchSize + b) * shape.width() + j];
        }
      }
      values.put(node.name(), y);
    } else if (module instanceof MergeDirections merge) {
      int width = shape.width() / 2;
      double factor = merge.how() == MergeDirections.How.SUM ? 1 : 0.5;
      double[] x = value(first);
      double[] y = new double[x.length / 2];
      for (int i = 0; i < y.length; i++) {
        int at = i / width * 2 * width + i % width;
        y[i] = factor * (x[at] + x[at + width]);
      }
      values.put(node.name(), y);
    } else if (module instanceof Concatenation) {
      int rows = shape.rows(steps, batchSize);
      int total = node.inputs().stream().mapToInt(i -> value(i).length / rows).sum();
      double[] y = new double[rows * total];
      int column = 0;
      for (String input : node.inputs()) {
        int width = value(input).length / rows;
        for (int r = 0; r < rows; r++) {
          System.arraycopy(value(input), r * width, y, r * total + column, width);
        }
        column += width;
      }
      values.put(node.name(), y);
    } else if (module instanceof Each each) {
      // Parts of a row lie in memory as rows do.
      Map<String, ValueShape> narrow = new HashMap<>(shapes);
      narrow.put(first, Shapes.withWidth(shape, shape.width() / each.parts()));
      run(
          new Network.Node(node.name(), each.module(), node.inputs(), node.shared()),
          narrow,
          stream);
    } else if (module instanceof Affine affine) {
      values.put(
          node.name(),
          Arrays.stream(value(first)).map(x -> affine.factor() * x + affine.offset()).toArray());
    } else if (module instanceof LearnedVector learned) {
      int from = parameter(node, "values");
      double[] y = new double[value(first).length / shape.width() * learned.width()];
      for (int i = 0; i < y.length; i++) {
        y[i] = parameters[from + i % learned.width()];
      }
      values.put(node.name(), y);
    } else if (module instanceof Columns columns) {
      values.put(node.name(), columns(columns, value(first)));
    } else if (module instanceof TimeStep one) {
      int from = (one.step() < 0 ? steps + one.step() : one.step()) * batchSize * shape.width();
      values.put(
          node.name(), Arrays.copyOfRange(value(first), from, from + batchSize * shape.width()));
    } else if (module instanceof Reverse) {
      double[] y = new double[value(first).length];
      for (int b = 0; b < batchSize; b++) {
        int length = length(shape.axis(), b);
        for (int t = 0; t < length; t++) {
          int from = ((length - 1 - t) * batchSize + b) * shape.width();
          int to = (t * batchSize + b) * shape.width();
          System.arraycopy(value(first), from, y, to, shape.width());
        }
      }
      values.put(node.name(), y);
    } else if (module instanceof StepsToColumns) {
      values.put(node.name(), swapped(value(first), steps, batchSize, shape.width()));
    } else if (module instanceof ColumnsToSteps apart) {
      values.put(
          node.name(),
          swapped(value(first), batchSize, apart.steps(), shape.width() / apart.steps()));
    } else if (module instanceof RepeatSteps repeated) {
      double[] y = new double[repeated.steps() * value(first).length];
      for (int i = 0; i < y.length; i++) {
        y[i] = value(first)[i % value(first).length];
      }
      values.put(node.name(), y);
    } else if (module instanceof RepeatAlong) {
      String axis = Objects.requireNonNull(shapes.get(node.inputs().get(1))).axis();
      double[] y = new double[steps(axis) * value(first).length];
      for (int i = 0; i < y.length; i++) {
        int row = i / shape.width();
        boolean there = row / batchSize < length(axis, row % batchSize);
        y[i] = there ? value(first)[i % value(first).length] : 0;
      }
      values.put(node.name(), y);
    } else if (module instanceof StateVectors vectors) {
      values.put(node.name(), vectors((ValueShape.State) shape, vectors.state(), value(first)));
    } else if (module instanceof VectorsState made) {
      double[] y = new double[batchSize * made.blocks() * made.states() * made.width()];
      for (int i = 0; i < y.length; i++) {
        int j = i % made.width();
        int b = i / made.width() % batchSize;
        int s = i / made.width() / batchSize % made.states();
        int block = i / made.width() / batchSize / made.states();
        y[i] =
            value(node.inputs().get(s))[
                b * made.blocks() * made.width() + block * made.width() + j];
      }
      values.put(node.name(), y);
    } else if (module instanceof StateBridge bridge) {
      values.put(node.name(), bridged(node, bridge, value(first)));
    } else if (module instanceof ScheduledTokens scheduled) {
      scheduled(node, scheduled, stream);
    } else if (module instanceof AdaptiveSoftmax) {
      values.put(node.name(), value(first).clone()); // whoever knows the targets does the rest
    } else if (module instanceof Sum) {
      double[] y = new double[value(first).length];
      for (String input : node.inputs()) {
        for (int i = 0; i < y.length; i++) {
          y[i] += value(input)[i];
        }
      }
      values.put(node.name(), y);
    } else if (module instanceof LogSoftmax) {
      double[] y = value(first).clone();
      for (int r = 0; r < y.length; r += shape.width()) {
        double sum = 0;
        for (int i = r; i < r + shape.width(); i++) {
          sum += Math.exp(y[i]);
        }
        for (int i = r; i < r + shape.width(); i++) {
          y[i] -= Math.log(sum);
        }
      }
      values.put(node.name(), y);
    } else if (module instanceof Product) {
      double[] y = value(first).clone();
      for (String input : node.inputs().subList(1, node.inputs().size())) {
        for (int i = 0; i < y.length; i++) {
          y[i] *= value(input)[i];
        }
      }
      values.put(node.name(), y);
    } else if (module instanceof ColumnSum sums) {
      double[] x = value(first);
      double[] y = new double[x.length / shape.width()];
      for (int i = 0; i < x.length; i++) {
        y[i / shape.width()] += x[i] / (sums.mean() ? shape.width() : 1);
      }
      values.put(node.name(), y);
    } else if (module instanceof Pool pool) {
      values.put(node.name(), pooled(pool.how(), shape, value(first)));
    } else {
      throw new IllegalArgumentException("the reference does not know " + module);
    }
  }

  private double[] pooled(Pool.How how, ValueShape shape, double[] x) {
    int columns = extent.batchSize() * shape.width();
    double[] y = new double[columns];
    for (int i = 0; i < columns; i++) {
      int length = length(shape.axis(), i / shape.width());
      for (int t = 0; t < length; t++) {
        double value = x[t * columns + i];
        switch (how) {
          case SUM -> y[i] += value;
          case MEAN -> y[i] += value / length;
          case MAXIMUM -> y[i] = t == 0 ? value : Math.max(y[i], value);
        }
      }
    }
    return y;
  }

  private static double[] columns(Columns columns, double[] x) {
    List<Integer> chosen = new ArrayList<>();
    for (Columns.Range range : columns.ranges()) {
      for (int i = 0; i < range.count(); i++) {
        chosen.add(range.first() + i);
      }
    }
    double[] y = new double[x.length / columns.inputWidth() * chosen.size()];
    for (int i = 0; i < y.length; i++) {
      y[i] = x[i / chosen.size() * columns.inputWidth() + chosen.get(i % chosen.size())];
    }
    return y;
  }

  /** {@code [n,m,width]} of {@code [m,n,width]}. */
  private static double[] swapped(double[] x, int m, int n, int width) {
    double[] y = new double[x.length];
    for (int i = 0; i < m; i++) {
      for (int j = 0; j < n; j++) {
        System.arraycopy(x, (i * n + j) * width, y, (j * m + i) * width, width);
      }
    }
    return y;
  }

  private double[] vectors(ValueShape.State shape, int state, double[] x) {
    int batchSize = extent.batchSize();
    double[] y = new double[batchSize * shape.blocks() * shape.width()];
    for (int b = 0; b < batchSize; b++) {
      for (int block = 0; block < shape.blocks(); block++) {
        int from = ((block * shape.states() + state) * batchSize + b) * shape.width();
        int to = (b * shape.blocks() + block) * shape.width();
        System.arraycopy(x, from, y, to, shape.width());
      }
    }
    return y;
  }

  /** Each vector of the decoder's state from those of the encoder's layer beside it. */
  private double[] bridged(Network.Node node, StateBridge bridge, double[] x) {
    int batchSize = extent.batchSize();
    ValueShape.State from = bridge.from();
    ValueShape.State to = bridge.to();
    int layers = from.blocks() / bridge.directions();
    double[] y = new double[to.blocks() * to.states() * batchSize * to.width()];
    for (int layer = 0; layer < to.blocks(); layer++) {
      int below = Math.max(0, layer + layers - to.blocks());
      for (int s = 0; s < to.states(); s++) {
        String suffix = "_" + layer + (s == 0 ? "_h" : "_c");
        int state = Math.min(s, from.states() - 1);
        for (int b = 0; b < batchSize; b++) {
          double[] joined = new double[bridge.directions() * from.width()];
          for (int k = 0; k < joined.length; k++) {
            int block = below * bridge.directions() + k / from.width();
            int vector = (block * from.states() + state) * batchSize + b;
            joined[k] = x[vector * from.width() + k % from.width()];
          }
          for (int j = 0; j < to.width(); j++) {
            double sum = joined[Math.min(j, joined.length - 1)];
            if (bridge.project()) {
              sum = parameters[parameter(node, "bias" + suffix) + j];
              int row = parameter(node, "weights" + suffix) + j * joined.length;
              for (int k = 0; k < joined.length; k++) {
                sum += parameters[row + k] * joined[k];
              }
              sum = s == 0 ? ReferenceActivation.of(bridge.activation(), sum) : sum;
            }
            y[((layer * to.states() + s) * batchSize + b) * to.width() + j] = sum;
          }
        }
      }
    }
    return y;
  }

  /** In training: what was given, or the likeliest of the step before. */
  private void scheduled(Network.Node node, ScheduledTokens scheduled, int stream) {
    int[] given = Objects.requireNonNull(tokens.get(node.inputs().get(0)));
    double[] logits = value(node.inputs().get(1));
    int vocabulary = logits.length / given.length;
    int batchSize = extent.batchSize();
    double probability = scheduled.schedule().probability(offset);
    int[] mixed = given.clone();
    for (int i = batchSize; i < mixed.length; i++) {
      int word = Philox.word(seed, stream, offset, i) >>> 8;
      if (word >= Math.round(probability * (1 << 24))) {
        int from = (i - batchSize) * vocabulary;
        int best = 0;
        for (int v = 1; v < vocabulary; v++) {
          best = logits[from + v] > logits[from + best] ? v : best;
        }
        mixed[i] = best;
      }
    }
    tokens.put(node.name(), mixed);
  }

  private double[] rows(String input, int width, int table, int vocabularySize) {
    int[] ids = Objects.requireNonNull(tokens.get(input));
    int[] ends =
        Objects.requireNonNull(
            lengths.get(Objects.requireNonNull(network.shapes().get(input)).axis()));
    double[] y = new double[ids.length * width];
    for (int i = 0; i < ids.length; i++) {
      boolean valid = i / ends.length < ends[i % ends.length];
      for (int j = 0; j < width && valid; j++) {
        y[i * width + j] =
            table < 0 ? (ids[i] == j ? 1 : 0) : parameters[table + ids[i] * width + j];
      }
      assert ids[i] < vocabularySize;
    }
    return y;
  }

  private double[] linear(Linear linear, double[] x, int weights, int bias) {
    int inputs = linear.inputSize();
    int outputs = linear.outputSize();
    double[] y = new double[x.length / inputs * outputs];
    for (int r = 0; r < x.length / inputs; r++) {
      for (int j = 0; j < outputs; j++) {
        double sum = bias < 0 ? 0 : parameters[bias + j];
        for (int k = 0; k < inputs; k++) {
          sum += parameters[weights + j * inputs + k] * x[r * inputs + k];
        }
        y[r * outputs + j] = ReferenceActivation.of(linear.activation(), sum);
      }
    }
    return y;
  }

  private double[] normal(LayerNorm norm, double[] x, int gain, int bias) {
    int n = norm.width();
    double[] y = new double[x.length];
    for (int r = 0; r < x.length / n; r++) {
      double mean = 0;
      double variance = 0;
      for (int j = 0; j < n; j++) {
        mean += x[r * n + j] / n;
      }
      for (int j = 0; j < n; j++) {
        variance += Math.pow(x[r * n + j] - mean, 2) / n;
      }
      for (int j = 0; j < n; j++) {
        double unit = (x[r * n + j] - mean) / Math.sqrt(variance + norm.epsilon());
        y[r * n + j] = parameters[gain + j] * unit + parameters[bias + j];
      }
    }
    return y;
  }

  private void recurrent(Network.Node node, Recurrent recurrent, ValueShape shape, int stream) {
    RnnShape stack = recurrent.stack().shape(steps(shape.axis()), extent.batchSize());
    String tensor = recurrent.parameters().get(0).tensors().get(0).name();
    int from = parameter(node, tensor);
    List<String> inputs = node.inputs();
    RnnProblem problem =
        new RnnProblem(
                stack,
                Arrays.copyOfRange(
                    parameters, from, from + (int) stack.parameterLayout().totalElements()),
                value(inputs.get(0)),
                lengths.get(shape.axis()),
                inputs.size() == 2 ? value(inputs.get(1)) : null,
                new double[(int) stack.outputElements()],
                new double[(int) stack.stateElements()],
                seed,
                offset,
                true)
            .withDropoutStream(stream);
    ReferenceRnn.Outputs outputs = ReferenceRnn.forward(problem);
    values.put(node.name(), outputs.y);
    values.put(node.name() + "." + Recurrent.FINAL_STATE, outputs.finalState);
  }
}
