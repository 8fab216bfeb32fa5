package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The equations of Andrew Ng's course on sequence models, letter by letter, equal the library's
 * cells. A gate's matrix acts on a state and the input stacked, {@code W[c⟨t−1⟩, x⟨t⟩]}, so its
 * left columns are our {@code R} and its right ones our {@code W}.
 */
class CourseEquationsTest {
  private static final int STEPS = 12;
  private static final int INPUT = 5;
  private static final int HIDDEN = 7;

  /** {@code W [H, H+I]} and {@code b [H]} of each gate, by the course's subscript. */
  private static final class Course {
    final Map<Character, double[][]> w = new HashMap<>();
    final Map<Character, double[]> b = new HashMap<>();
    final double[][] x = new double[STEPS][INPUT];

    Course(String gates, long seed) {
      SplittableRandom random = new SplittableRandom(seed);
      for (int g = 0; g < gates.length(); g++) {
        char gate = gates.charAt(g);
        double[][] matrix = new double[HIDDEN][HIDDEN + INPUT];
        double[] bias = new double[HIDDEN];
        for (int i = 0; i < HIDDEN; i++) {
          fill(matrix[i], random);
        }
        fill(bias, random);
        w.put(gate, matrix);
        b.put(gate, bias);
      }
      for (double[] step : x) {
        fill(step, random);
      }
    }

    private static void fill(double[] values, SplittableRandom random) {
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble(-1, 1);
      }
    }

    /** {@code W[state, x] + b}. */
    double[] affine(char gate, double[] state, double[] input) {
      double[] result = new double[HIDDEN];
      double[][] matrix = Objects.requireNonNull(w.get(gate));
      double[] bias = Objects.requireNonNull(b.get(gate));
      for (int i = 0; i < HIDDEN; i++) {
        result[i] = bias[i];
        for (int j = 0; j < HIDDEN; j++) {
          result[i] += matrix[i][j] * state[j];
        }
        for (int j = 0; j < INPUT; j++) {
          result[i] += matrix[i][HIDDEN + j] * input[j];
        }
      }
      return result;
    }

    double[] sigma(char gate, double[] state, double[] input) {
      double[] a = affine(gate, state, input);
      for (int i = 0; i < HIDDEN; i++) {
        a[i] = 1 / (1 + Math.exp(-a[i]));
      }
      return a;
    }

    double[] tanh(char gate, double[] state, double[] input) {
      double[] a = affine(gate, state, input);
      for (int i = 0; i < HIDDEN; i++) {
        a[i] = Math.tanh(a[i]);
      }
      return a;
    }
  }

  /** How a cell's weights follow from the course's: its gates in our order, and a sign for each. */
  private record Mapping(CellType cell, String courseGates, List<Integer> signs) {}

  /** The course's equations; gives the outputs of all steps. */
  private interface Equations {
    List<double[]> run(Course course);
  }

  /** GRU: the only state is c. */
  private static List<double[]> gru(Course course) {
    List<double[]> outputs = new ArrayList<>();
    double[] c = new double[HIDDEN];
    for (double[] x : course.x) {
      double[] gammaU = course.sigma('u', c, x);
      double[] gammaR = course.sigma('r', c, x);
      double[] reset = new double[HIDDEN];
      for (int i = 0; i < HIDDEN; i++) {
        reset[i] = gammaR[i] * c[i];
      }
      double[] candidate = course.tanh('c', reset, x);
      double[] next = new double[HIDDEN];
      for (int i = 0; i < HIDDEN; i++) {
        next[i] = gammaU[i] * candidate[i] + (1 - gammaU[i]) * c[i];
      }
      c = next;
      outputs.add(c);
    }
    return outputs;
  }

  /** LSTM with gates of {@code a⟨t−1⟩}. */
  private static List<double[]> lstm(Course course) {
    return lstm(course, false);
  }

  /** LSTM as the notes also write it, with {@code c⟨t−1⟩} where {@code a⟨t−1⟩} usually is. */
  private static List<double[]> lstmCellRecurrent(Course course) {
    return lstm(course, true);
  }

  private static List<double[]> lstm(Course course, boolean gatesSeeCell) {
    List<double[]> outputs = new ArrayList<>();
    double[] a = new double[HIDDEN];
    double[] c = new double[HIDDEN];
    for (double[] x : course.x) {
      double[] seen = gatesSeeCell ? c : a;
      double[] candidate = course.tanh('c', seen, x);
      double[] gammaU = course.sigma('u', seen, x);
      double[] gammaF = course.sigma('f', seen, x);
      double[] gammaO = course.sigma('o', seen, x);
      double[] nextA = new double[HIDDEN];
      double[] nextC = new double[HIDDEN];
      for (int i = 0; i < HIDDEN; i++) {
        nextC[i] = gammaU[i] * candidate[i] + gammaF[i] * c[i];
        nextA[i] = gammaO[i] * Math.tanh(nextC[i]);
      }
      a = nextA;
      c = nextC;
      outputs.add(a);
    }
    return outputs;
  }

  /** To add a cell: its equations above, and a line that says how its gates are ours. */
  static Stream<Arguments> cellsOnAllBackends() {
    return Devices.survey().stream()
        .flatMap(
            device ->
                Stream.of(
                    // Γu = 1 − z, so z's rows are those of Γu with the sign turned.
                    Arguments.of(
                        device,
                        new Mapping(CellType.GRU_RESET_BEFORE, "ruc", List.of(1, -1, 1)),
                        (Equations) CourseEquationsTest::gru),
                    Arguments.of(
                        device,
                        new Mapping(CellType.LSTM, "ufco", List.of(1, 1, 1, 1)),
                        (Equations) CourseEquationsTest::lstm),
                    Arguments.of(
                        device,
                        new Mapping(CellType.LSTM_CELL_RECURRENT, "ufco", List.of(1, 1, 1, 1)),
                        (Equations) CourseEquationsTest::lstmCellRecurrent)));
  }

  @ParameterizedTest
  @MethodSource("cellsOnAllBackends")
  void theCoursesEquationsEqualTheCell(
      Devices.Status device, Mapping mapping, Equations equations) {
    BackendContract.requireUsable(device);
    try (Backend backend = Devices.open(device.name())) {
      assertTrue(backend.name().startsWith(device.name()), backend.name());
      Course course = new Course(mapping.courseGates, 7);
      RnnProblem problem = problem(course, mapping);
      BackendRun.Results actual = BackendRun.run(backend, problem);
      double[] expected = equations.run(course).stream().flatMapToDouble(Arrays::stream).toArray();
      Closeness.FLOAT32.in(mapping.cell).check("c or a", expected, actual.y);
    }
  }

  private static RnnProblem problem(Course course, Mapping mapping) {
    RnnShape shape = new RnnShape(mapping.cell, 1, 1, STEPS, 1, INPUT, HIDDEN, 0f);
    double[] parameters = new double[(int) shape.parameterLayout().totalElements()];
    int w = (int) shape.parameterLayout().offset(Kind.INPUT_WEIGHTS, 0, 0);
    int r = (int) shape.parameterLayout().offset(Kind.RECURRENT_WEIGHTS, 0, 0);
    int b = (int) shape.parameterLayout().offset(Kind.INPUT_BIAS, 0, 0);
    for (int gate = 0; gate < mapping.courseGates.length(); gate++) {
      char name = mapping.courseGates.charAt(gate);
      double[][] matrix = Objects.requireNonNull(course.w.get(name));
      double[] bias = Objects.requireNonNull(course.b.get(name));
      for (int i = 0; i < HIDDEN; i++) {
        int row = gate * HIDDEN + i;
        for (int j = 0; j < HIDDEN; j++) {
          parameters[r + row * HIDDEN + j] = mapping.signs.get(gate) * matrix[i][j];
        }
        for (int j = 0; j < INPUT; j++) {
          parameters[w + row * INPUT + j] = mapping.signs.get(gate) * matrix[i][HIDDEN + j];
        }
        parameters[b + row] = mapping.signs.get(gate) * bias[i];
      }
    }
    double[] x = Stream.of(course.x).flatMapToDouble(Arrays::stream).toArray();
    return new RnnProblem(
        shape,
        parameters,
        x,
        null,
        null,
        new double[STEPS * HIDDEN],
        new double[(int) shape.stateElements()],
        0,
        0,
        true);
  }
}
