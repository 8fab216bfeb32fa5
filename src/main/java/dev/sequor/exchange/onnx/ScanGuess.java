package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * The cell whose step a body may be, by the kinds of its nodes in their order, as {@link ScanCell}
 * has them. Whether it is just that is for whoever compares the two to find out.
 */
final class ScanGuess {
  private final GraphProto body;
  private final Function<String, @Nullable Numbers> numbers;
  private final CellOptions.Builder options = CellOptions.builder();
  private final List<GateFunction> functions = new ArrayList<>();
  private float gateClip;
  private int next;

  /**
   * Begins at the first node.
   *
   * @param numbers of a name, those that stand in the file; null if there are none
   */
  ScanGuess(GraphProto body, Function<String, @Nullable Numbers> numbers) {
    this.body = body;
    this.numbers = numbers;
  }

  /**
   * The cell, of one direction.
   *
   * @param states how many vectors are carried
   * @param products how many of the input are given
   * @throws IllegalArgumentException if there is none like it
   */
  RnnSpec cell(int states, int products, int inputSize) {
    NodeProto first = peek();
    int[] dims = dims(input(first, 1));
    if (dims.length != 2) {
      throw none();
    }
    CellType cell;
    int gates;
    if (states == 2 && products == 1) {
      boolean ofCell = input(first, 0).equals(body.getInput(1).getName());
      take("MatMul");
      options.layerNorm(norm());
      take("Add");
      boolean coupled = !isAfterFirstGate();
      boolean peepholes = lstm(coupled);
      options.coupledGates(coupled);
      gates = coupled ? 3 : 4;
      cell =
          ofCell
              ? CellType.LSTM_CELL_RECURRENT
              : peepholes ? CellType.LSTM_PEEPHOLE : CellType.LSTM;
    } else if (states == 1 && products == 2) {
      gates = 2;
      cell = gru();
    } else if (states == 1 && products == 1) {
      gates = 1;
      cell = rnn();
    } else {
      throw none();
    }
    options.gateClip(gateClip);
    if (!functions.equals(cell.functions())) {
      options.activations(functions.toArray(GateFunction[]::new));
    }
    return RnnSpec.of(cell, inputSize, dims[1] / gates).withOptions(options.build());
  }

  // ---- nodes ------------------------------------------------------------------------------------

  /** The refusal of any other Scan. */
  static IllegalArgumentException none() {
    return new IllegalArgumentException(
        "is no cell as this library writes it; other loops are not supported");
  }

  private NodeProto peek() {
    if (next >= body.getNodeCount()) {
      throw none();
    }
    return body.getNode(next);
  }

  private boolean isNext(String operator) {
    return peek().getOpType().equals(operator);
  }

  private NodeProto take(String operator) {
    if (!isNext(operator)) {
      throw none();
    }
    return body.getNode(next++);
  }

  private void takeAll(String... operators) {
    for (String operator : operators) {
      take(operator);
    }
  }

  private static String input(NodeProto node, int i) {
    if (i >= node.getInputCount()) {
      throw none();
    }
    return node.getInput(i);
  }

  private int[] dims(String name) {
    Numbers known = numbers.apply(name);
    if (known == null) {
      throw none();
    }
    return known.dims();
  }

  private float scalar(NodeProto node, int input) {
    Numbers known = numbers.apply(input(node, input));
    if (known == null || !known.isReal() || known.elements() != 1) {
      throw none();
    }
    return known.reals()[0];
  }

  private static float attribute(NodeProto node, String name) {
    for (AttributeProto attribute : node.getAttributeList()) {
      if (attribute.getName().equals(name)) {
        return attribute.getF();
      }
    }
    throw none();
  }

  // ---- parts of a step --------------------------------------------------------------------------

  /** A bias or a norm; whether it is the latter. */
  private boolean norm() {
    if (isNext("LayerNormalization")) {
      take("LayerNormalization");
      return true;
    } else if (isNext("ReduceMean")) {
      takeAll("ReduceMean", "Sub", "Mul", "ReduceMean", "Add", "Sqrt", "Div", "Mul", "Add");
      return true;
    }
    take("Add");
    return false;
  }

  private void clip() {
    if (isNext("Clip")) {
      gateClip = scalar(take("Clip"), 2);
    }
  }

  /** A gate: its clipping and its function. */
  private GateFunction gate() {
    clip();
    return function();
  }

  private GateFunction function() {
    NodeProto node = peek();
    for (GateFunction.Kind kind : GateFunction.Kind.values()) {
      if (node.getOpType().equals(Activations.name(kind))) {
        next++;
        return new GateFunction(
            kind,
            Activations.hasAlpha(kind) ? attribute(node, "alpha") : 0,
            Activations.hasBeta(kind) ? attribute(node, "beta") : 0);
      }
    }
    float factor = scalar(take("Mul"), 1);
    if (isNext("Tanh")) {
      take("Tanh");
      return new GateFunction(GateFunction.Kind.SCALED_TANH, scalar(take("Mul"), 1), factor);
    }
    return new GateFunction(GateFunction.Kind.AFFINE, factor, scalar(take("Add"), 1));
  }

  /** The part of a vector's old value that is kept; 0 if nothing is mixed. */
  private float zoneout(int vector) {
    String old = body.getInput(vector).getName();
    if (!isNext("Mul") || !input(peek(), 0).equals(old)) {
      return 0;
    }
    float part = scalar(take("Mul"), 1);
    takeAll("Mul", "Add");
    return part;
  }

  // ---- cells ------------------------------------------------------------------------------------

  private CellType rnn() {
    take("MatMul");
    options.layerNorm(norm());
    take("Add");
    functions.add(gate());
    options.zoneout(zoneout(0), 0);
    for (CellType cell : List.of(CellType.RNN_RELU, CellType.RNN_LINEAR)) {
      if (functions.equals(cell.functions())) {
        return cell;
      }
    }
    return CellType.RNN_TANH;
  }

  private CellType gru() {
    take("MatMul");
    options.layerNorm(norm());
    takeAll("Add", "Slice");
    functions.add(gate());
    take("Slice");
    gate();
    boolean before = isNext("Mul");
    if (before) {
      takeAll("Mul", "MatMul");
      norm();
    } else {
      take("MatMul");
      norm();
      take("Mul");
    }
    take("Add");
    functions.add(gate());
    takeAll("Sub", "Mul", "Mul", "Add");
    options.zoneout(zoneout(0), 0);
    return before ? CellType.GRU_RESET_BEFORE : CellType.GRU_RESET_AFTER;
  }

  /** A peephole, whose weights come first; whether there is one. */
  private boolean peephole() {
    if (!isNext("Mul") || numbers.apply(input(peek(), 0)) == null) {
      return false;
    }
    takeAll("Mul", "Add");
    return true;
  }

  /** Whether behind the input gate there is a gate for what is forgotten, and not a difference. */
  private boolean isAfterFirstGate() {
    int from = next;
    float clipped = gateClip;
    take("Slice");
    peephole();
    gate();
    boolean hasGate = isNext("Slice");
    next = from;
    gateClip = clipped;
    return hasGate;
  }

  /** All behind the products; whether there are peepholes. */
  private boolean lstm(boolean coupled) {
    take("Slice");
    boolean peepholes = peephole();
    functions.add(gate());
    if (coupled) {
      take("Sub");
    } else {
      take("Slice");
      peephole();
      gate();
    }
    take("Slice");
    functions.add(gate());
    takeAll("Mul", "Mul", "Add");
    if (isNext("Clip")) {
      options.cellClip(scalar(take("Clip"), 2));
    }
    take("Slice");
    peephole();
    if (isNext("LayerNormalization") || isNext("ReduceMean")) {
      norm();
    }
    gate();
    functions.add(function());
    take("Mul");
    if (isNext("MatMul")) {
      int[] dims = dims(input(take("MatMul"), 1));
      options.projectionSize(dims.length == 2 ? dims[1] : 0);
    }
    float ofHidden = zoneout(0);
    options.zoneout(ofHidden, zoneout(1));
    return peepholes;
  }
}
