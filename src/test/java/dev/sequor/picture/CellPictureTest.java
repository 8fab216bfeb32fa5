package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.backend.ParameterLayout.Kind;
import dev.sequor.backend.RnnSpec;
import dev.sequor.reference.ReferenceRnn;
import dev.sequor.reference.RnnProblem;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Figures of cells and of architectures. */
class CellPictureTest {
  private static final List<String> STATES = List.of("h", "c");

  /** Computed from the drawing, wire by wire, the next state is that of the cell's equations. */
  @ParameterizedTest
  @EnumSource
  void whatIsDrawnIsTheCell(CellType cell) {
    ReadDiagram drawn = ReadDiagram.of(CellPicture.of(cell));
    for (int seed = 0; seed < 20; seed++) {
      RnnProblem problem = RnnProblem.random(RnnSpec.of(cell, 1, 1).shape(1, 1), null, seed);
      double[] state = Objects.requireNonNull(problem.initialState);
      double[] expected = ReferenceRnn.forward(problem).finalState;
      for (int s = 0; s < cell.states(); s++) {
        double found =
            drawn.compute(
                STATES.get(s),
                weights(problem),
                name -> name.equals("x") ? problem.x[0] : state[STATES.indexOf(name)]);
        assertEquals(expected[s], found, 1e-12, STATES.get(s));
      }
    }
  }

  /** A cell of one unit and one input. */
  private static ReadDiagram.Cell weights(RnnProblem problem) {
    String gates = problem.shape.cell().gateNames();
    return new ReadDiagram.Cell() {
      private double parameter(Kind kind, int index) {
        return problem.parameters[(int) problem.shape.parameterLayout().offset(kind, 0, 0) + index];
      }

      @Override
      public double input(char gate, double x) {
        int i = gates.indexOf(gate);
        return parameter(Kind.INPUT_WEIGHTS, i) * x + parameter(Kind.INPUT_BIAS, i);
      }

      @Override
      public double recurrent(char gate, double s) {
        int i = gates.indexOf(gate);
        return parameter(Kind.RECURRENT_WEIGHTS, i) * s + parameter(Kind.RECURRENT_BIAS, i);
      }

      @Override
      public double peephole(char gate) {
        return parameter(Kind.PEEPHOLES, "ifo".indexOf(gate));
      }
    };
  }

  @ParameterizedTest
  @EnumSource
  void itsGatesAreThoseOfTheCode(CellType cell) {
    List<String> drawn =
        ReadDiagram.of(CellPicture.of(cell)).nodes().stream()
            .map(ReadDiagram.Node::op)
            .filter(op -> op.startsWith("gate:"))
            .map(op -> op.substring(5, 6))
            .sorted()
            .toList();
    assertEquals(
        List.copyOf(new TreeSet<>(List.of(cell.gateNames().split("", -1)))).stream()
            .filter(name -> !name.isEmpty())
            .toList(),
        drawn);
    // Each is written once as a letter of its own, and stands in the equations.
    List<String> words =
        ReadSvg.of(CellPicture.of(cell)).texts().stream().map(ReadSvg.Text::words).toList();
    String equations =
        words.stream().filter(each -> each.contains(" = ")).collect(Collectors.joining(" "));
    for (String gate : drawn) {
      assertEquals(1, words.stream().filter(gate::equals).count(), gate);
      assertTrue(equations.contains(gate), equations);
    }
  }

  @ParameterizedTest
  @EnumSource
  void cellsAreTidy(CellType cell) {
    Svg picture = CellPicture.of(cell);
    ReadDiagram.of(picture).requireTidy();
    assertEquals(picture.file(), CellPicture.of(cell).file());
  }

  @ParameterizedTest
  @EnumSource
  void architecturesAreTidy(ArchitecturePicture.Kind kind) {
    ReadDiagram read = ReadDiagram.of(ArchitecturePicture.of(kind));
    read.requireTidy();
    // Every cell is reached and goes on.
    for (ReadDiagram.Node node : read.nodes()) {
      if (node.op().startsWith("block")) {
        assertTrue(read.wires().stream().anyMatch(wire -> wire.to().equals(node.id())));
        assertTrue(read.wires().stream().anyMatch(wire -> wire.from().equals(node.id())));
      }
    }
  }
}
