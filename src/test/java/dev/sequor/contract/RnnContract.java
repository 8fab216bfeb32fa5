package dev.sequor.contract;

import static java.util.Objects.requireNonNull;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Buffer;
import dev.sequor.backend.CellType;
import dev.sequor.backend.DType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.OptimizerStep;
import dev.sequor.backend.ParameterLayout;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnGradients;
import dev.sequor.backend.RnnPlan;
import dev.sequor.backend.RnnShape;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.RnnTensors;
import dev.sequor.backend.UpdateReport;
import dev.sequor.backend.UpdateRule;
import dev.sequor.contract.BackendRun.Results;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.ReferenceRnn.Variable;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a backend's recurrent stacks must do. */
abstract class RnnContract extends BackendContract {
  /** Two runs that may sum in another order. */
  private static final Closeness ROUNDING = new Closeness("", 2e-6, 1e-6);

  /** Past this, float32 no longer holds every integer. */
  private static final double EXACT_INTEGERS = 1 << 24;

  protected RnnContract(String provider) {
    super(provider);
  }

  /**
   * The bars of the parameters' gradients, sums over all rows, where those of the rest are given.
   */
  Closeness ofParameters(Closeness bars, RnnShape shape) {
    return bars;
  }

  static List<ContractCase> allCellsAndAwkwardShapes() {
    return ContractCase.all();
  }

  /** A shape with everything in it: two layers, both directions, sizes off every vector width. */
  private static RnnShape oddShape(CellType cell) {
    return new RnnShape(cell, 2, 2, 7, 5, 9, 13, 0f);
  }

  private static final int[] ODD_LENGTHS = {3, 7, 0, 1, 6};

  private static RnnProblem oddProblem(CellType cell) {
    return RnnProblem.random(oddShape(cell), ODD_LENGTHS, 11);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("allCellsAndAwkwardShapes")
  void forwardAndGradientsMatchDoubleReference(ContractCase c) {
    RnnProblem problem = c.problem();
    ContractCase.Expected expected = c.expected(problem);
    Results training = BackendRun.run(backend, problem);
    Closeness bars = Closeness.FLOAT32.in(c);
    bars.checkOutputs(expected.outputs(), training);
    bars.checkGradients(
        problem.shape, expected.gradients(), training, ofParameters(bars, problem.shape));
    Results inference = BackendRun.run(backend, problem.inference());
    bars.checkOutputs(expected.outputs(), inference);
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void layersThatReadFromTheEndAloneMatchTheReference(CellType cell) {
    RnnSpec stack = RnnSpec.of(cell, 9, 13).withLayers(2).withDirection(Direction.REVERSE);
    for (int[] lengths : new int[][] {null, ODD_LENGTHS}) {
      RnnProblem problem = RnnProblem.random(stack.shape(7, 5), lengths, 29);
      Results training = BackendRun.run(backend, problem);
      Closeness.FLOAT32.checkOutputs(ReferenceRnn.forward(problem), training);
      Closeness.FLOAT32.checkGradients(
          problem.shape,
          ReferenceRnn.gradients(problem),
          training,
          ofParameters(Closeness.FLOAT32, problem.shape));
      Results inference = BackendRun.run(backend, problem.inference());
      Closeness.FLOAT32.checkOutputs(ReferenceRnn.forward(problem), inference);
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void everyGradientMatchesCentralDifferencesOfTheReference(CellType cell) {
    RnnShape shape = new RnnShape(cell, 2, 2, 4, 3, 3, 5, 0f);
    RnnProblem problem = RnnProblem.random(shape, new int[] {2, 4, 3}, 3);
    Results actual = BackendRun.run(backend, problem);
    Closeness.FLOAT32.check("dx", differences(problem, Variable.INPUT), actual.dx);
    Closeness.FLOAT32.check(
        "dInitialState", differences(problem, Variable.INITIAL_STATE), actual.dInitialState);
    Closeness.FLOAT32.checkParameters(
        shape, differences(problem, Variable.PARAMETERS), actual.dParameters);
  }

  private static double[] differences(RnnProblem problem, Variable variable) {
    double[] slopes = new double[variable.elements(problem.shape)];
    Arrays.setAll(slopes, i -> ReferenceRnn.finiteDifference(problem, variable, i));
    return slopes;
  }

  static Stream<ContractCase> integerCases() {
    return Stream.of(CellType.RNN_LINEAR, CellType.RNN_RELU)
        .flatMap(
            cell ->
                Stream.of(
                    new ContractCase(cell, 1, 1, ContractCase.Lengths.NONE, 31, 3, 33, 257),
                    new ContractCase(cell, 1, 2, ContractCase.Lengths.MIXED, 33, 31, 3, 31),
                    new ContractCase(cell, 2, 1, ContractCase.Lengths.MIXED, 3, 33, 257, 33),
                    new ContractCase(cell, 2, 2, ContractCase.Lengths.RISING, 3, 31, 31, 33),
                    new ContractCase(cell, 2, 2, ContractCase.Lengths.NONE, 3, 1, 1, 1),
                    new ContractCase(cell, 2, 2, ContractCase.Lengths.RISING, 1, 257, 3, 3)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("integerCases")
  void smallIntegersComeOutExactly(ContractCase c) {
    RnnProblem problem = integers(c);
    try (BackendRun run = new BackendRun(backend, problem)) {
      float[] before = pattern(problem.parameters.length, 1);
      run.dParameters.write(before);
      run.forward();
      run.backward();
      Results actual = run.results();
      ReferenceRnn.Outputs outputs = ReferenceRnn.forward(problem);
      ReferenceRnn.Gradients gradients = ReferenceRnn.gradients(problem);
      double[] sum = gradients.parameters.clone();
      for (int i = 0; i < sum.length; i++) {
        sum[i] += before[i];
      }
      assertExactly(c + " y", outputs.y, actual.y);
      assertExactly("finalState", outputs.finalState, actual.finalState);
      assertExactly("dx", gradients.x, actual.dx);
      assertExactly("dInitialState", gradients.initialState, actual.dInitialState);
      assertExactly("dParameters", sum, actual.dParameters);
    }
  }

  /**
   * Small integers everywhere; each unit is driven by few others, so that nothing outgrows float32.
   */
  static RnnProblem integers(ContractCase c) {
    RnnShape shape = c.shape();
    SplittableRandom random = new SplittableRandom(99);
    ParameterLayout layout = shape.parameterLayout();
    double[] parameters = new double[(int) layout.totalElements()];
    for (int layer = 0; layer < shape.layers(); layer++) {
      for (int direction = 0; direction < shape.directions(); direction++) {
        for (Kind kind : Kind.values()) {
          int at = (int) layout.offset(kind, layer, direction);
          int columns = layout.columns(kind, layer);
          for (int row = 0; row < layout.rows(kind); row++) {
            for (int k = 0; k < (columns == 1 || kind == Kind.RECURRENT_WEIGHTS ? 1 : 2); k++) {
              parameters[at + row * columns + random.nextInt(columns)] = random.nextInt(-1, 2);
            }
          }
        }
      }
    }
    return new RnnProblem(
        shape,
        parameters,
        smallIntegers(random, shape.inputElements()),
        c.sequenceLengths(),
        smallIntegers(random, shape.stateElements()),
        smallIntegers(random, shape.outputElements()),
        smallIntegers(random, shape.stateElements()),
        0,
        0,
        true);
  }

  private static double[] smallIntegers(SplittableRandom random, long count) {
    return random.ints(count, -2, 3).asDoubleStream().toArray();
  }

  static void assertExactly(String name, double[] expected, float[] actual) {
    double largest = Arrays.stream(expected).map(Math::abs).max().orElse(0);
    assertTrue(largest < EXACT_INTEGERS / 8, name + " reaches " + largest);
    boolean interesting = expected.length < 4 || Arrays.stream(expected).anyMatch(v -> v != 0);
    assertTrue(interesting, name + " is all zero, which proves nothing");
    for (int i = 0; i < expected.length; i++) {
      assertTrue(
          expected[i] == actual[i],
          name + "[" + i + "] is " + actual[i] + "; needed " + expected[i]);
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void dropoutUsesTheReferencesBits(CellType cell) {
    RnnShape shape = new RnnShape(cell, 3, 2, 5, 4, 6, 7, 0.35f);
    RnnProblem problem = RnnProblem.random(shape, new int[] {5, 2, 4, 0}, 17);
    Results actual = BackendRun.run(backend, problem);
    Closeness.FLOAT32.checkOutputs(ReferenceRnn.forward(problem), actual);
    Closeness.FLOAT32.checkGradients(
        shape, ReferenceRnn.gradients(problem), actual, ofParameters(Closeness.FLOAT32, shape));
    Results inference = BackendRun.run(backend, problem.inference());
    Closeness.FLOAT32.checkOutputs(ReferenceRnn.forward(problem.inference()), inference);
    assertFalse(Arrays.equals(inference.y, actual.y), "dropout changed nothing");
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void paddingIsNeverReadAndAlwaysZero(CellType cell) {
    RnnProblem clean = oddProblem(cell);
    Results expected = BackendRun.run(backend, clean);
    for (float poison : new float[] {777f, Float.NaN}) {
      try (BackendRun run = new BackendRun(backend, clean)) {
        run.x.write(poisoned(clean, clean.x, clean.shape.inputSize(), poison));
        run.dy.write(poisoned(clean, clean.dy, clean.shape.outputSize(), poison));
        run.forward();
        run.backward();
        assertSameBits(expected, run.results());
        assertPaddingIsZero(clean, clean.shape.outputSize(), run.results().y);
        assertPaddingIsZero(clean, clean.shape.inputSize(), run.results().dx);
      }
    }
  }

  private static float[] poisoned(RnnProblem p, double[] values, int width, float poison) {
    float[] result = BackendRun.toFloats(values);
    forEachPaddedElement(p, width, i -> result[i] = poison);
    return result;
  }

  private static void assertPaddingIsZero(RnnProblem p, int width, float[] values) {
    forEachPaddedElement(
        p, width, i -> assertTrue(values[i] == 0, "padded element " + i + " is " + values[i]));
  }

  private static void forEachPaddedElement(RnnProblem p, int width, IntConsumer action) {
    int batchSize = p.shape.batchSize();
    for (int t = 0; t < p.shape.timeSteps(); t++) {
      for (int b = 0; b < batchSize; b++) {
        for (int j = 0; j < width && t >= p.length(b); j++) {
          action.accept((t * batchSize + b) * width + j);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void twoCallsWithCarriedStateEqualOneCall(CellType cell) {
    RnnShape shape = new RnnShape(cell, 2, 1, 7, 5, 9, 13, 0f);
    RnnProblem whole = RnnProblem.random(shape, new int[] {3, 7, 0, 1, 6}, 23);
    Results expected = BackendRun.run(backend, whole);
    RnnProblem first = part(whole, 0, 4, whole.initialState);
    RnnProblem second = part(whole, 4, 7, whole.initialState);
    try (BackendRun a = new BackendRun(backend, first);
        BackendRun b = new BackendRun(backend, second)) {
      a.forward();
      backend.copy(a.finalState, requireNonNull(b.initialState));
      b.forward();
      b.backward();
      backend.copy(b.dInitialState, a.dFinalState);
      backend.copy(b.dParameters, a.dParameters);
      a.backward();
      Results early = a.results();
      Results late = b.results();
      ROUNDING.check("y", toDoubles(expected.y), joined(early.y, late.y));
      ROUNDING.check("finalState", toDoubles(expected.finalState), late.finalState);
      ROUNDING.check("dx", toDoubles(expected.dx), joined(early.dx, late.dx));
      ROUNDING.check("dInitialState", toDoubles(expected.dInitialState), early.dInitialState);
      ROUNDING.checkParameters(shape, toDoubles(expected.dParameters), early.dParameters);
    }
  }

  /** Steps {@code [from, to)}. */
  private static RnnProblem part(RnnProblem p, int from, int to, double @Nullable [] state) {
    RnnShape s = p.shape;
    int[] lengths = new int[s.batchSize()];
    Arrays.setAll(lengths, b -> Math.max(0, Math.min(to, p.length(b)) - from));
    int x = s.batchSize() * s.inputSize();
    int y = s.batchSize() * s.outputSize();
    return new RnnProblem(
        new RnnShape(
            s.cell(),
            s.layers(),
            s.directions(),
            to - from,
            s.batchSize(),
            s.inputSize(),
            s.hiddenSize(),
            0f),
        p.parameters,
        Arrays.copyOfRange(p.x, from * x, to * x),
        lengths,
        state,
        Arrays.copyOfRange(p.dy, from * y, to * y),
        p.dFinalState,
        0,
        0,
        true);
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void aBatchEqualsItsRowsOneAtATime(CellType cell) {
    RnnProblem batch = oddProblem(cell);
    Results expected = BackendRun.run(backend, batch);
    float[] y = new float[expected.y.length];
    float[] finalState = new float[expected.finalState.length];
    float[] dx = new float[expected.dx.length];
    float[] dInitialState = new float[expected.dInitialState.length];
    double[] dParameters = new double[expected.dParameters.length];
    RnnShape s = batch.shape;
    for (int b = 0; b < s.batchSize(); b++) {
      Results row = BackendRun.run(backend, row(batch, b));
      putRow(row.y, y, b, s.batchSize(), s.outputSize());
      putRow(row.finalState, finalState, b, s.batchSize(), s.hiddenSize());
      putRow(row.dx, dx, b, s.batchSize(), s.inputSize());
      putRow(row.dInitialState, dInitialState, b, s.batchSize(), s.hiddenSize());
      for (int i = 0; i < dParameters.length; i++) {
        dParameters[i] += row.dParameters[i];
      }
    }
    ROUNDING.check("y", toDoubles(expected.y), y);
    ROUNDING.check("finalState", toDoubles(expected.finalState), finalState);
    ROUNDING.check("dx", toDoubles(expected.dx), dx);
    ROUNDING.check("dInitialState", toDoubles(expected.dInitialState), dInitialState);
    ROUNDING.checkParameters(s, dParameters, expected.dParameters);
  }

  private static RnnProblem row(RnnProblem p, int b) {
    RnnShape s = p.shape;
    return new RnnProblem(
        new RnnShape(
            s.cell(),
            s.layers(),
            s.directions(),
            s.timeSteps(),
            1,
            s.inputSize(),
            s.hiddenSize(),
            0f),
        p.parameters,
        rowOf(p.x, b, s.batchSize(), s.inputSize()),
        new int[] {p.length(b)},
        rowOf(requireNonNull(p.initialState), b, s.batchSize(), s.hiddenSize()),
        rowOf(p.dy, b, s.batchSize(), s.outputSize()),
        rowOf(p.dFinalState, b, s.batchSize(), s.hiddenSize()),
        0,
        0,
        true);
  }

  /** Row b of {@code [n,B,width]}, as {@code [n,1,width]}. */
  private static double[] rowOf(double[] values, int b, int batchSize, int width) {
    double[] row = new double[values.length / batchSize];
    for (int i = 0; i < row.length; i++) {
      row[i] = values[(i / width * batchSize + b) * width + i % width];
    }
    return row;
  }

  private static void putRow(float[] row, float[] values, int b, int batchSize, int width) {
    for (int i = 0; i < row.length; i++) {
      values[(i / width * batchSize + b) * width + i % width] = row[i];
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void aNanRowStaysAlone(CellType cell) {
    RnnShape s = new RnnShape(cell, 2, 2, 7, 9, 9, 13, 0f);
    int[] lengths = {3, 7, 0, 5, 6, 2, 7, 7, 4};
    RnnProblem clean = RnnProblem.random(s, lengths, 31);
    Results expected = BackendRun.run(backend, clean);
    for (int sick : new int[] {1, 3, 8}) {
      try (BackendRun run = new BackendRun(backend, clean)) {
        float[] x = BackendRun.toFloats(clean.x);
        for (int i = 0; i < x.length; i++) {
          if (i / s.inputSize() % s.batchSize() == sick) {
            x[i] = Float.NaN;
          }
        }
        run.x.write(x);
        run.forward();
        run.backward();
        Results actual = run.results();
        int b = s.batchSize();
        assertOtherRowsSame("y", expected.y, actual.y, sick, b, s.outputSize());
        assertOtherRowsSame(
            "finalState", expected.finalState, actual.finalState, sick, b, s.hiddenSize());
        assertOtherRowsSame("dx", expected.dx, actual.dx, sick, b, s.inputSize());
        assertOtherRowsSame(
            "dInitialState", expected.dInitialState, actual.dInitialState, sick, b, s.hiddenSize());
        if (cell != CellType.RNN_RELU) { // max(0, NaN) may be either
          assertTrue(Float.isNaN(actual.y[sick * s.outputSize()]), "the NaN row lost its NaN");
        }
      }
    }
  }

  private static void assertOtherRowsSame(
      String name, float[] expected, float[] actual, int sick, int batchSize, int width) {
    for (int i = 0; i < expected.length; i++) {
      if (i / width % batchSize != sick) {
        assertEquals(expected[i], actual[i], name + "[" + i + "]");
      }
    }
  }

  /**
   * Gates that are nearly open or nearly closed, in every combination: what is left of them to 0 or
   * to 1 has all its digits, in the outputs and in the gradients, which are made of nothing else.
   */
  @ParameterizedTest
  @EnumSource(CellType.class)
  void saturatedGatesKeepTheirDigits(CellType cell) {
    RnnShape shape = new RnnShape(cell, 1, 1, 5, 6, 7, 19, 0f);
    ParameterLayout layout = shape.parameterLayout();
    int bias = (int) layout.offset(Kind.INPUT_BIAS, 0, 0);
    int gates = cell.gates();
    for (int open = 0; open < 1 << gates; open++) {
      RnnProblem random = RnnProblem.random(shape, new int[] {5, 2, 4, 0, 5, 1}, 83);
      double[] parameters = random.parameters.clone();
      for (int gate = 0; gate < gates; gate++) {
        boolean sigmoid = "ifrzo".indexOf(cell.gateNames().charAt(gate)) >= 0;
        double saturated = sigmoid ? 10 : 5;
        for (int unit = 0; unit < shape.hiddenSize(); unit++) {
          parameters[bias + gate * shape.hiddenSize() + unit] =
              (open >> gate & 1) == 0 ? -saturated : saturated;
        }
      }
      RnnProblem p =
          new RnnProblem(
              shape,
              parameters,
              random.x,
              random.lengths,
              random.initialState,
              random.dy,
              random.dFinalState,
              0,
              0,
              true);
      Results actual = BackendRun.run(backend, p);
      Closeness bars = Closeness.FLOAT32.in(cell + ", gates " + Integer.toBinaryString(open));
      bars.checkOutputs(ReferenceRnn.forward(p), actual);
      bars.checkGradients(shape, ReferenceRnn.gradients(p), actual);
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void hugeInputsGiveFiniteResults(CellType cell) {
    RnnProblem calm = oddProblem(cell);
    try (BackendRun run = new BackendRun(backend, calm)) {
      float[] x = BackendRun.toFloats(calm.x);
      float[] sizes = {1e2f, 1e5f, 1e10f, 1e20f};
      for (int i = 0; i < x.length; i++) {
        x[i] = Math.copySign(sizes[i % sizes.length], x[i]);
      }
      run.x.write(x);
      run.forward();
      run.backward();
      Results r = run.results();
      for (float[] values : List.of(r.y, r.finalState, r.dx, r.dInitialState, r.dParameters)) {
        for (float v : values) {
          assertTrue(Float.isFinite(v), "found " + v);
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void absentTensorsMeanZeros(CellType cell) {
    RnnProblem p = oddProblem(cell);
    try (BackendRun zeros = new BackendRun(backend, p);
        BackendRun absent = new BackendRun(backend, p)) {
      backend.fill(requireNonNull(zeros.initialState), 0f);
      RnnTensors t = absent.tensors();
      RnnTensors withoutState = t.withInitialState(null);
      zeros.forward();
      absent.plan.forward(withoutState);
      assertSameBits(zeros.y, absent.y);
      assertSameBits(zeros.finalState, absent.finalState);

      backend.fill(zeros.dFinalState, 0f);
      RnnGradients g = absent.gradients();
      zeros.backward();
      absent.plan.backward(withoutState, g.withDFinalState(null));
      assertSameBits(zeros.results(), absent.results());

      backend.fill(zeros.dParameters, 0f);
      backend.fill(absent.dParameters, 0f);
      backend.fill(zeros.dFinalState, 0.5f);
      backend.fill(absent.dFinalState, 0.5f);
      backend.fill(zeros.dy, 0f);
      zeros.backward();
      absent.plan.backward(withoutState, g.withDy(null));
      assertSameBits(zeros.results(), absent.results());
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void unwantedResultsMayBeAbsent(CellType cell) {
    RnnProblem p = oddProblem(cell);
    Results expected = BackendRun.run(backend, p);
    try (BackendRun run = new BackendRun(backend, p)) {
      RnnTensors t = run.tensors();
      RnnTensors withoutFinalState = t.withFinalState(null);
      run.plan.forward(withoutFinalState);
      run.plan.backward(
          withoutFinalState,
          RnnGradients.of(run.dParameters).withDy(run.dy).withDFinalState(run.dFinalState));
      assertArrayEquals(expected.y, run.y.readFloats());
      assertArrayEquals(expected.dParameters, run.dParameters.readFloats());
      assertTrue(Float.isNaN(run.finalState.readFloats()[0]), "the absent final state was written");
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void fullLengthsEqualNoLengths(CellType cell) {
    RnnShape shape = oddShape(cell);
    int[] full = new int[shape.batchSize()];
    Arrays.fill(full, shape.timeSteps());
    Results with = BackendRun.run(backend, RnnProblem.random(shape, full, 11));
    Results without = BackendRun.run(backend, RnnProblem.random(shape, null, 11));
    ROUNDING.check("y", toDoubles(with.y), without.y);
    ROUNDING.check("finalState", toDoubles(with.finalState), without.finalState);
    ROUNDING.check("dx", toDoubles(with.dx), without.dx);
    ROUNDING.checkParameters(shape, toDoubles(with.dParameters), without.dParameters);
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void sequencesOfLengthZeroKeepTheirState(CellType cell) {
    RnnProblem some = oddProblem(cell);
    RnnProblem p = RnnProblem.random(some.shape, new int[some.shape.batchSize()], 11);
    Results r = BackendRun.run(backend, p);
    assertArrayEquals(BackendRun.toFloats(requireNonNull(p.initialState)), r.finalState);
    assertArrayEquals(BackendRun.toFloats(p.dFinalState), r.dInitialState);
    assertArrayEquals(new float[r.y.length], r.y);
    assertArrayEquals(new float[r.dx.length], r.dx);
    assertArrayEquals(new float[r.dParameters.length], r.dParameters);
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void finalStateMayReplaceInitialState(CellType cell) {
    RnnProblem p = oddProblem(cell);
    Results expected = BackendRun.run(backend, p);
    try (BackendRun run = new BackendRun(backend, p)) {
      Buffer state = requireNonNull(run.initialState);
      RnnTensors t = run.tensors().withFinalState(state);
      run.plan.forward(t);
      run.plan.backward(t, run.gradients());
      assertArrayEquals(expected.y, run.y.readFloats());
      assertArrayEquals(expected.finalState, state.readFloats());
      assertArrayEquals(expected.dx, run.dx.readFloats());
      assertArrayEquals(expected.dInitialState, run.dInitialState.readFloats());
      assertArrayEquals(expected.dParameters, run.dParameters.readFloats());
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void parameterGradientsAccumulateAndOthersAreOverwritten(CellType cell) {
    RnnProblem p = oddProblem(cell);
    Results once = BackendRun.run(backend, p);
    try (BackendRun run = new BackendRun(backend, p)) {
      run.forward();
      run.backward();
      run.backward();
      run.backward();
      Results thrice = run.results();
      double[] sum = toDoubles(once.dParameters);
      for (int i = 0; i < sum.length; i++) {
        sum[i] *= 3;
      }
      ROUNDING.checkParameters(p.shape, sum, thrice.dParameters);
      assertArrayEquals(once.dx, thrice.dx);
      assertArrayEquals(once.dInitialState, thrice.dInitialState);
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void twoRunsGiveTheSameBits(CellType cell) {
    RnnShape shape = new RnnShape(cell, 2, 2, 9, 33, 31, 65, 0.25f);
    int[] lengths = new SplittableRandom(8).ints(33, 0, 10).toArray();
    RnnProblem p = RnnProblem.random(shape, lengths, 41);
    assertSameBits(BackendRun.run(backend, p), BackendRun.run(backend, p));
    try (BackendRun run = new BackendRun(backend, p)) {
      run.forward();
      run.backward();
      Results first = run.results();
      backend.fill(run.dParameters, 0f);
      run.forward();
      run.backward();
      assertSameBits(first, run.results());
    }
  }

  /** The ways in which a model's weights change. */
  enum Change {
    UPLOAD,
    UPLOAD_TO_SLICE,
    FILL,
    FILL_SLICE,
    COPY,
    OPTIMIZER_STEP
  }

  @ParameterizedTest
  @EnumSource(Change.class)
  void changedWeightsAreSeen(Change change) {
    for (CellType cell : CellType.values()) {
      RnnProblem p = oddProblem(cell);
      for (RnnProblem problem : List.of(p, p.inference())) {
        try (BackendRun run = new BackendRun(backend, problem);
            BackendRun other = new BackendRun(backend, problem)) {
          run.forward();
          float[] before = run.y.readFloats();
          change(change, run.parameters);
          run.forward();
          other.parameters.write(run.parameters.readFloats());
          other.forward();
          assertFalse(Arrays.equals(before, run.y.readFloats()), cell + ": nothing changed");
          assertSameBits(other.y, run.y);
          if (problem.training) {
            run.backward();
            other.backward();
            assertSameBits(other.results(), run.results());
          }
        }
      }
    }
  }

  private void change(Change how, Buffer parameters) {
    long n = parameters.elements();
    float[] values = pattern((int) n, 0.03f);
    switch (how) {
      case UPLOAD -> parameters.write(values);
      case UPLOAD_TO_SLICE ->
          parameters.slice(n / 3, n / 3).write(Arrays.copyOf(values, (int) n / 3));
      case FILL -> backend.fill(parameters, 0.05f);
      case FILL_SLICE -> backend.fill(parameters.slice(n / 2, n / 4), 0.05f);
      case COPY -> {
        try (Buffer source = backend.allocate(DType.FLOAT32, n)) {
          source.write(values);
          backend.copy(source, parameters);
          backend.synchronize();
        }
      }
      case OPTIMIZER_STEP -> {
        OptimizerStep step = new OptimizerStep(UpdateRule.SGD, 1, 1f, 0f, 0f, List.of(0f, 0f));
        try (Buffer gradient = backend.allocate(DType.FLOAT32, n);
            Buffer numbers = backend.allocate(DType.FLOAT32, OptimizerStep.ELEMENTS);
            Buffer moments = backend.allocate(DType.FLOAT32, n);
            Buffer report = backend.allocate(DType.FLOAT32, UpdateReport.ELEMENTS)) {
          report.write(UpdateReport.initial(1f));
          gradient.write(values);
          numbers.write(step.values());
          backend.optimizerStep(step.rule(), numbers, parameters, gradient, moments, report);
          backend.synchronize();
        }
      }
    }
  }

  @Test
  void parametersInMemoryThatWasFreedAndTakenAgainAreSeen() {
    RnnProblem p = oddProblem(CellType.GRU_RESET_BEFORE).inference();
    try (BackendRun run = new BackendRun(backend, p)) {
      RnnTensors t = run.tensors();
      for (int attempt = 1; attempt <= 8; attempt++) {
        try (Buffer fresh = backend.allocate(DType.FLOAT32, p.parameters.length)) {
          fresh.write(pattern(p.parameters.length, 0.01f * attempt));
          run.plan.forward(
              new RnnTensors(
                  fresh, t.x(), t.y(), t.lengths(), t.initialState(), t.finalState(), null, null));
          try (BackendRun other = new BackendRun(backend, p)) {
            backend.copy(fresh, other.parameters);
            other.forward();
            assertArrayEquals(other.y.readFloats(), run.y.readFloats(), "attempt " + attempt);
          }
        }
      }
    }
  }

  @Test
  void lengthsMayChangeBetweenCalls() {
    RnnProblem longer = oddProblem(CellType.LSTM);
    RnnProblem shorter = RnnProblem.random(longer.shape, new int[] {1, 0, 2, 7, 5}, 11);
    try (BackendRun run = new BackendRun(backend, longer)) {
      run.forward();
      run.backward();
      requireNonNull(run.lengths).write(requireNonNull(shorter.lengths));
      backend.fill(run.dParameters, 0f);
      run.forward();
      run.backward();
      assertSameBits(BackendRun.run(backend, shorter), run.results());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 7, 64})
  void savedIsTheCallersAndSurvivesOtherCallsOfThePlan(int hiddenSize) {
    for (CellType cell : CellType.values()) {
      RnnShape shape = new RnnShape(cell, 2, 2, 4, 3, 5, hiddenSize, 0.2f);
      RnnProblem p = RnnProblem.random(shape, new int[] {4, 1, 3}, 47);
      RnnProblem q = RnnProblem.random(shape, new int[] {2, 4, 0}, 48);
      Results expected = BackendRun.run(backend, p);
      try (BackendRun run = new BackendRun(backend, p);
          BackendRun between = new BackendRun(backend, q)) {
        run.forward();
        run.plan.forward(between.tensors());
        run.backward();
        assertSameBits(expected, run.results());
      }
    }
  }

  @Test
  void buffersUsedAfterCloseThrow() {
    Buffer closed = backend.allocate(DType.FLOAT32, 4);
    closed.close();
    closed.close();
    assertThrows(IllegalStateException.class, closed::readFloats);
    assertThrows(IllegalStateException.class, () -> closed.write(1f, 2f));
    assertThrows(IllegalStateException.class, () -> backend.fill(closed, 1f));
    assertThrows(IllegalStateException.class, () -> closed.slice(0, 1));
    try (Buffer open = backend.allocate(DType.FLOAT32, 4)) {
      assertThrows(IllegalStateException.class, () -> backend.copy(closed, open));
      assertThrows(IllegalStateException.class, () -> backend.copy(open, closed));
    }
    Buffer parent = backend.allocate(DType.FLOAT32, 4);
    Buffer slice = parent.slice(1, 2);
    parent.close();
    assertThrows(IllegalStateException.class, slice::readFloats);
    assertThrows(IllegalStateException.class, () -> backend.fill(slice, 1f));
    RnnProblem p = oddProblem(CellType.GRU_RESET_BEFORE);
    try (BackendRun run = new BackendRun(backend, p)) {
      run.forward();
      run.x.close();
      assertThrows(IllegalStateException.class, run::forward);
      assertThrows(IllegalStateException.class, run::backward);
    }
    try (BackendRun run = new BackendRun(backend, p)) {
      run.parameters.close();
      assertThrows(IllegalStateException.class, run::forward);
    }
  }

  @Test
  void inferenceSavesNothing() {
    try (RnnPlan plan = backend.plan(oddShape(CellType.LSTM), Mode.INFERENCE)) {
      assertEquals(0, plan.savedElements());
    }
  }

  @Test
  void freshMemoryIsZero() {
    try (Buffer dirty = backend.allocate(DType.FLOAT32, 100_003)) {
      backend.fill(dirty, 3f);
    }
    try (Buffer fresh = backend.allocate(DType.FLOAT32, 100_003)) {
      assertArrayEquals(new float[100_003], fresh.readFloats());
    }
  }

  private static void assertSameBits(Buffer expected, Buffer actual) {
    assertArrayEquals(expected.readFloats(), actual.readFloats());
  }

  private static void assertSameBits(Results expected, Results actual) {
    assertArrayEquals(expected.y, actual.y, "y");
    assertArrayEquals(expected.finalState, actual.finalState, "finalState");
    assertArrayEquals(expected.dx, actual.dx, "dx");
    assertArrayEquals(expected.dInitialState, actual.dInitialState, "dInitialState");
    assertArrayEquals(expected.dParameters, actual.dParameters, "dParameters");
  }

  /** Small multiples of {@code unit}, of both signs. */
  private static float[] pattern(int n, float unit) {
    float[] values = new float[n];
    for (int i = 0; i < n; i++) {
      values[i] = (i % 11 - 5) * unit;
    }
    return values;
  }

  static double[] toDoubles(float[] values) {
    double[] result = new double[values.length];
    for (int i = 0; i < values.length; i++) {
      result[i] = values[i];
    }
    return result;
  }

  private static float[] joined(float[] first, float[] second) {
    float[] result = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, result, first.length, second.length);
    return result;
  }
}
