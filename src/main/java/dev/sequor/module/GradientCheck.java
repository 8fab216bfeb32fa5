package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.Mode;
import dev.sequor.backend.Required;
import dev.sequor.backend.WeightStorage;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/**
 * Checks the backward passes of a network, or of one module, against finite differences of its
 * forward passes: for whoever writes a module. The function whose gradient is taken is the sum of
 * all outputs, each element with a random factor of its own; at random weights and inputs, along
 * random directions of one tensor or one input at a time, central differences with Richardson's
 * extrapolation are compared with the gradient. Forward passes are float32, so of a right gradient
 * about three digits are seen to be right; of a wrong one usually none.
 *
 * <pre>{@code
 * GradientCheck.of(backend, new MyModule(8), List.of(new ValueShape.Sequence("x", 8)), 5, 3)
 *     .requireWithin(1e-2);
 * }</pre>
 */
public final class GradientCheck {
  private static final int DIRECTIONS = 3;
  private static final double STEP = 0x1p-6;

  private final Map<String, Double> errors = new LinkedHashMap<>();

  private GradientCheck() {}

  /**
   * Checks one module.
   *
   * @param inputs what it reads; all sequences and tokens along one axis, {@code "x"}
   * @param timeSteps {@code T}; the first sequence has all steps, others end earlier
   * @param batchSize {@code B}
   */
  public static GradientCheck of(
      Backend backend, Module module, List<ValueShape> inputs, int timeSteps, int batchSize) {
    Required.present("module", module);
    Network.Builder network = Network.builder();
    String[] names = new String[Shapes.copy("inputs", inputs).size()];
    for (int i = 0; i < names.length; i++) {
      names[i] = i == 0 ? "x" : "x" + i;
      network.input(names[i], inputs.get(i));
    }
    network.add("module", module, names);
    List<Module.Output> outputs = module.outputs(inputs);
    for (int i = 0; i < outputs.size(); i++) {
      network.output(i == 0 ? "module" : "module." + outputs.get(i).name());
    }
    return of(backend, network.build(), Extent.of("x", timeSteps, batchSize), 1);
  }

  /**
   * Checks a network: its gradient by every tensor and every input of real numbers.
   *
   * @param seed of weights, inputs and directions
   */
  public static GradientCheck of(Backend backend, Network network, Extent extent, long seed) {
    GradientCheck check = new GradientCheck();
    Required.present("backend", backend);
    Required.present("network", network);
    Required.present("extent", extent);
    Set<String> reals = new HashSet<>();
    for (Network.Input input : network.inputs()) {
      if (!(input.shape() instanceof ValueShape.Tokens)) {
        reals.add(input.name());
      }
    }
    try (NetworkWeights weights = NetworkWeights.draw(backend, network, seed);
        NetworkPass pass =
            new NetworkPass(weights, extent, Mode.TRAINING, WeightStorage.FLOAT32, reals)) {
      check.run(new Problem(network, weights, pass, reals, new Random(seed)));
    }
    return check;
  }

  /** Everything random that stays the same while one thing is moved. */
  private static final class Problem {
    final NetworkWeights weights;
    final NetworkPass pass;
    final Random random;
    final Map<String, ValueShape> shapes;
    final Map<String, float[]> factors = new LinkedHashMap<>();
    final Map<String, float[]> inputs = new LinkedHashMap<>();
    final float[] parameters;

    Problem(
        Network network,
        NetworkWeights weights,
        NetworkPass pass,
        Set<String> reals,
        Random random) {

      this.shapes = network.shapes();
      this.weights = weights;
      this.pass = pass;
      this.random = random;
      this.parameters = numbers(weights.parameters().elements(), 0.5);
      for (Network.Input input : network.inputs()) {
        Buffer buffer = pass.value(input.name());
        if (reals.contains(input.name())) {
          inputs.put(input.name(), numbers(buffer.elements(), 1));
          pass.put(input.name(), input(input.name()), lengths(input));
        } else if (input.shape() instanceof ValueShape.Tokens tokens) {
          int[] ids = random.ints(buffer.elements(), 0, tokens.vocabularySize()).toArray();
          pass.put(input.name(), ids, lengths(input));
        }
      }
      pass.randomNumbers(random.nextLong(), 3);
      pass.upload();
      for (String output : network.outputs()) {
        factors.put(output, numbers(pass.value(output).elements(), 1));
      }
    }

    private float[] numbers(long elements, double deviation) {
      float[] numbers = new float[Math.toIntExact(elements)];
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = (float) (deviation * random.nextGaussian());
      }
      return numbers;
    }

    private float[] input(String name) {
      float[] numbers = inputs.get(name);
      if (numbers == null) {
        throw new IllegalStateException("no numbers for " + name);
      }
      return numbers;
    }

    private int @org.jspecify.annotations.Nullable [] lengths(Network.Input input) {
      if (!input.bringsAxis()) {
        return null;
      }
      int[] lengths = pass.lengthsOnHost(input.name()).clone();
      for (int b = 1; b < lengths.length; b++) {
        lengths[b] = random.nextInt(lengths[b] + 1);
      }
      return lengths;
    }

    /** {@code direction} without what lies past a sequence's end, which nobody looks at. */
    private float[] inside(String name, float[] direction) {
      ValueShape shape = shapes.get(name);
      if (shape instanceof ValueShape.Sequence sequence) {
        int[] lengths = pass.lengthsOnHost(sequence.axis());
        for (int i = 0; i < direction.length; i++) {
          int row = i / sequence.width();
          if (row / lengths.length >= lengths[row % lengths.length]) {
            direction[i] = 0f;
          }
        }
      }
      return direction;
    }

    /** The function at {@code numbers + step·direction}, of one input or of all parameters. */
    double at(String input, float[] numbers, float[] direction, double step) {
      float[] moved = numbers.clone();
      for (int i = 0; i < moved.length; i++) {
        moved[i] = (float) (moved[i] + step * direction[i]);
      }
      if (input.isEmpty()) {
        weights.parameters().write(moved);
      } else {
        pass.value(input).write(moved);
      }
      pass.forward();
      double sum = 0;
      for (Map.Entry<String, float[]> output : factors.entrySet()) {
        float[] y = pass.value(output.getKey()).readFloats();
        for (int i = 0; i < y.length; i++) {
          sum += (double) y[i] * output.getValue()[i];
        }
      }
      return sum;
    }

    /** The derivative along {@code direction}. */
    double difference(String input, float[] numbers, float[] direction) {
      double near = at(input, numbers, direction, STEP) - at(input, numbers, direction, -STEP);
      double far =
          at(input, numbers, direction, 2 * STEP) - at(input, numbers, direction, -2 * STEP);
      at(input, numbers, direction, 0);
      return (8 * near - far) / (12 * STEP);
    }
  }

  private void run(Problem p) {
    p.at("", p.parameters, p.parameters, 0);
    p.weights.zeroGradients();
    p.factors.forEach((output, factors) -> p.pass.gradient(output).write(factors));
    p.pass.backward();
    float[] gradient = p.weights.gradients().readFloats();
    Map<String, float[]> inputGradients = new LinkedHashMap<>();
    p.inputs.keySet().forEach(name -> inputGradients.put(name, p.pass.gradient(name).readFloats()));
    for (TensorRegion region : p.weights.layout().regions()) {
      List<float[]> directions = new ArrayList<>();
      for (int i = 0; i < DIRECTIONS; i++) {
        float[] within = p.numbers(region.elements(), 1);
        float[] direction = new float[p.parameters.length];
        System.arraycopy(within, 0, direction, (int) region.offset(), within.length);
        directions.add(direction);
      }
      compare(p, "", region.name(), p.parameters, gradient, directions);
    }
    for (Map.Entry<String, float[]> input : p.inputs.entrySet()) {
      String name = input.getKey();
      List<float[]> directions = new ArrayList<>();
      for (int i = 0; i < DIRECTIONS; i++) {
        directions.add(p.inside(name, p.numbers(input.getValue().length, 1)));
      }
      float[] known = inputGradients.getOrDefault(name, new float[0]);
      compare(p, name, name, p.pass.value(name).readFloats(), known, directions);
    }
  }

  private void compare(
      Problem p,
      String input,
      String name,
      float[] numbers,
      float[] gradient,
      List<float[]> directions) {
    double worst = 0;
    for (float[] direction : directions) {
      double length = 0;
      double product = 0;
      double size = 0;
      for (float number : direction) {
        length += (double) number * number;
      }
      float scale = (float) (1 / Math.sqrt(length));
      for (int i = 0; i < direction.length; i++) {
        direction[i] *= scale;
        product += (double) gradient[i] * direction[i];
        size += direction[i] == 0 ? 0 : (double) gradient[i] * gradient[i];
      }
      double difference = p.difference(input, numbers, direction);
      // By the length of the gradient: a direction at right angles to it says as much.
      double unit = Math.max(1e-3, Math.sqrt(size));
      double error = Math.abs(difference - product) / unit;
      worst = Math.max(worst, Double.isNaN(error) ? Double.POSITIVE_INFINITY : error);
    }
    errors.put(name, worst);
  }

  /** The largest error of each tensor and input, as a part of the length of the gradient by it. */
  public Map<String, Double> errors() {
    return Map.copyOf(errors);
  }

  /**
   * Throws if an error is larger.
   *
   * @throws AssertionError naming every tensor and input whose gradient is off, and how far
   */
  public void requireWithin(double tolerance) {
    Map<String, Double> wrong = new LinkedHashMap<>(errors);
    wrong.values().removeIf(error -> error <= tolerance);
    if (!wrong.isEmpty()) {
      throw new AssertionError(
          "the backward pass does not fit the forward pass; errors, as parts of the gradients: "
              + wrong
              + "; needed at most "
              + tolerance);
    }
  }
}
