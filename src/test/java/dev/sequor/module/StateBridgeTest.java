package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Which state comes from which, and by which product. */
final class StateBridgeTest {
  private static final int B = 3;

  @ParameterizedTest(name = "{0} layers of {1} directions and {2} states to {3} of {4}")
  @CsvSource({
    "1, 1, 1, 1, 1, false",
    "3, 1, 2, 2, 2, false",
    "1, 1, 2, 3, 1, false",
    "2, 2, 2, 2, 2, true",
    "3, 2, 1, 2, 2, true",
    "2, 1, 2, 4, 1, true",
  })
  void eachVectorComesFromItsLayer(
      int layers, int directions, int states, int toLayers, int toStates, boolean project) {
    int width = 4;
    int toWidth = project ? 5 : width;
    ValueShape.State from = new ValueShape.State(layers * directions, states, width);
    ValueShape.State to = new ValueShape.State(toLayers, toStates, toWidth);
    Network network =
        Network.builder()
            .input("s", from)
            .add("bridge", new StateBridge(from, directions, to, Activation.TANH, project), "s")
            .build();
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkPass pass = new NetworkPass(weights, new Extent(B, Map.of()), Mode.INFERENCE)) {
      float[] given = new float[layers * directions * states * B * width];
      Random random = new Random(2);
      for (int i = 0; i < given.length; i++) {
        given[i] = random.nextFloat() - 0.5f;
      }
      pass.put("s", given, null);
      pass.upload();
      pass.forward();
      float[] actual = pass.value("bridge").readFloats();
      for (int l = 0; l < toLayers; l++) {
        // Three layers to two: the upper ones. One to three: the only one, always.
        int source = Math.max(0, l + layers - toLayers);
        for (int s = 0; s < toStates; s++) {
          float[] w =
              project ? weights.value("bridge.weights_" + l + "_" + (s == 0 ? "h" : "c")) : null;
          for (int b = 0; b < B; b++) {
            for (int j = 0; j < toWidth; j++) {
              double sum = 0;
              for (int d = 0; d < directions; d++) {
                int vector = (source * directions + d) * states + Math.min(s, states - 1);
                for (int k = 0; k < width; k++) {
                  double x = given[(vector * B + b) * width + k];
                  double factor =
                      w == null ? (j == k ? 1 : 0) : w[j * directions * width + d * width + k];
                  sum += factor * x;
                }
              }
              double expected = project && s == 0 ? Math.tanh(sum) : sum;
              assertEquals(expected, actual[((l * toStates + s) * B + b) * toWidth + j], 1e-6);
            }
          }
        }
      }
    }
  }
}
