package dev.sequor.exchange.onnx;

import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorShapeProto;
import ai.onnx.proto.OnnxMl.ValueInfoProto;
import dev.sequor.backend.Required;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.exchange.TensorLayout.Kind;
import dev.sequor.exchange.TensorLayout.Part;
import dev.sequor.exchange.draft.NetworkDraft;
import dev.sequor.exchange.files.OptionalLibrary;
import dev.sequor.exchange.onnx.Translation.GraphInput;
import dev.sequor.exchange.onnx.Value.Grid;
import dev.sequor.io.DurableFile;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import dev.sequor.module.Affine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Models in ONNX files: the recurrent operators and what exporters write around them. A graph
 * becomes a network of modules: sizes are worked out while it is read, transposing and reshaping
 * become views, and what is left runs as any other network does, on every device, in training too.
 * What is not supported is refused by the name of its node. What {@link #write} writes is read
 * again, but for few networks of which that, too, is refused by name.
 *
 * <p>Needs {@code org.tribuo:tribuo-util-onnx} on the class path.
 */
public final class OnnxModel {
  /** Optional for whoever uses this library; brings {@code com.google.protobuf:protobuf-java}. */
  static final OptionalLibrary LIBRARY =
      new OptionalLibrary("org.tribuo:tribuo-util-onnx:4.3.2", "org.tribuo.util.onnx");

  public static final int OLDEST_WRITTEN = 14;
  public static final int NEWEST_WRITTEN = 22;
  public static final int USUAL_OPSET = 17;

  /** More than any graph needs: each time another dimension of an input is settled. */
  private static final int MOST_ATTEMPTS = 100;

  private OnnxModel() {}

  /** The operators that are supported, with conditions. */
  static Set<String> operatorNames() {
    return Reading.OPERATORS.keySet();
  }

  /**
   * Reads a model. Weights may be in other files of its folder, and in no other folder's.
   *
   * @throws MalformedFileException if it is no ONNX model, or has something that is not supported;
   *     names the node
   * @throws IllegalStateException if {@code org.tribuo:tribuo-util-onnx} is not there
   * @throws IOException if it cannot be read
   */
  public static ExchangedModel read(Path path) throws IOException {
    try {
      return new Reading(OnnxFile.read(path)).model();
    } catch (NoClassDefFoundError e) {
      throw LIBRARY.missing("reading " + path, e);
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new MalformedFileException(path, OnnxFile.line(String.valueOf(e.getMessage())), e);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * Whether a file has the form of an ONNX model, whatever is in its graph, and whether or not
   * {@link #read} takes it.
   *
   * @throws IOException if it cannot be read
   */
  public static boolean isIn(Path file) throws IOException {
    return OnnxFile.isOne(file);
  }

  /** Writes a model with opset 17, see {@link #write(ExchangedModel, Path, int)}. */
  public static void write(ExchangedModel model, Path file) throws IOException {
    write(model, file, USUAL_OPSET);
  }

  /**
   * Writes a model: its inputs and outputs under their names and in their layouts, batch and time
   * steps of any size unless the layouts fix them. Recurrent stacks become RNN, GRU and LSTM, a
   * node for each layer; cells that those do not have become a Scan. {@link #read} makes the same
   * model of such a file, but for what is of training alone: dropout is left out. Lengths of
   * sequences are inputs if they are inputs of the model, {@linkplain ExchangedModel.Input#optional
   * optional} ones too, which a file cannot leave open ({@link ExchangedModel#withoutLengths});
   * lengths that nothing depends on are left out. The same model makes the same bytes.
   *
   * <p>The file is replaced as a whole, or not at all.
   *
   * @param file is replaced if it is there
   * @param opset 14 to 22
   * @throws IllegalArgumentException if the opset is another; or, naming the node or input, if ONNX
   *     cannot say the model: an adaptive softmax, modules that are not the library's, inputs with
   *     masked steps, and more than 2 GiB
   * @throws IllegalStateException if {@code org.tribuo:tribuo-util-onnx} is not there
   * @throws IOException if it cannot be written
   */
  public static void write(ExchangedModel model, Path file, int opset) throws IOException {
    Required.present("model", model);
    Required.present("file", file);
    if (opset < OLDEST_WRITTEN || opset > NEWEST_WRITTEN) {
      throw new IllegalArgumentException(
          "opset is " + opset + "; needed " + OLDEST_WRITTEN + " to " + NEWEST_WRITTEN);
    }
    byte[] bytes;
    try {
      bytes = ModelWriter.write(model, opset).toByteArray();
    } catch (NoClassDefFoundError e) {
      throw LIBRARY.missing("writing " + file, e);
    }
    DurableFile.write(file, bytes);
  }

  /** One file, translated as often as it takes to know what the dimensions of its inputs are. */
  private static final class Reading {
    /** Here, where nothing of ONNX is wanted before a file is read. */
    private static final Map<String, Operator> OPERATORS = operators();

    private final OnnxFile file;
    private final GraphProto graph;
    private final Map<String, Numbers> weights;
    private final Allowance room;
    private final List<OnnxNode> nodes = new ArrayList<>();
    private final Map<String, OnnxNode> makers = new HashMap<>();

    /** What each dimension of each input is. */
    private final Map<String, List<Atom>> dims = new HashMap<>();

    Reading(OnnxFile file) throws IOException {
      this.file = file;
      this.graph = file.graph();
      this.weights = file.weights();
      this.room = new Allowance(file.bytes() + Numbers.distinct(weights.values()));
      Set<String> wanted = wanted();
      for (NodeProto proto : graph.getNodeList()) {
        OnnxNode node = new OnnxNode(proto, nodes.size());
        for (String output : node.outputs()) {
          makers.putIfAbsent(output, node);
        }
        if (node.outputs().stream().anyMatch(wanted::contains)) {
          nodes.add(node);
        }
      }
    }

    private static Map<String, Operator> operators() {
      Map<String, Operator> operators = new TreeMap<>();
      Arithmetic.addTo(operators);
      Shaping.addTo(operators);
      Picking.addTo(operators);
      Products.addTo(operators);
      Recurrence.addTo(operators);
      Lengths.addTo(operators);
      ScanReader.addTo(operators);
      return operators;
    }

    /** The tensors that the graph's outputs depend on. */
    private Set<String> wanted() {
      Map<String, NodeProto> made = new HashMap<>();
      for (NodeProto node : graph.getNodeList()) {
        node.getOutputList().forEach(output -> made.putIfAbsent(output, node));
      }
      Set<String> wanted = new HashSet<>();
      Deque<String> open = new ArrayDeque<>();
      graph.getOutputList().forEach(output -> open.add(output.getName()));
      while (!open.isEmpty()) {
        String tensor = open.pop();
        if (!tensor.isEmpty() && wanted.add(tensor) && made.containsKey(tensor)) {
          open.addAll(Objects.requireNonNull(made.get(tensor)).getInputList());
        }
      }
      return wanted;
    }

    ExchangedModel model() {
      Map<String, String> axes = new HashMap<>();
      for (ValueInfoProto input : graph.getInputList()) {
        if (!weights.containsKey(input.getName())
            && dims.put(input.getName(), guess(input, axes)) != null) {
          throw new IllegalArgumentException("has two inputs '" + input.getName() + "'");
        }
      }
      for (int attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
        try {
          return translated();
        } catch (Reconsider now) {
          reconsider(now);
        }
      }
      throw new IllegalArgumentException(
          "uses the dimensions of its inputs in ways that do not go together: " + dims);
    }

    private static TensorType type(ValueInfoProto input) {
      int number = input.getType().getTensorType().getElemType();
      @Nullable TensorType type = OnnxFile.type(number);
      if (!input.getType().hasTensorType() || type == null) {
        throw new IllegalArgumentException(
            "input '" + input.getName() + "' is of type " + number + ", which is not supported");
      }
      return type;
    }

    /**
     * What the dimensions of an input usually are.
     *
     * @param axes by what files call them, the inputs that time axes are of; takes note of more
     */
    private static List<Atom> guess(ValueInfoProto input, Map<String, String> axes) {
      boolean integers = type(input).isInteger();
      if (!input.getType().getTensorType().hasShape()) {
        throw new IllegalArgumentException(
            "input '" + input.getName() + "' has no shape; needed how many dimensions it has");
      }
      TensorShapeProto shape = input.getType().getTensorType().getShape();
      int rank = shape.getDimCount();
      int open = 0;
      for (TensorShapeProto.Dimension dim : shape.getDimList()) {
        open += dim.getDimValue() > 0 ? 0 : 1;
      }
      // Whoever calls a dimension that means it, as what is written here does.
      boolean isSaid = shape.getDimList().stream().anyMatch(Reading::isCalledBatch);
      boolean isDenoted = shape.getDimList().stream().anyMatch(Reading::isDenoted);
      boolean batchKnown = false;
      List<Atom> atoms = new ArrayList<>();
      for (int d = 0; d < rank; d++) {
        long value = shape.getDim(d).getDimValue();
        if (value < 0 || value > Integer.MAX_VALUE) {
          throw new IllegalArgumentException(
              "input '" + input.getName() + "' has the size " + value);
        }
        boolean isBatch =
            isSaid
                ? !batchKnown && isCalledBatch(shape.getDim(d))
                : !batchKnown && (open == 0 || value == 0) && (d < rank - 1 || rank == 1);
        boolean isSteps =
            value == 0
                || (isDenoted
                    ? shape.getDim(d).getDenotation().equals(ModelWriter.STEPS)
                    : integers && d > 0);
        Kind kind = isBatch ? Kind.BATCH : isSteps ? Kind.STEPS : Kind.COLUMNS;
        batchKnown |= isBatch;
        String called = shape.getDim(d).getDimParam();
        String axis = kind == Kind.STEPS ? input.getName() : "";
        if (kind == Kind.STEPS && !called.isEmpty()) {
          // Sizes of one name are one size.
          axis = axes.getOrDefault(called, axis);
          axes.putIfAbsent(called, axis);
        }
        atoms.add(new Atom(kind, (int) value, axis, new Atom.Origin(input.getName(), d)));
      }
      return atoms;
    }

    private static boolean isCalledBatch(TensorShapeProto.Dimension dim) {
      return dim.getDimParam().equals(Writing.BATCH)
          || dim.getDenotation().equals(ModelWriter.BATCH);
    }

    private static boolean isDenoted(TensorShapeProto.Dimension dim) {
      return dim.getDenotation().equals(ModelWriter.BATCH)
          || dim.getDenotation().equals(ModelWriter.STEPS);
    }

    private void reconsider(Reconsider now) {
      if (now.size < 0) {
        throw new IllegalArgumentException(
            "needs another size than one of 32 bits of dimension "
                + now.origin.dimension()
                + " of input '"
                + now.origin.input()
                + "'");
      }
      List<Atom> atoms = new ArrayList<>(Objects.requireNonNull(dims.get(now.origin.input())));
      Atom old = atoms.get(now.origin.dimension());
      int size = now.size > 0 ? now.size : old.size;
      if (now.kind == Kind.COLUMNS && size == 0) {
        throw new IllegalArgumentException(
            "dimension "
                + now.origin.dimension()
                + " of input '"
                + now.origin.input()
                + "' is used for columns, and may be any number; needed a fixed one");
      }
      String axis =
          now.kind != Kind.STEPS ? "" : now.axis.isEmpty() ? now.origin.input() : now.axis;
      Atom settled = new Atom(now.kind, size, axis, now.origin);
      if (settled.kind == old.kind && settled.size == old.size && settled.axis.equals(old.axis)) {
        throw new IllegalArgumentException(
            "uses dimension "
                + now.origin.dimension()
                + " of input '"
                + now.origin.input()
                + "' in ways that do not go together");
      }
      if (now.kind != Kind.COLUMNS) {
        // There is one of a kind: what was taken for it before is another.
        for (int d = 0; d < atoms.size(); d++) {
          Atom other = atoms.get(d);
          if (d != now.origin.dimension() && other.kind == now.kind) {
            Kind kind =
                now.kind == Kind.STEPS ? Kind.BATCH : other.size > 0 ? Kind.COLUMNS : Kind.STEPS;
            atoms.set(
                d,
                new Atom(
                    kind, other.size, kind == Kind.STEPS ? now.origin.input() : "", other.origin));
          }
        }
      }
      atoms.set(now.origin.dimension(), settled);
      dims.put(now.origin.input(), atoms);
    }

    private ExchangedModel translated() {
      room.begin();
      Translation to = new Translation(file, makers, room);
      weights.forEach(to::weight);
      // An axis is there before whatever follows it.
      List<ValueInfoProto> inputs = new ArrayList<>();
      for (boolean leaders : new boolean[] {true, false}) {
        for (ValueInfoProto input : graph.getInputList()) {
          List<Atom> atoms = dims.get(input.getName());
          if (atoms != null && leads(input.getName(), atoms) == leaders) {
            inputs.add(input);
          }
        }
      }
      for (ValueInfoProto input : inputs) {
        List<Atom> atoms = Objects.requireNonNull(dims.get(input.getName()));
        to.input(new GraphInput(input.getName(), type(input), atoms));
      }
      for (OnnxNode node : nodes) {
        translate(node, to);
      }
      return finish(to);
    }

    private static boolean leads(String name, List<Atom> atoms) {
      return atoms.stream().allMatch(atom -> atom.kind != Kind.STEPS || atom.axis.equals(name));
    }

    private void translate(OnnxNode node, Translation to) {
      @Nullable Operator operator =
          OnnxFile.isOwn(node.domain()) ? OPERATORS.get(node.type()) : null;
      if (operator == null) {
        throw new IllegalArgumentException(
            node.label()
                + " is of an operator that is not supported"
                + (node.domain().isEmpty() ? "" : ", of the domain '" + node.domain() + "'"));
      }
      try {
        @Nullable Value norm = node.type().equals("Div") ? Products.norm(node, makers, to) : null;
        if (norm != null) {
          to.output(node, norm);
        } else {
          operator.translate(node, to);
        }
        node.requireUnderstood();
      } catch (IllegalArgumentException
          | ArithmeticException
          | IndexOutOfBoundsException
          | NegativeArraySizeException e) {
        throw new IllegalArgumentException(node.label() + " " + e.getMessage(), e);
      }
    }

    private ExchangedModel finish(Translation to) {
      List<ExchangedModel.Output> outputs = new ArrayList<>();
      List<String> values = new ArrayList<>();
      Set<String> inputValues = new HashSet<>();
      to.draft.inputs().forEach(input -> inputValues.add(input.name()));
      for (ValueInfoProto output : graph.getOutputList()) {
        String name = output.getName();
        @Nullable Value value = to.made(name);
        if (value == null) {
          throw new IllegalArgumentException("output '" + name + "' is made by no node");
        }
        Grid grid =
            value instanceof Grid computed ? computed : to.grid(value, "output '" + name + "'");
        if (grid.sortedBy() != null) {
          throw new IllegalArgumentException(
              "output '"
                  + name
                  + "' has sequences in the order of their lengths,"
                  + " which is not supported");
        }
        String made =
            inputValues.contains(grid.value())
                ? to.draft.add(name, new Affine(1, 0), grid.value())
                : grid.value();
        values.add(made);
        outputs.add(
            new ExchangedModel.Output(
                name, layout(Translation.withoutOnes(grid)), made, grid.likeliest()));
      }
      to.declareUnread();
      NetworkDraft.Finished finished = to.draft.finish(values);
      for (int i = 0; i < outputs.size(); i++) {
        outputs.set(i, outputs.get(i).of(finished.outputs().get(i)));
      }
      return new ExchangedModel(finished.network(), finished.parameters(), inputs(to), outputs);
    }

    private static List<ExchangedModel.Input> inputs(Translation to) {
      List<ExchangedModel.Input> inputs = new ArrayList<>();
      for (GraphInput input : to.inputs().values()) {
        List<Atom> columns = input.dims.stream().filter(Atom::isColumns).toList();
        List<List<Atom>> dims = input.dims.stream().map(List::of).toList();
        TensorLayout layout = layout(Grid.of("", columns, dims));
        String counted = to.lengths.get(input.name);
        if (counted != null) {
          String axis = to.graphInput(counted).value;
          inputs.add(new ExchangedModel.Input(input.name, input.type, layout, axis, true, null));
        } else {
          inputs.add(ExchangedModel.Input.of(input.name, input.type, layout, input.value));
        }
      }
      return inputs;
    }

    private static TensorLayout layout(Grid grid) {
      List<List<Part>> dimensions = new ArrayList<>();
      for (List<Atom> atoms : grid.dims()) {
        List<Part> parts = new ArrayList<>();
        for (Atom atom : atoms) {
          parts.add(
              new Part(atom.kind, atom.size, atom.isColumns() ? grid.columns().indexOf(atom) : 0));
        }
        dimensions.add(parts);
      }
      List<Integer> columns =
          grid.likeliest() ? List.of() : grid.columns().stream().map(atom -> atom.size).toList();
      return new TensorLayout(dimensions, columns);
    }
  }
}
