package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnShape;
import dev.sequor.reference.RnnProblem;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every usable backend gives what the pure Java one gives, dropout included. */
class BackendsAgreeTest {
  /** Twice what each may be away from the truth. */
  private static final Closeness STATED = new Closeness("", 2e-5, 4e-6);

  private static final String BASELINE = "java";

  @Test
  void everyProviderOfThisBuildIsRegistered() {
    List<String> names = Devices.survey().stream().map(Devices.Status::name).toList();
    assertTrue(names.containsAll(List.of("java", "cpu")), "found only " + names);
  }

  static Stream<Arguments> othersAndCells() {
    return Devices.survey().stream()
        .filter(device -> !device.name().equals(BASELINE))
        .flatMap(
            device -> Arrays.stream(CellType.values()).map(cell -> Arguments.of(device, cell)));
  }

  @ParameterizedTest
  @MethodSource("othersAndCells")
  void javaEqualsTheOtherBackend(Devices.Status device, CellType cell) {
    BackendContract.requireUsable(device);
    try (Backend java = Devices.open(BASELINE);
        Backend other = Devices.open(device.name())) {
      assertTrue(java.name().startsWith(BASELINE), java.name());
      assertTrue(other.name().startsWith(device.name()), other.name());
      for (float dropout : new float[] {0f, 0.3f}) {
        RnnShape shape = new RnnShape(cell, 2, 2, 17, 9, 33, 65, dropout);
        int[] lengths = {17, 3, 0, 9, 17, 1, 12, 5, 16};
        RnnProblem p = RnnProblem.random(shape, lengths, 61);
        BackendRun.Results a = BackendRun.run(java, p);
        BackendRun.Results b = BackendRun.run(other, p);
        Closeness bars = STATED.in(other.name());
        bars.check("y", RnnContract.toDoubles(a.y), b.y);
        bars.check("finalState", RnnContract.toDoubles(a.finalState), b.finalState);
        bars.check("dx", RnnContract.toDoubles(a.dx), b.dx);
        bars.check("dInitialState", RnnContract.toDoubles(a.dInitialState), b.dInitialState);
        bars.checkParameters(shape, RnnContract.toDoubles(a.dParameters), b.dParameters);
      }
    }
  }
}
