package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import dev.sequor.contract.BackendRun.Results;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.ReferenceRnn.Variable;
import dev.sequor.reference.RnnProblem;
import dev.sequor.reference.SampleOptions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * What every option of a cell must do on every backend: what the reference does, bit for bit drawn.
 */
abstract class CellOptionsContract extends BackendContract {
  private static final int[] LENGTHS = {3, 7, 0, 1, 6};

  protected CellOptionsContract(String provider) {
    super(provider);
  }

  /** A named set of options. */
  record Named(String name, CellOptions options) {
    static Named of(String name, Consumer<CellOptions.Builder> on) {
      CellOptions.Builder builder = CellOptions.builder();
      on.accept(builder);
      return new Named(name, builder.build());
    }

    @Override
    public String toString() {
      return name;
    }
  }

  private static List<Named> single() {
    return List.of(
        Named.of("projection", o -> o.projectionSize(6)),
        Named.of("layer norm", o -> o.layerNorm(true)),
        Named.of("zoneout of h", o -> o.zoneout(0.3f, 0)),
        Named.of("zoneout of c", o -> o.zoneout(0, 0.3f)),
        Named.of("DropConnect", o -> o.recurrentDropConnect(0.4f)),
        Named.of("input dropout", o -> o.inputDropout(0.4f)),
        Named.of("recurrent dropout", o -> o.recurrentDropout(0.4f)),
        Named.of("coupled gates", o -> o.coupledGates(true)),
        Named.of("gate clip", o -> o.gateClip(0.3f)),
        Named.of("cell clip", o -> o.cellClip(0.25f)));
  }

  private static boolean fits(CellType cell, CellOptions options) {
    try {
      RnnSpec.of(cell, 9, 13).withOptions(options);
      return true;
    } catch (IllegalArgumentException e) {
      return false;
    }
  }

  /** A cell with options. */
  record Case(CellType cell, Named named) {
    RnnSpec stack() {
      return RnnSpec.of(cell, 9, 13).withOptions(named.options);
    }

    @Override
    public String toString() {
      return cell + " with " + named;
    }
  }

  static Stream<Case> everyOptionOfEveryCell() {
    List<Case> cases = new ArrayList<>();
    for (CellType cell : CellType.values()) {
      List<Named> all = new ArrayList<>(single());
      all.add(new Named("everything", SampleOptions.everything(cell)));
      all.add(
          new Named(
              "everything but norms",
              SampleOptions.everything(cell).toBuilder().layerNorm(false).build()));
      for (Named named : all) {
        if (fits(cell, named.options)) {
          cases.add(new Case(cell, named));
        }
      }
    }
    return cases.stream();
  }

  private void matchesTheReference(RnnProblem problem) {
    Results training = BackendRun.run(backend, problem);
    // A normalised vector has the digits of the sums that it is made of, and few of the products'.
    Closeness bars = new Closeness(problem.shape + ": ", 2e-5, 4e-6);
    bars.checkOutputs(ReferenceRnn.forward(problem), training);
    bars.checkGradients(problem.shape, ReferenceRnn.gradients(problem), training);
    Results inference = BackendRun.run(backend, problem.inference());
    bars.checkOutputs(ReferenceRnn.forward(problem.inference()), inference);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("everyOptionOfEveryCell")
  void outputsAndGradientsMatchTheReference(Case c) {
    for (Direction direction : Direction.values()) {
      RnnSpec stack = c.stack().withLayers(2).withDropout(0.2f).withDirection(direction);
      matchesTheReference(RnnProblem.random(stack.shape(7, 5), LENGTHS, 61));
    }
    matchesTheReference(RnnProblem.random(c.stack().shape(5, 3), null, 62));
  }

  @ParameterizedTest
  @EnumSource(GateFunction.Kind.class)
  void everyFunctionMatchesTheReference(GateFunction.Kind kind) {
    GateFunction function = GateFunction.of(kind);
    boolean threshold = kind == GateFunction.Kind.THRESHOLDED_RELU;
    GateFunction tried = threshold ? new GateFunction(kind, 0.1f, 0) : function;
    for (CellType cell :
        List.of(CellType.RNN_TANH, CellType.GRU_RESET_BEFORE, CellType.LSTM_PEEPHOLE)) {
      GateFunction[] functions = cell.functions().toArray(GateFunction[]::new);
      for (int i = 0; i < functions.length; i++) {
        GateFunction[] changed = functions.clone();
        changed[i] = tried;
        CellOptions options = CellOptions.builder().activations(changed).build();
        RnnSpec stack = RnnSpec.of(cell, 5, 7).withOptions(options);
        matchesTheReference(RnnProblem.random(stack.shape(6, 4), new int[] {6, 2, 5, 1}, 7 + i));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(CellType.class)
  void gradientsWithEverythingOnMatchCentralDifferences(CellType cell) {
    // Clipping and hard functions have corners, across which no difference is a slope.
    CellOptions smooth =
        SampleOptions.everything(cell).toBuilder().gateClip(0).cellClip(0).activations().build();
    RnnSpec stack =
        RnnSpec.of(cell, 3, 8)
            .withLayers(2)
            .withDropout(0.2f)
            .withBidirectional(true)
            .withOptions(smooth);
    RnnProblem problem = RnnProblem.random(stack.shape(4, 3), new int[] {2, 4, 3}, 3);
    Results actual = BackendRun.run(backend, problem);
    SplittableRandom random = new SplittableRandom(5);
    for (Variable variable : Variable.values()) {
      float[] slopes =
          switch (variable) {
            case PARAMETERS -> actual.dParameters;
            case INPUT -> actual.dx;
            case INITIAL_STATE -> actual.dInitialState;
          };
      double largest = 0;
      for (float slope : slopes) {
        largest = Math.max(largest, Math.abs(slope));
      }
      for (int n = 0; n < 60; n++) {
        int i = random.nextInt(slopes.length);
        double expected = ReferenceRnn.finiteDifference(problem, variable, i);
        assertEquals(expected, slopes[i], 3e-5 * largest, variable + "[" + i + "]");
      }
    }
  }

  static Stream<Case> everything() {
    return Stream.of(CellType.values())
        .map(cell -> new Case(cell, new Named("all", SampleOptions.everything(cell))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("everything")
  void paddingIsNeverReadAndAlwaysZero(Case c) {
    RnnSpec stack = c.stack().withLayers(2).withBidirectional(true);
    RnnProblem problem = RnnProblem.random(stack.shape(7, 5), LENGTHS, 11);
    Results expected = BackendRun.run(backend, problem);
    try (BackendRun run = new BackendRun(backend, problem)) {
      run.x.write(poisoned(problem, problem.x, stack.inputSize()));
      run.dy.write(poisoned(problem, problem.dy, stack.outputSize()));
      run.forward();
      run.backward();
      assertSame(expected, run.results());
    }
    for (int t = 0; t < 7; t++) {
      for (int b = 0; b < 5; b++) {
        for (int j = 0; j < stack.outputSize() && t >= LENGTHS[b]; j++) {
          assertEquals(0f, expected.y[(t * 5 + b) * stack.outputSize() + j]);
        }
        for (int j = 0; j < stack.inputSize() && t >= LENGTHS[b]; j++) {
          assertEquals(0f, expected.dx[(t * 5 + b) * stack.inputSize() + j]);
        }
      }
    }
  }

  private static float[] poisoned(RnnProblem p, double[] values, int width) {
    float[] result = BackendRun.toFloats(values);
    for (int i = 0; i < result.length; i++) {
      int t = i / width / p.shape.batchSize();
      if (t >= p.length(i / width % p.shape.batchSize())) {
        result[i] = Float.NaN;
      }
    }
    return result;
  }

  private static void assertSame(Results expected, Results actual) {
    assertArrayEquals(expected.y, actual.y, "y");
    assertArrayEquals(expected.finalState, actual.finalState, "finalState");
    assertArrayEquals(expected.dx, actual.dx, "dx");
    assertArrayEquals(expected.dInitialState, actual.dInitialState, "dInitialState");
    assertArrayEquals(expected.dParameters, actual.dParameters, "dParameters");
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("everything")
  void twoCallsWithCarriedStateEqualOneCall(Case c) {
    // In inference: in training a call draws masks of its own.
    RnnSpec stack = c.stack().withLayers(2);
    RnnProblem whole = RnnProblem.random(stack.shape(7, 5), null, 23).inference();
    Results expected = BackendRun.run(backend, whole);
    RnnProblem first = part(whole, 0, 4, whole.initialState);
    Results early = BackendRun.run(backend, first);
    RnnProblem second = part(whole, 4, 7, RnnContract.toDoubles(early.finalState));
    Results late = BackendRun.run(backend, second);
    Closeness rounding = new Closeness("", 2e-6, 1e-6);
    float[] y = Arrays.copyOf(early.y, expected.y.length);
    System.arraycopy(late.y, 0, y, early.y.length, late.y.length);
    rounding.check("y", RnnContract.toDoubles(expected.y), y);
    rounding.check("state", RnnContract.toDoubles(expected.finalState), late.finalState);
  }

  private static RnnProblem part(RnnProblem p, int from, int to, double @Nullable [] state) {
    RnnSpec stack = p.shape.stack();
    int batch = p.shape.batchSize();
    int x = batch * stack.inputSize();
    int y = batch * stack.outputSize();
    return new RnnProblem(
        stack.shape(to - from, batch),
        p.parameters,
        Arrays.copyOfRange(p.x, from * x, to * x),
        null,
        state,
        Arrays.copyOfRange(p.dy, from * y, to * y),
        p.dFinalState,
        0,
        0,
        false);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("everything")
  void twoRunsGiveTheSameBitsAndSavedSurvivesOtherCalls(Case c) {
    RnnSpec stack = c.stack().withLayers(2).withBidirectional(true).withDropout(0.2f);
    RnnProblem p = RnnProblem.random(stack.shape(4, 3), new int[] {4, 1, 3}, 47);
    RnnProblem q = RnnProblem.random(stack.shape(4, 3), new int[] {2, 4, 0}, 48);
    Results expected = BackendRun.run(backend, p);
    try (BackendRun run = new BackendRun(backend, p);
        BackendRun between = new BackendRun(backend, q)) {
      run.forward();
      run.plan.forward(between.tensors());
      run.backward();
      assertSame(expected, run.results());
    }
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("everything")
  void aNanRowStaysAlone(Case c) {
    RnnSpec stack = c.stack().withLayers(2).withBidirectional(true);
    RnnProblem p = RnnProblem.random(stack.shape(4, 5), new int[] {4, 2, 3, 4, 1}, 31);
    Results expected = BackendRun.run(backend, p);
    int sick = 3;
    try (BackendRun run = new BackendRun(backend, p)) {
      float[] x = BackendRun.toFloats(p.x);
      for (int i = 0; i < x.length; i++) {
        if (i / stack.inputSize() % 5 == sick) {
          x[i] = Float.NaN;
        }
      }
      run.x.write(x);
      run.forward();
      run.backward();
      Results actual = run.results();
      for (int i = 0; i < expected.y.length; i++) {
        if (i / stack.outputSize() % 5 != sick) {
          assertEquals(expected.y[i], actual.y[i], "y[" + i + "]");
        }
      }
      for (int i = 0; i < expected.dx.length; i++) {
        if (i / stack.inputSize() % 5 != sick) {
          assertEquals(expected.dx[i], actual.dx[i], "dx[" + i + "]");
        }
      }
    }
  }

  @Test
  void changedWeightsAreSeenThroughDropConnect() {
    CellOptions options = CellOptions.builder().recurrentDropConnect(0.5f).build();
    RnnSpec stack = RnnSpec.of(CellType.LSTM, 9, 13).withLayers(2).withOptions(options);
    RnnProblem p = RnnProblem.random(stack.shape(4, 3), null, 5);
    try (BackendRun run = new BackendRun(backend, p);
        BackendRun other = new BackendRun(backend, p)) {
      run.forward();
      float[] before = run.y.readFloats();
      float[] changed = run.parameters.readFloats();
      for (int i = 0; i < changed.length; i++) {
        changed[i] *= 1.5f;
      }
      run.parameters.write(changed);
      other.parameters.write(changed);
      run.forward();
      other.forward();
      assertFalse(Arrays.equals(before, run.y.readFloats()), "nothing changed");
      assertArrayEquals(other.y.readFloats(), run.y.readFloats());
    }
  }

  /** Whether an option was applied at all is what the reference is for; this is how often. */
  @Test
  void masksDropTheShareThatTheyShould() {
    CellOptions options = CellOptions.builder().zoneout(0.3f, 0).build();
    RnnSpec stack = RnnSpec.of(CellType.RNN_TANH, 9, 65).withOptions(options);
    RnnProblem p = RnnProblem.random(stack.shape(30, 33), null, 5);
    float[] y = BackendRun.run(backend, p).y;
    int row = 33 * 65;
    int kept = 0;
    for (int i = row; i < y.length; i++) {
      kept += y[i] == y[i - row] ? 1 : 0;
    }
    double share = (double) kept / (y.length - row);
    double deviation = Math.sqrt(0.3 * 0.7 / (y.length - row));
    assertTrue(Math.abs(share - 0.3) < 5 * deviation, "kept " + share);
  }

  @Test
  void smallerWeightsAreRefusedWhereStepsDiffer() {
    CellOptions options = CellOptions.builder().layerNorm(true).build();
    RnnSpec stack = RnnSpec.of(CellType.LSTM, 9, 13).withOptions(options);
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> backend.plan(stack.shape(4, 3), Mode.INFERENCE, WeightStorage.INT8));
    assertTrue(String.valueOf(e.getMessage()).contains("; needed float32"), e.toString());
  }
}
