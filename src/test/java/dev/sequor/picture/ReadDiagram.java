package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import org.w3c.dom.Element;

/** A figure of a computation, read back from its SVG: what is joined, and where it lies. */
final class ReadDiagram {
  private static final double TOUCH = 0.6;

  /** A box, a circle, or where a wire comes from or goes. */
  record Node(String id, String op, double x, double y, double halfWidth, double halfHeight) {
    boolean touches(double px, double py) {
      return Math.abs(px - x) <= halfWidth + TOUCH && Math.abs(py - y) <= halfHeight + TOUCH;
    }

    boolean isCutBy(Line line) {
      return line.cuts(
          x - halfWidth + 1, y - halfHeight + 1, x + halfWidth - 1, y + halfHeight - 1);
    }
  }

  /** A straight part of a wire; all are level or upright. */
  record Line(double x1, double y1, double x2, double y2) {
    boolean cuts(double left, double top, double right, double bottom) {
      return Math.min(x1, x2) < right
          && Math.max(x1, x2) > left
          && Math.min(y1, y2) < bottom
          && Math.max(y1, y2) > top;
    }

    boolean touches(double x, double y) {
      return cuts(x - TOUCH, y - TOUCH, x + TOUCH, y + TOUCH);
    }
  }

  /** A wire. */
  record Wire(String from, String to, String kind, List<Line> lines) {
    Line first() {
      return lines.get(0);
    }

    Line last() {
      return lines.get(lines.size() - 1);
    }
  }

  private final ReadSvg svg;
  private final Map<String, Node> nodes = new LinkedHashMap<>();
  private final List<Wire> wires = new ArrayList<>();

  private ReadDiagram(ReadSvg svg) {
    this.svg = svg;
  }

  static ReadDiagram of(Svg picture) {
    ReadDiagram read = new ReadDiagram(ReadSvg.of(picture));
    for (Element group : read.svg.elements("g")) {
      String id = group.getAttribute("data-node");
      if (!id.isEmpty()) {
        double[] at = numbers(group.getAttribute("data-place"));
        double down = down(group);
        read.nodes.put(
            id, new Node(id, group.getAttribute("data-op"), at[0], at[1] + down, at[2], at[3]));
      }
    }
    for (Element path : read.svg.elements("path")) {
      if (!path.getAttribute("data-from").isEmpty()) {
        double[] at = numbers(path.getAttribute("data-points"));
        double down = down(path);
        List<Line> lines = new ArrayList<>();
        for (int i = 2; i < at.length; i += 2) {
          lines.add(new Line(at[i - 2], at[i - 1] + down, at[i], at[i + 1] + down));
        }
        read.wires.add(
            new Wire(
                path.getAttribute("data-from"),
                path.getAttribute("data-to"),
                path.getAttribute("data-kind"),
                lines));
      }
    }
    return read;
  }

  private static double[] numbers(String words) {
    return Arrays.stream(words.split(" ", -1)).mapToDouble(Double::parseDouble).toArray();
  }

  private static double down(Element within) {
    Element body = (Element) within.getParentNode();
    String moved = body.getAttribute("transform");
    return Double.parseDouble(moved.replaceAll("translate\\(0 (.*)\\)", "$1"));
  }

  List<Node> nodes() {
    return List.copyOf(nodes.values());
  }

  List<Wire> wires() {
    return wires;
  }

  private Node node(String id) {
    return Objects.requireNonNull(nodes.get(id), id);
  }

  /**
   * Wires join what they say, meet nothing else, and no text lies on a wire, a border or a text.
   */
  void requireTidy() {
    svg.requireReadable();
    for (Wire wire : wires) {
      Node from = node(wire.from());
      Line first = wire.first();
      boolean begins =
          from.touches(first.x1(), first.y1())
              || wires.stream()
                  .filter(other -> !other.equals(wire) && other.from().equals(wire.from()))
                  .flatMap(other -> other.lines().stream())
                  .anyMatch(line -> line.touches(first.x1(), first.y1()));
      assertTrue(begins, () -> wire + " does not begin at " + from);
      Node to = node(wire.to());
      Line last = wire.last();
      assertTrue(to.touches(last.x2(), last.y2()), () -> wire + " does not end at " + to);
      for (Line line : wire.lines()) {
        assertTrue(line.x1() == line.x2() || line.y1() == line.y2(), () -> wire + " is slanted");
        for (Node node : nodes.values()) {
          assertTrue(
              node.halfWidth() == 0 || !node.isCutBy(line), () -> wire + " runs through " + node);
        }
        for (ReadSvg.Text text : svg.texts()) {
          assertTrue(
              !line.cuts(text.left(), text.top() + 1, text.right(), text.bottom() - 1),
              () -> text + " lies on " + wire);
        }
      }
    }
    for (Node node : nodes.values()) {
      for (ReadSvg.Text text : svg.texts()) {
        assertTrue(node.halfWidth() == 0 || isInOrOut(text, node), () -> text + " on " + node);
      }
    }
  }

  private static boolean isInOrOut(ReadSvg.Text text, Node node) {
    double left = node.x() - node.halfWidth();
    double right = node.x() + node.halfWidth();
    double top = node.y() - node.halfHeight();
    double bottom = node.y() + node.halfHeight();
    boolean within =
        text.left() >= left
            && text.right() <= right
            && text.top() >= top
            && text.bottom() <= bottom;
    boolean apart =
        text.left() >= right
            || text.right() <= left
            || text.top() >= bottom
            || text.bottom() <= top;
    return within || apart;
  }

  /** What the figure computes, one number for each wire. */
  interface Cell {
    /** {@code W x + bW} of a gate. */
    double input(char gate, double x);

    /** {@code R s + bR} of a gate. */
    double recurrent(char gate, double state);

    /** A peephole's weight. */
    double peephole(char gate);
  }

  /** The output of this name, by following its wires back to the inputs. */
  double compute(String output, Cell cell, Function<String, Double> inputs) {
    Node end =
        nodes.values().stream()
            .filter(node -> node.op().equals("output:" + output))
            .findFirst()
            .orElseThrow();
    return value(end, cell, inputs);
  }

  private List<Wire> into(Node node, String kind) {
    return wires.stream()
        .filter(wire -> wire.to().equals(node.id()) && wire.kind().equals(kind))
        .toList();
  }

  private double value(Node node, Cell cell, Function<String, Double> inputs) {
    String[] op = node.op().split(":", -1);
    if (op[0].equals("input")) {
      return inputs.apply(op[1]);
    }
    List<Node> sources = into(node, "").stream().map(wire -> node(wire.from())).toList();
    if (op[0].equals("gate") && sources.get(0).op().equals("join")) {
      assertTrue(sources.size() == 1, () -> node + " reads " + sources);
      char gate = op[1].charAt(0);
      double sum = 0;
      List<Wire> joined = into(sources.get(0), "");
      assertTrue(joined.size() == 2, () -> node + " reads " + joined);
      for (Wire wire : joined) {
        Node source = node(wire.from());
        double value = value(source, cell, inputs);
        sum +=
            source.op().equals("input:x") ? cell.input(gate, value) : cell.recurrent(gate, value);
      }
      for (Wire wire : into(node, "peephole")) {
        sum += cell.peephole(gate) * value(node(wire.from()), cell, inputs);
      }
      return apply(op[2], sum);
    }
    double[] values = sources.stream().mapToDouble(each -> value(each, cell, inputs)).toArray();
    boolean two = op[0].equals("×") || op[0].equals("+");
    assertTrue(values.length == (two ? 2 : 1), () -> node + " reads " + sources);
    return switch (op[0]) {
      case "×" -> values[0] * values[1];
      case "+" -> values[0] + values[1];
      case "1−" -> 1 - values[0];
      case "output" -> values[0];
      case "gate" -> apply(op[2], values[0]);
      case "weights" ->
          op[1].equals("W") ? cell.input('n', values[0]) : cell.recurrent('n', values[0]);
      default -> apply(op[0], values[0]);
    };
  }

  private static double apply(String function, double of) {
    return switch (function) {
      case "σ" -> 1 / (1 + Math.exp(-of));
      case "tanh" -> Math.tanh(of);
      case "ReLU" -> Math.max(0, of);
      case "id" -> of;
      default -> throw new AssertionError("no function '" + function + "'");
    };
  }
}
