package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.util.ArrayList;
import java.util.List;
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
}
