package dev.sequor.module;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.BackendUnavailableException;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.WeightStorage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * On the host backends no bit of what inference makes of a sequence depends on what else is in its
 * batch, on how large the batch is, as long as that is a multiple of four, or on how long the
 * others are: random networks, and stacks of sizes at which products have several tiles.
 */
class SequencesApartTest {
  private static final int NETWORKS = Integer.getInteger("sequor.test.samples", 60);

  /** What a network is given of one sequence, and how long it is along each time axis. */
  private record Sequence(Map<String, Integer> lengths, Map<String, float[]> inputs) {}

  private static Backend open(String device, String instructionSet, String math) {
    BackendSettings.Builder settings = BackendSettings.builder().threads(2).mathMode(math);
    if (!instructionSet.isEmpty()) {
      settings.instructionSet(instructionSet);
    }
    try {
      return Devices.open(device, settings.build());
    } catch (BackendUnavailableException e) { // no compiler, or another processor
      assumeTrue(false, String.valueOf(e.getMessage()));
      throw e;
    }
  }

  private static Sequence draw(Network network, int longest, SplittableRandom random) {
    Map<String, Integer> lengths = new HashMap<>(network.fixedSteps());
    timeSteps(network, longest)
        .forEach(
            (axis, most) ->
                lengths.put(axis, random.nextInt(4) == 0 ? most : random.nextInt(most + 1)));
    Map<String, float[]> inputs = new HashMap<>();
    for (Network.Input input : network.inputs()) {
      ValueShape shape = input.shape();
      float[] values = new float[steps(shape, lengths) * shape.width()];
      for (int i = 0; i < values.length; i++) {
        values[i] =
            shape instanceof ValueShape.Tokens tokens
                ? random.nextInt(tokens.vocabularySize())
                : (float) (random.nextDouble() * 3 - 1.5);
      }
      inputs.put(input.name(), values);
    }
    return new Sequence(lengths, inputs);
  }

  /** {@code T} of each time axis: {@code longest}, but where another step is another input. */
  private static Map<String, Integer> timeSteps(Network network, int longest) {
    Map<String, Integer> timeSteps = new HashMap<>();
    for (Network.Input input : network.inputs()) {
      ReadsSteps.Needed needed = network.unpaddedAxes().get(input.name());
      if (input.bringsAxis()) {
        timeSteps.put(input.name(), needed == null ? longest : needed.fewest());
      }
    }
    return timeSteps;
  }

  /** Of a value along a time axis the steps that a sequence has; 1 of others. */
  private static int steps(ValueShape shape, Map<String, Integer> lengths) {
    boolean alongTime = shape instanceof ValueShape.Tokens || shape instanceof ValueShape.Sequence;
    return alongTime ? requireNonNull(lengths.get(shape.axis())) : 1;
  }

  /** The outputs of each sequence, from one pass over all of them at the given places. */
  private static List<Map<String, float[]>> run(
      NetworkWeights weights, List<Sequence> sequences, int[] places, int batchSize, int longest) {
    Network network = weights.network();
    Extent extent = new Extent(batchSize, timeSteps(network, longest));
    try (NetworkPass pass =
        new NetworkPass(weights, extent, Mode.INFERENCE, WeightStorage.FLOAT32, Set.of())) {
      for (boolean axes : new boolean[] {true, false}) { // those that bring a time axis first
        for (Network.Input input : network.inputs()) {
          if (input.bringsAxis() == axes) {
            put(pass, input, sequences, places);
          }
        }
      }
      pass.upload();
      pass.forward();
      List<Map<String, float[]>> results = new ArrayList<>();
      sequences.forEach(sequence -> results.add(new HashMap<>()));
      for (String output : network.outputs()) {
        ValueShape shape = requireNonNull(network.shapes().get(output));
        float[] all = pass.value(output).readFloats();
        for (int i = 0; i < places.length; i++) {
          int width = shape.width();
          float[] own = new float[steps(shape, sequences.get(i).lengths()) * width];
          for (int t = 0; t * width < own.length; t++) {
            int from = (t * batchSize + places[i]) * width;
            System.arraycopy(all, from, own, t * width, width);
          }
          results.get(i).put(output, own);
        }
      }
      return results;
    }
  }

  private static void put(
      NetworkPass pass, Network.Input input, List<Sequence> sequences, int[] places) {
    ValueShape shape = input.shape();
    int batchSize = pass.extent().batchSize();
    int width = shape.width();
    float[] all = new float[(int) pass.extent().elements(shape)];
    int[] lengths = new int[batchSize];
    for (int i = 0; i < places.length; i++) {
      float[] own = requireNonNull(sequences.get(i).inputs().get(input.name()));
      for (int t = 0; t * width < own.length; t++) {
        System.arraycopy(own, t * width, all, (t * batchSize + places[i]) * width, width);
      }
      lengths[places[i]] = steps(shape, sequences.get(i).lengths());
    }
    if (shape instanceof ValueShape.Tokens) {
      int[] tokens = new int[all.length];
      for (int i = 0; i < all.length; i++) {
        tokens[i] = (int) all[i];
      }
      pass.put(input.name(), tokens, input.bringsAxis() ? lengths : null);
    } else {
      pass.put(input.name(), all, input.bringsAxis() ? lengths : null);
    }
  }

  /** {@code count} different numbers below {@code bound}. */
  private static int[] places(int count, int bound, SplittableRandom random) {
    int[] all = new int[bound];
    for (int i = 0; i < bound; i++) {
      int j = random.nextInt(i + 1);
      all[i] = all[j];
      all[j] = i;
    }
    return Arrays.copyOf(all, count);
  }

  private static void check(Backend backend, Network network, int longest, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    try (NetworkWeights weights = NetworkWeights.draw(backend, network, seed)) {
      int count = random.nextInt(1, 21);
      List<Sequence> sequences = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        sequences.add(draw(network, longest, random));
      }
      int batchSize = (count + 3) / 4 * 4 + 4 * random.nextInt(2);
      int[] places = places(count, batchSize, random);
      List<Map<String, float[]>> together = run(weights, sequences, places, batchSize, longest);
      for (int i = 0; i < count; i++) {
        List<Sequence> one = List.of(sequences.get(i));
        int[] place = {random.nextInt(4)};
        Map<String, float[]> alone =
            run(weights, one, place, 4, longest + random.nextInt(3)).get(0);
        for (String output : network.outputs()) {
          assertArrayEquals(
              alone.get(output),
              together.get(i).get(output),
              backend.name() + ", network " + seed + ": '" + output + "' of sequence " + i);
        }
      }
    }
  }

  @ParameterizedTest
  @CsvSource({
    "cpu,AVX-512,fp32",
    "cpu,AVX2,fp32",
    "cpu,baseline,fp32",
    "cpu,AVX-512,bf16",
    "cpu,AVX2,bf16",
    "java,'',fp32"
  })
  void aSequenceIsTheSameInAnyBatch(String device, String instructionSet, String math) {
    try (Backend backend = open(device, instructionSet, math)) {
      assertEquals(math.equals("bf16"), backend.name().contains("bf16"), backend.name());
      assertTrue(backend.isBatchInvariant());
      for (long seed = 1; seed <= NETWORKS; seed++) {
        check(backend, RandomNetwork.draw(seed).network(), 5, seed);
      }
      for (CellType cell : CellType.values()) {
        Network wide =
            Network.builder()
                .vectors("x", 37)
                .add("lower", Recurrent.of(cell, 37, 70), "x")
                .add("upper", Recurrent.of(cell, 70, 24), "lower")
                .add("y", new Linear(24, 33), "upper")
                .build();
        check(backend, wide, 9, cell.gates());
      }
    }
  }
}
