package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertAll;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.WeightStorage;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;

/**
 * Random compositions of modules, forward and backward on every backend, against a plain reference
 * in double precision and its finite differences. {@code -Dsequor.networks=N} tries so many, and
 * {@code -Dsequor.networks.seed} begins with another.
 */
class RandomNetworksTest {
  private static final int COUNT = Integer.getInteger("sequor.networks", 240);
  private static final long FIRST = Long.getLong("sequor.networks.seed", 1);

  /** Elements of one tensor whose finite differences are taken, at most. */
  private static final int ELEMENTS = 24;

  private static List<String> devices() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name)
        .toList();
  }

  /** A network with numbers, and what the reference makes of it. */
  private static final class Problem {
    final long seed;
    final Network network;
    final Extent extent;
    final ReferenceNetwork reference;
    final SplittableRandom random;
    final Map<String, int[]> padded = new HashMap<>();

    Problem(long seed) {
      this.seed = seed;
      RandomNetwork.Drawn drawn = RandomNetwork.draw(seed);
      this.network = drawn.network();
      this.extent = network.complete(drawn.extent());
      this.random = new SplittableRandom(seed);
      this.reference = new ReferenceNetwork(network, extent);
      int batchSize = extent.batchSize();
      drawn
          .extent()
          .timeSteps()
          .forEach(
              (axis, steps) -> {
                boolean full = random.nextInt(3) == 0;
                int[] lengths = new int[batchSize];
                for (int b = 0; b < batchSize; b++) {
                  lengths[b] = full ? steps : random.nextInt(steps + 1);
                }
                reference.lengths.put(axis, lengths);
                if (!full) {
                  padded.put(axis, lengths);
                }
              });
      for (int i = 0; i < reference.parameters.length; i++) {
        reference.parameters[i] = number(0.8);
      }
      for (Network.Input input : network.inputs()) {
        int elements = (int) extent.elements(input.shape());
        if (input.shape() instanceof ValueShape.Tokens tokens) {
          reference.tokens.put(
              input.name(), random.ints(elements, 0, tokens.vocabularySize()).toArray());
        } else {
          double[] values = new double[elements];
          for (int j = 0; j < elements; j++) {
            values[j] = number(1.5);
          }
          if (input.shape() instanceof ValueShape.Sequence sequence) {
            zeroPadding(sequence, values);
          }
          reference.reals.put(input.name(), values);
        }
      }
      reference.seed = random.nextLong();
      reference.offset = random.nextLong(1L << 40);
      for (String output : network.outputs()) {
        double[] factors = new double[(int) extent.elements(present(network.shapes().get(output)))];
        for (int j = 0; j < factors.length; j++) {
          factors[j] = number(2);
        }
        reference.factors.put(output, factors);
      }
    }

    private double number(double range) {
      return (float) (range * (random.nextDouble() - 0.5));
    }

    private void zeroPadding(ValueShape.Sequence shape, double[] values) {
      int[] lengths = present(reference.lengths.get(shape.axis()));
      int batchSize = extent.batchSize();
      for (int i = 0; i < values.length; i++) {
        int row = i / shape.width();
        if (row / batchSize >= lengths[row % batchSize]) {
          values[i] = 0;
        }
      }
    }

    boolean isPadding(String input, int element) {
      ValueShape shape = present(network.shapes().get(input));
      if (!(shape instanceof ValueShape.Sequence)) {
        return false;
      }
      int row = element / shape.width();
      int[] lengths = present(reference.lengths.get(shape.axis()));
      return row / extent.batchSize() >= lengths[row % extent.batchSize()];
    }

    Set<String> realInputs() {
      return reference.reals.keySet();
    }
  }

  private static <T> T present(@Nullable T value) {
    return Objects.requireNonNull(value);
  }

  private static float[] floats(double[] values) {
    float[] floats = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      floats[i] = (float) values[i];
    }
    return floats;
  }

  /** What a backend makes of a problem, compared with the reference. */
  private static final class Run implements AutoCloseable {
    final NetworkWeights weights;
    final NetworkPass pass;
    final float[] gradients;
    final Map<String, float[]> inputGradients = new HashMap<>();
    final Map<String, float[]> outputs = new HashMap<>();

    Run(Backend backend, Problem p) {
      weights = NetworkWeights.draw(backend, p.network, 1);
      weights.parameters().write(floats(p.reference.parameters));
      pass =
          new NetworkPass(weights, p.extent, Mode.TRAINING, WeightStorage.FLOAT32, p.realInputs());
      for (Network.Input input : p.network.inputs()) {
        int[] lengths = input.bringsAxis() ? p.padded.get(input.name()) : null;
        if (input.shape() instanceof ValueShape.Tokens) {
          pass.put(input.name(), present(p.reference.tokens.get(input.name())), lengths);
        } else {
          pass.put(input.name(), floats(present(p.reference.reals.get(input.name()))), lengths);
        }
      }
      pass.randomNumbers(p.reference.seed, p.reference.offset);
      pass.upload();
      for (int repeat = 0; repeat < 2; repeat++) { // the second time from memory that was used
        weights.zeroGradients();
        pass.forward();
        for (String output : p.network.outputs()) {
          outputs.put(output, pass.value(output).readFloats());
        }
        p.reference.factors.forEach(
            (output, factors) -> pass.gradient(output).write(floats(factors)));
        pass.backward();
      }
      gradients = weights.gradients().readFloats();
      p.realInputs().forEach(name -> inputGradients.put(name, gradient(name)));
    }

    private float[] gradient(String input) {
      try {
        return pass.gradient(input).readFloats();
      } catch (IllegalArgumentException e) {
        return new float[(int) pass.value(input).elements()]; // no output depends on it
      }
    }

    @Override
    public void close() {
      pass.close();
      weights.close();
    }
  }

  private static void compare(
      String what, double[] expected, float[] actual, List<Integer> elements, double bar) {
    double largest = 1e-2;
    for (double value : expected) {
      largest = Math.max(largest, Math.abs(value));
    }
    for (int i = 0; i < expected.length; i++) {
      int at = elements.isEmpty() ? i : elements.get(i);
      assertEquals(expected[i], actual[at], bar * largest, what + "[" + at + "]");
    }
  }

  private static List<Integer> some(SplittableRandom random, int from, int count) {
    List<Integer> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      all.add(from + i);
    }
    while (all.size() > ELEMENTS) {
      all.remove(random.nextInt(all.size()));
    }
    return all;
  }

  private static double[] differences(Problem p, double[] variable, List<Integer> elements) {
    return elements.stream().mapToDouble(i -> p.reference.finiteDifference(variable, i)).toArray();
  }

  private static void check(Problem p, Map<String, Run> runs) {
    String where = "seed " + p.seed + " " + p.network + " on ";
    p.reference.objective();
    for (String output : p.network.outputs()) {
      double[] expected = p.reference.value(output).clone();
      runs.forEach(
          (device, run) ->
              compare(
                  where + device + ": " + output,
                  expected,
                  present(run.outputs.get(output)),
                  List.of(),
                  2e-5));
    }
    for (TensorRegion region : p.network.layout().regions()) {
      List<Integer> elements = some(p.random, (int) region.offset(), (int) region.elements());
      double[] expected = differences(p, p.reference.parameters, elements);
      runs.forEach(
          (device, run) ->
              compare(
                  where + device + ": d" + region.name(), expected, run.gradients, elements, 1e-4));
    }
    for (String input : p.realInputs()) {
      double[] values = present(p.reference.reals.get(input));
      // Padding is exactly 0, where the slope of a ReLU has two sides.
      List<Integer> elements = some(p.random, 0, values.length);
      elements.removeIf(i -> p.isPadding(input, i));
      if (elements.isEmpty()) {
        continue;
      }
      double[] expected = differences(p, values, elements);
      runs.forEach(
          (device, run) ->
              compare(
                  where + device + ": d" + input,
                  expected,
                  present(run.inputGradients.get(input)),
                  elements,
                  1e-4));
    }
  }

  @Test
  void everyBackendComputesWhatTheReferenceDoes() {
    List<String> devices = devices();
    assertTrue(devices.contains("java"), devices::toString);
    Map<String, Backend> backends = new HashMap<>();
    Set<String> seen = new HashSet<>();
    List<Executable> checks = new ArrayList<>();
    try {
      devices.forEach(device -> backends.put(device, Devices.open(device)));
      for (long seed = FIRST; seed < FIRST + COUNT; seed++) {
        Problem p = new Problem(seed);
        p.network.nodes().forEach(node -> seen.add(node.module().getClass().getSimpleName()));
        Map<String, Run> runs = new HashMap<>();
        try {
          backends.forEach((device, backend) -> runs.put(device, new Run(backend, p)));
          check(p, runs);
        } catch (AssertionError e) {
          checks.add(
              () -> {
                throw e;
              });
        } finally {
          runs.values().forEach(Run::close);
        }
      }
      assertEquals(
          Map.of(),
          backends.entrySet().stream()
              .filter(e -> !e.getValue().openResources().isEmpty())
              .collect(Collectors.toMap(Map.Entry::getKey, e -> e.getValue().openResources())));
    } finally {
      backends.values().forEach(Backend::close);
    }
    assertAll(checks);
    if (COUNT >= 100) {
      assertEquals(
          Set.of(
              "Activate",
              "AdaptiveSoftmax",
              "Affine",
              "Columns",
              "ColumnsToSteps",
              "Each",
              "LearnedVector",
              "RepeatAlong",
              "RepeatSteps",
              "Reverse",
              "StateVectors",
              "StepsToColumns",
              "TimeStep",
              "VectorsState",
              "Concatenation",
              "Dropout",
              "Embedding",
              "InitialState",
              "LastStep",
              "LayerNorm",
              "Linear",
              "MergeDirections",
              "OneHot",
              "Recurrent",
              "ScheduledTokens",
              "Softmax",
              "StateBridge",
              "Sum",
              "ColumnSum",
              "LogSoftmax",
              "Pool",
              "Product"),
          seen);
    }
  }
}
