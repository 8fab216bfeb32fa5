package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.DType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.WeightStorage;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Pools beyond what random networks show: padding is not read, and steps may be recorded. */
class PoolTest {
  private static final int T = 5;
  private static final int B = 3;
  private static final int W = 4;

  static Stream<Arguments> everywhere() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .flatMap(
            status ->
                Arrays.stream(Pool.How.values()).map(how -> Arguments.of(status.name(), how)));
  }

  private static Network network(Pool.How how) {
    return Network.builder().vectors("x", W).add("y", new Pool(how), "x").build();
  }

  private static NetworkPass pass(NetworkWeights weights) {
    return new NetworkPass(
        weights, Extent.of("x", T, B), Mode.TRAINING, WeightStorage.FLOAT32, Set.of("x"));
  }

  /** Steps past a sequence's end are no numbers. */
  private static float[] values(SplittableRandom random, int[] lengths) {
    float[] x = new float[T * B * W];
    for (int i = 0; i < x.length; i++) {
      int row = i / W;
      x[i] = row / B < lengths[row % B] ? (float) random.nextDouble(-1, 1) : Float.NaN;
    }
    return x;
  }

  private static double pooled(Pool.How how, float[] x, int[] lengths, int b, int j) {
    double sum = 0;
    double largest = Double.NEGATIVE_INFINITY;
    for (int t = 0; t < lengths[b]; t++) {
      double value = x[(t * B + b) * W + j];
      sum += value;
      largest = Math.max(largest, value);
    }
    if (lengths[b] == 0) {
      return 0;
    }
    return switch (how) {
      case SUM -> sum;
      case MEAN -> sum / lengths[b];
      case MAXIMUM -> largest;
    };
  }

  @ParameterizedTest
  @MethodSource("everywhere")
  void paddingIsNotReadInStepsThatMayBeRecorded(String device, Pool.How how) {
    SplittableRandom random = new SplittableRandom(7);
    float[] dy = new float[B * W];
    for (int i = 0; i < dy.length; i++) {
      dy[i] = (float) random.nextDouble(-1, 1);
    }
    try (Backend backend = Devices.open(device);
        NetworkWeights weights = NetworkWeights.draw(backend, network(how), 1);
        NetworkPass pass = pass(weights)) {
      Buffer upstream = backend.allocate(DType.FLOAT32, dy.length);
      upstream.write(dy);
      Buffer y = backend.allocate(DType.FLOAT32, dy.length);
      for (int[] lengths : List.of(new int[] {5, 3, 1}, new int[] {0, 5, 2}, new int[] {2, 0, 4})) {
        float[] x = values(random, lengths);
        pass.put("x", x, lengths);
        backend.step(
            "step",
            pass.takeInputs(),
            () -> {
              pass.forward();
              backend.copy(pass.value("y"), y); // the gradient takes its place
              backend.copy(upstream, pass.gradient("y"));
              pass.backward();
            });
        check(how, x, lengths, dy, y.readFloats(), pass.gradient("x").readFloats());
      }
    }
  }

  private static void check(
      Pool.How how, float[] x, int[] lengths, float[] dy, float[] y, float[] dx) {
    for (int i = 0; i < x.length; i++) {
      int column = i % (B * W);
      int length = lengths[column / W];
      double expected = pooled(how, x, lengths, column / W, column % W);
      assertEquals(expected, y[column], 1e-6);
      boolean takesPart = i / (B * W) < length && (how != Pool.How.MAXIMUM || x[i] == expected);
      double slope = takesPart ? (how == Pool.How.MEAN ? 1.0 / length : 1) : 0;
      assertEquals(slope * dy[column], dx[i], 1e-7, "dx[" + i + "]");
    }
  }

  @Test
  void windowsOfAStreamAreNoSequences() {
    for (Pool.How how : Pool.How.values()) {
      assertFalse(network(how).canContinue(), how.name());
    }
  }
}
