package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.cuda.simulator.SimulatorControl;
import dev.sequor.backend.cuda.simulator.SimulatorControl.Field;
import dev.sequor.data.TokenWindow;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What {@code docs/gpu.md} says of the memory that training a language model takes. */
@Tag("gpu")
class CudaMemoryTest {
  private static final String MATH = "sequor.cuda.math";
  private static final long WORKSPACE = 36L << 20;
  private static final int CHUNK_ROWS = 8192;
  private static final int STRETCH_STEPS = 256;
  private static final int MOST_STEPS_RECORDED = 2048;

  /** Of the two recordings of a step. */
  private static final long NODE_BYTES = 2 * 10240;

  /** Sizes in the symbols of the formula: vocabulary, embedding, hidden units, layers. */
  private record Model(CellType cell, int V, int E, int H, int L) {
    SequenceModelSpec spec() {
      return SequenceModelSpec.languageModel(V, E).cell(cell).layers(L).hiddenSize(H).build();
    }

    int inputs(int layer) {
      return layer == 0 ? E : H;
    }

    int gates() {
      return cell.gates();
    }

    /** {@code K} of the formula, as in the table beside it. */
    int kept() {
      return switch (cell) {
        case RNN_LINEAR -> 0;
        case RNN_TANH, RNN_RELU -> 1;
        case GRU_RESET_BEFORE -> 3;
        default -> 4;
      };
    }

    long recurrentWeights() {
      long weights = 0;
      for (int layer = 0; layer < L; layer++) {
        weights += (long) gates() * H * (inputs(layer) + H);
      }
      return weights;
    }

    long parameters() {
      long biases = 2L * gates() * H * L + (long) cell.peepholes() * H * L;
      return (long) V * E + recurrentWeights() + biases + (long) V * H + V;
    }
  }

  /** The formula of {@code docs/gpu.md}, in bytes. */
  private static long formula(Model m, String mode, int T, int B) {
    int s = mode.equals("fp32") || mode.equals("tf32") ? 4 : 2;
    int operand = mode.equals("fp32") ? 0 : s;
    int second = m.cell() == CellType.GRU_RESET_BEFORE ? s : 0;
    int gradients = m.cell() == CellType.GRU_RESET_AFTER ? 2 * s : s;
    long position =
        (long) m.L() * m.H() * (4 * (m.cell().states() + m.kept()) + operand + second)
            + 4L * m.H() * (m.L() - 1 + Math.min(2, m.L() - 1))
            + 8L * m.E()
            + 8L * m.H()
            + 4L * m.V()
            + 8;
    long chunk = 0;
    for (int layer = 0; layer < m.L(); layer++) {
      chunk += (4L + gradients) * m.gates() * m.H() + (long) s * m.inputs(layer);
    }
    long rows = (long) T * B;
    boolean stretched = T > STRETCH_STEPS && m.L() * T > MOST_STEPS_RECORDED;
    int C = Math.min(STRETCH_STEPS, CHUNK_ROWS / B);
    int nodesPerStep = m.cell() == CellType.GRU_RESET_BEFORE ? 8 : 4;
    long nodes = (long) nodesPerStep * m.L() * (stretched ? C + T % C : T) + 13L * m.L() + 18;
    long stretches =
        (long) m.L() * m.H() * (4 * (m.cell().states() + m.kept() + 1) + operand + second);
    return WORKSPACE
        + 16 * m.parameters()
        + s * m.recurrentWeights()
        + rows * position
        + Math.min(stretched ? (long) C * B : rows, CHUNK_ROWS) * chunk
        + (stretched ? (long) C * B * stretches : 0)
        + NODE_BYTES * nodes;
  }

  @BeforeEach
  void requireUsable() {
    var cuda =
        Devices.survey().stream().filter(d -> d.name().equals("cuda")).findFirst().orElseThrow();
    assumeTrue(cuda.availability().usable(), cuda.availability().reason());
  }

  static Stream<Arguments> cellsAndModes() {
    return Stream.of(CellType.values())
        .filter(cell -> cell != CellType.LSTM_CELL_RECURRENT)
        .flatMap(cell -> Stream.of("fp32", "tf32", "bf16").map(mode -> Arguments.of(cell, mode)));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("cellsAndModes")
  void trainingTakesWhatTheFormulaSays(CellType cell, String mode) {
    trainingTakesWhatTheFormulaSays(new Model(cell, 48, 40, 64, 3), mode, 32, 16);
  }

  static Stream<Arguments> cellsAndModesOfLongSequences() {
    return Stream.of(
        Arguments.of(CellType.LSTM, "fp32"),
        Arguments.of(CellType.LSTM, "bf16"),
        Arguments.of(CellType.GRU_RESET_BEFORE, "bf16"));
  }

  @ParameterizedTest(name = "{0} {1}")
  @MethodSource("cellsAndModesOfLongSequences")
  void longSequencesTakeWhatTheFormulaSays(CellType cell, String mode) {
    trainingTakesWhatTheFormulaSays(new Model(cell, 48, 40, 64, 2), mode, 1100, 4);
  }

  private static void trainingTakesWhatTheFormulaSays(
      Model m, String mode, int timeSteps, int batchSize) {
    System.setProperty(MATH, mode);
    System.setProperty("sequor.cuda.cache", "off");
    try (Backend cuda = Devices.open("cuda")) {
      assumeTrue(SimulatorControl.isThere(), "a real device does not tell");
      cuda.synchronize(); // makes the device current
      SimulatorControl simulator = SimulatorControl.ofCurrentDevice();
      long empty = simulator.get(Field.LIVE_BYTES);
      assertEquals((double) WORKSPACE, (double) empty, 0.01 * WORKSPACE, "of an open device");
      try (SequenceModel model = new SequenceModel(cuda, m.spec(), 3);
          Trainer trainer =
              new Trainer(model, Optimizer.adam(0.01f), Clipping.byGlobalNorm(1), 7)) {
        assertEquals(m.parameters(), model.parameters().elements());
        int[] tokens = new int[timeSteps * batchSize];
        for (int step = 0; step < 3; step++) { // queued, and recorded twice
          trainer.step(new TokenWindow(timeSteps, batchSize, tokens, tokens, null, true));
        }
        long taken = simulator.get(Field.LIVE_BYTES) - empty;
        long expected = formula(m, mode, timeSteps, batchSize) - WORKSPACE;
        // Biases, states and partial sums are left out.
        assertEquals(1, (double) taken / expected, 0.05, taken + " bytes, formula " + expected);
      }
    } finally {
      System.clearProperty(MATH);
      System.clearProperty("sequor.cuda.cache");
    }
  }

  private static String size(long bytes) {
    double mebibytes = bytes / 1048576.0;
    return mebibytes < 1024
        ? String.format(Locale.ROOT, "%.0f MiB", mebibytes)
        : String.format(Locale.ROOT, "%.1f GiB", mebibytes / 1024);
  }

  private static String row(Model m, int T, int B) {
    return String.format(
        Locale.ROOT,
        "| %d × %s %d, E=%d, V=%d | %d, %d | %.1f million | %s | %s |",
        m.L(),
        m.cell(),
        m.H(),
        m.E(),
        m.V(),
        T,
        B,
        m.parameters() / 1e6,
        size(formula(m, "fp32", T, B)),
        size(formula(m, "bf16", T, B)));
  }

  @Test
  void theTableOfTheGuideIsThatOfTheFormula() throws IOException {
    List<String> rows =
        List.of(
            row(new Model(CellType.LSTM, 100, 64, 128, 1), 64, 32),
            row(new Model(CellType.LSTM, 100, 256, 512, 2), 128, 128),
            row(new Model(CellType.GRU_RESET_AFTER, 100, 256, 512, 2), 128, 128),
            row(new Model(CellType.LSTM, 10000, 512, 1024, 2), 256, 64),
            row(new Model(CellType.LSTM, 10000, 1024, 2048, 3), 128, 128),
            row(new Model(CellType.LSTM, 50000, 1024, 2048, 4), 512, 64));
    List<String> guide =
        Files.readAllLines(Path.of("docs/gpu.md")).stream()
            .filter(line -> line.matches("\\| \\d+ × .*"))
            .toList();
    assertEquals(String.join("\n", rows), String.join("\n", guide));
  }
}
