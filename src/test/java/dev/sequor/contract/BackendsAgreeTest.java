package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every two backends give the same, dropout included. */
class BackendsAgreeTest {
  /** Twice what each may be away from the truth. */
  private static final Closeness STATED = new Closeness("", 2e-5, 4e-6);

  @Test
  void everyProviderOfThisBuildIsRegistered() {
    List<String> names = Devices.survey().stream().map(Devices.Status::name).toList();
    assertTrue(names.containsAll(List.of("java", "cpu", "cuda")), "found only " + names);
  }

  static Stream<Arguments> pairsAndCells() {
    List<Devices.Status> devices = Devices.survey();
    List<Arguments> all = new ArrayList<>();
    for (int i = 0; i < devices.size(); i++) {
      for (int j = i + 1; j < devices.size(); j++) {
        for (CellType cell : CellType.values()) {
          all.add(Arguments.of(devices.get(i), devices.get(j), cell));
        }
      }
    }
    return all.stream();
  }

  @ParameterizedTest
  @MethodSource("pairsAndCells")
  void twoBackendsAgree(Devices.Status first, Devices.Status second, CellType cell) {
    BackendContract.requireUsable(first);
    BackendContract.requireUsable(second);
    try (Backend one = Devices.open(first.name());
        Backend other = Devices.open(second.name())) {
      assertTrue(one.name().startsWith(first.name()), one.name());
      assertTrue(other.name().startsWith(second.name()), other.name());
      for (float dropout : new float[] {0f, 0.3f}) {
        RnnShape shape = new RnnShape(cell, 2, 2, 17, 9, 33, 65, dropout);
        int[] lengths = {17, 3, 0, 9, 17, 1, 12, 5, 16};
        RnnProblem p = RnnProblem.random(shape, lengths, 61);
        BackendRun.Results a = BackendRun.run(one, p);
        BackendRun.Results b = BackendRun.run(other, p);
        Closeness bars = STATED.in(one.name() + " and " + other.name());
        bars.check("y", RnnContract.toDoubles(a.y), b.y);
        bars.check("finalState", RnnContract.toDoubles(a.finalState), b.finalState);
        bars.check("dx", RnnContract.toDoubles(a.dx), b.dx);
        bars.check("dInitialState", RnnContract.toDoubles(a.dInitialState), b.dInitialState);
        bars.checkParameters(shape, RnnContract.toDoubles(a.dParameters), b.dParameters);
      }
    }
  }

  /** Where an extreme number is put. */
  private enum Place {
    INPUT,
    HIDDEN_STATE,
    LAST_STATE
  }

  /**
   * What a number that is not finite, or hardly, makes of the results: the same on both, and the
   * same numbers everywhere else.
   */
  @ParameterizedTest
  @MethodSource("pairsAndCells")
  void twoBackendsTakeExtremeNumbersAlike(
      Devices.Status first, Devices.Status second, CellType cell) {
    BackendContract.requireUsable(first);
    BackendContract.requireUsable(second);
    try (Backend one = Devices.open(first.name());
        Backend other = Devices.open(second.name())) {
      for (int layers = 1; layers <= 2; layers++) {
        RnnShape shape = new RnnShape(cell, layers, layers, 4, 3, 5, 13, 0f);
        for (Place place : Place.values()) {
          for (double extreme :
              new double[] {
                Double.POSITIVE_INFINITY, Double.NEGATIVE_INFINITY, Double.NaN, 1e20f, -1e20f
              }) {
            RnnProblem p = withExtreme(RnnProblem.random(shape, null, 71), place, extreme);
            String where = one.name() + ", " + other.name() + ", " + extreme + " in " + place;
            BackendRun.Results a = BackendRun.run(one, p);
            BackendRun.Results b = BackendRun.run(other, p);
            assertAlike(where + ", y", a.y, b.y, false);
            assertAlike(where + ", finalState", a.finalState, b.finalState, false);
            assertAlike(where + ", dx", a.dx, b.dx, true);
            assertAlike(where + ", dInitialState", a.dInitialState, b.dInitialState, true);
            assertAlike(where + ", dParameters", a.dParameters, b.dParameters, true);
          }
        }
      }
    }
  }

  private static RnnProblem withExtreme(RnnProblem p, Place place, double extreme) {
    RnnShape shape = p.shape;
    double[] x = p.x.clone();
    double[] state = Objects.requireNonNull(p.initialState).clone();
    int row = 1; // of three: the others stay as they were
    switch (place) {
      case INPUT -> x[(shape.batchSize() + row) * shape.inputSize() + 2] = extreme;
      case HIDDEN_STATE -> state[row * shape.hiddenSize() + 3] = extreme;
      case LAST_STATE -> {
        int last = shape.cell().states() - 1;
        state[(last * shape.batchSize() + row) * shape.hiddenSize() + 3] = extreme;
      }
    }
    return new RnnProblem(shape, p.parameters, x, null, state, p.dy, p.dFinalState, 0, 0, true);
  }

  /** A gradient that is not finite may be NaN on one and infinite on the other. */
  private static void assertAlike(String name, float[] a, float[] b, boolean gradient) {
    double[] expected = new double[a.length];
    float[] actual = new float[a.length];
    for (int i = 0; i < a.length; i++) {
      if (Float.isFinite(a[i]) && Float.isFinite(b[i])) {
        expected[i] = a[i];
        actual[i] = b[i];
      } else {
        boolean same = Float.isNaN(a[i]) ? Float.isNaN(b[i]) : a[i] == b[i];
        boolean neitherFinite = !Float.isFinite(a[i]) && !Float.isFinite(b[i]);
        assertTrue(
            gradient ? neitherFinite : same, name + "[" + i + "] is " + a[i] + " and " + b[i]);
      }
    }
    STATED.check(name, expected, actual);
  }
}
