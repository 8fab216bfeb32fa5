package dev.sequor.picture;

import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/**
 * One time step of a recurrent cell. A box is a gate, a function of {@code W x + bW + R h + bR}
 * with the gate's own rows of both; what is round is done with each element; lines that meet in a
 * dot before a box carry input and state together. Below stand the equations of {@link CellType}.
 */
public final class CellPicture {
  private static final String BEFORE = "⟨t−1⟩";
  private static final String NOW = "⟨t⟩";
  private static final double LEFT = 8;
  private static final double GATES = 186;
  private static final double RAIL = 66;
  private static final String SUM = "W x⟨t⟩ + bW + R h⟨t−1⟩ + bR";

  private final CellType cell;
  private final Diagram diagram = new Diagram();

  private CellPicture(CellType cell) {
    this.cell = cell;
  }

  /** The picture of a cell without options. */
  public static Svg of(CellType cell) {
    CellPicture picture = new CellPicture(Required.present("cell", cell));
    return switch (cell) {
      case RNN_LINEAR, RNN_TANH, RNN_RELU -> picture.plain();
      case GRU_RESET_BEFORE -> picture.gruResetBefore();
      case GRU_RESET_AFTER -> picture.gruResetAfter();
      case LSTM, LSTM_CELL_RECURRENT, LSTM_PEEPHOLE -> picture.lstm();
    };
  }

  private static String symbol(GateFunction function) {
    return switch (function.kind()) {
      case SIGMOID -> "σ";
      case TANH -> "tanh";
      case RELU -> "ReLU";
      default -> "id";
    };
  }

  private Ink ink(char gate) {
    return Ink.series(cell.gateNames().indexOf(gate));
  }

  private Diagram.Node gate(char name, int function, double x, double y) {
    return diagram.gate(name, symbol(cell.functions().get(function)), ink(name), x, y);
  }

  private Diagram.Node input(String name, double y) {
    return diagram.input(name, name + BEFORE, LEFT, y);
  }

  private Diagram.Node output(String name, double x, double y) {
    return diagram.output(name, name + NOW, x, y);
  }

  private Diagram.Node x(double x, double y) {
    return diagram.inputFromBelow("x", "x" + NOW, x, y);
  }

  private Svg plain() {
    diagram.ground(74, 16, 250, 118);
    Diagram.Node h = input("h", 82);
    Diagram.Node x = x(130, 176);
    Diagram.Node both = diagram.join(130, 82);
    Diagram.Node gate = gate('h', 0, 222, 82);
    Diagram.Node out = output("h", 392, 82);
    diagram.wire(h, both, LEFT, 82, 130, 82).wire(x, both, 130, 176, 130, 82);
    diagram.wire(both, gate, 130, 82, gate.left(), 82).wire(gate, out, gate.right(), 82, 392, 82);
    String function = symbol(cell.functions().get(0));
    String right =
        function.equals("id")
            ? SUM
            : function.equals("ReLU") ? "max(0, " + SUM + ")" : "tanh(" + SUM + ")";
    return diagram.svg(title(), 400, 180, List.of("h⟨t⟩ = " + right));
  }

  private String title() {
    return switch (cell) {
      case RNN_LINEAR -> "Linear RNN";
      case RNN_TANH -> "RNN with tanh";
      case RNN_RELU -> "RNN with ReLU";
      case GRU_RESET_BEFORE -> "GRU, reset before the product";
      case GRU_RESET_AFTER -> "GRU, reset after the product";
      case LSTM -> "LSTM";
      case LSTM_CELL_RECURRENT -> "LSTM whose gates see c";
      case LSTM_PEEPHOLE -> "LSTM with peepholes";
    };
  }

  private Svg gruResetBefore() {
    diagram.ground(74, 30, 396, 264);
    Diagram.Node h = input("h", RAIL);
    Diagram.Node x = x(140, 336);
    Diagram.Node both = diagram.join(140, 240);
    Diagram.Node r = gate('r', 0, 190, GATES);
    Diagram.Node z = gate('z', 0, 300, GATES);
    Diagram.Node n = gate('n', 1, 410, GATES);
    Diagram.Node reset = diagram.pointwise("×", 190, 116);
    Diagram.Node candidate = diagram.join(410, 220);
    diagram
        .branch(h, both, 104, RAIL, 104, 240, 140, 240)
        .wire(x, both, 140, 336, 140, 240)
        .wire(both, z, 140, 240, 300, 240, 300, z.bottom())
        .branch(both, r, 190, 240, 190, r.bottom())
        .branch(h, reset, 104, 116, reset.left(), 116)
        .wire(r, reset, 190, r.top(), 190, reset.bottom())
        .wire(reset, candidate, reset.right(), 116, 244, 116, 244, 220, 410, 220)
        .branch(x, candidate, 140, 272, 410, 272, 410, 220)
        .wire(candidate, n, 410, 220, 410, n.bottom());
    interpolate(h, z, n);
    return diagram.svg(
        title(),
        548,
        340,
        List.of(
            "r, z = σ(" + SUM + ")",
            "n = tanh(W x⟨t⟩ + bW + R (r∘h⟨t−1⟩) + bR)",
            "h⟨t⟩ = (1−z)∘n + z∘h⟨t−1⟩"));
  }

  private Svg gruResetAfter() {
    diagram.ground(74, 30, 396, 282);
    Diagram.Node h = input("h", RAIL);
    Diagram.Node x = x(140, 354);
    Diagram.Node both = diagram.join(140, 240);
    Diagram.Node r = gate('r', 0, 214, GATES);
    Diagram.Node z = gate('z', 0, 310, GATES);
    Diagram.Node n = gate('n', 1, 410, GATES);
    Diagram.Node recurrent = diagram.weights("R", "Rₙ", ink('n'), 152, 116);
    Diagram.Node reset = diagram.pointwise("×", 214, 116);
    Diagram.Node own = diagram.weights("W", "Wₙ", ink('n'), 290, 284);
    Diagram.Node sum = diagram.pointwise("+", 410, 230);
    diagram
        .branch(h, both, 104, RAIL, 104, 240, 140, 240)
        .wire(x, both, 140, 354, 140, 240)
        .wire(both, z, 140, 240, 310, 240, 310, z.bottom())
        .branch(both, r, 214, 240, 214, r.bottom())
        .branch(h, recurrent, 104, 116, recurrent.left(), 116)
        .wire(recurrent, reset, recurrent.right(), 116, reset.left(), 116)
        .wire(r, reset, 214, r.top(), 214, reset.bottom())
        .wire(reset, sum, reset.right(), 116, 262, 116, 262, 220, 399, 220)
        .branch(x, own, 140, 284, own.left(), 284)
        .wire(own, sum, own.right(), 284, 410, 284, 410, sum.bottom())
        .wire(sum, n, 410, sum.top(), 410, n.bottom());
    interpolate(h, z, n);
    return diagram.svg(
        title(),
        548,
        358,
        List.of(
            "r, z = σ(" + SUM + ")",
            "n = tanh(Wₙ x⟨t⟩ + bW + r∘(Rₙ h⟨t−1⟩ + bR))",
            "h⟨t⟩ = (1−z)∘n + z∘h⟨t−1⟩"));
  }

  /** {@code h' = (1−z)∘n + z∘h}, on the rail above. */
  private void interpolate(Diagram.Node h, Diagram.Node z, Diagram.Node n) {
    Diagram.Node keep = diagram.pointwise("×", z.x(), RAIL);
    Diagram.Node rest = diagram.pointwise("1−", (z.x() + n.x()) / 2, 116);
    Diagram.Node renew = diagram.pointwise("×", n.x(), 116);
    Diagram.Node sum = diagram.pointwise("+", n.x(), RAIL);
    Diagram.Node out = output("h", 540, RAIL);
    diagram
        .wire(h, keep, LEFT, RAIL, keep.left(), RAIL)
        .wire(keep, sum, keep.right(), RAIL, sum.left(), RAIL)
        .wire(sum, out, sum.right(), RAIL, 540, RAIL)
        .wire(z, keep, z.x(), z.top(), z.x(), keep.bottom())
        .branch(z, rest, z.x(), 116, rest.left(), 116)
        .wire(rest, renew, rest.right(), 116, renew.left(), 116)
        .wire(n, renew, n.x(), n.top(), n.x(), renew.bottom())
        .wire(renew, sum, n.x(), renew.top(), n.x(), sum.bottom());
  }

  private Svg lstm() {
    boolean seesCell = cell == CellType.LSTM_CELL_RECURRENT;
    double rail = 240;
    diagram.ground(74, 30, 476, 236);
    Diagram.Node c = input("c", RAIL);
    Diagram.Node x = x(122, 308);
    Diagram.Node both = diagram.join(122, rail);
    Diagram.Node f = gate('f', 0, 180, GATES);
    Diagram.Node i = gate('i', 0, 262, GATES);
    Diagram.Node g = gate('g', 1, 344, GATES);
    Diagram.Node o = gate('o', 0, 426, GATES);
    Diagram.Node forget = diagram.pointwise("×", 180, RAIL);
    Diagram.Node write = diagram.pointwise("×", 344, 122);
    Diagram.Node sum = diagram.pointwise("+", 344, RAIL);
    Diagram.Node shown = diagram.pointwise(symbol(cell.functions().get(2)), 504, 108);
    Diagram.Node show = diagram.pointwise("×", 504, 152);
    Diagram.Node outC = output("c", 620, RAIL);
    Diagram.Node outH = output("h", 620, rail);
    if (seesCell) {
      diagram.branch(c, both, 98, RAIL, 98, rail, 122, rail);
    } else {
      diagram.wire(input("h", rail), both, LEFT, rail, 122, rail);
    }
    diagram
        .wire(x, both, 122, 308, 122, rail)
        .wire(both, o, 122, rail, 426, rail, 426, o.bottom())
        .branch(both, f, 180, rail, 180, f.bottom())
        .branch(both, i, 262, rail, 262, i.bottom())
        .branch(both, g, 344, rail, 344, g.bottom())
        .wire(c, forget, LEFT, RAIL, forget.left(), RAIL)
        .wire(forget, sum, forget.right(), RAIL, sum.left(), RAIL)
        .wire(sum, outC, sum.right(), RAIL, 620, RAIL)
        .wire(f, forget, 180, f.top(), 180, forget.bottom())
        .wire(i, write, 262, i.top(), 262, 122, write.left(), 122)
        .wire(g, write, 344, g.top(), 344, write.bottom())
        .wire(write, sum, 344, write.top(), 344, sum.bottom())
        .branch(sum, shown, 504, RAIL, 504, shown.top())
        .wire(shown, show, 504, shown.bottom(), 504, show.top())
        .wire(o, show, 426, o.top(), 426, 152, show.left(), 152)
        .wire(show, outH, 504, show.bottom(), 504, rail, 620, rail);
    List<String> lines = new ArrayList<>();
    String gates = seesCell ? SUM.replace('h', 'c') : SUM;
    if (cell == CellType.LSTM_PEEPHOLE) {
      diagram
          .peephole(c, f, ink('f'), 110, RAIL, 110, GATES, f.left(), GATES)
          .peephole(c, i, ink('i'), 132, RAIL, 132, 104, 221, 104, 221, GATES, i.left(), GATES)
          .peephole(sum, o, ink('o'), 386, RAIL, 386, GATES, o.left(), GATES);
      lines.add("i, f = σ(" + gates + " + p∘c⟨t−1⟩)");
      lines.add("o = σ(" + gates + " + p∘c⟨t⟩)");
    } else {
      lines.add("i, f, o = σ(" + gates + ")");
    }
    lines.add("g = tanh(" + gates + ")");
    lines.add("c⟨t⟩ = f∘c⟨t−1⟩ + i∘g,  h⟨t⟩ = o∘tanh(c⟨t⟩)");
    return diagram.svg(title(), 628, 312, lines);
  }
}
