package dev.sequor.picture;

import dev.sequor.backend.Required;
import dev.sequor.module.Module;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.Recurrent;
import dev.sequor.module.ValueShape;
import dev.sequor.rnn.TensorRegion;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/**
 * A network from top to bottom: its inputs, its nodes with what they do and how many parameters are
 * their own, its outputs, and an arrow for each value that is read. Outputs of a node other than
 * its main one leave it where they are named. Nodes that share weights say whose these are, and
 * have an edge of one colour.
 */
public final class NetworkPicture {
  private static final double MARGIN = 12;
  private static final double TITLE = 15;
  private static final double SUBTITLE = 12;
  private static final double ARROW = 6;
  private static final double LEAST_WIDTH = 250;
  private static final int MOST_TITLE_LINES = 3;

  private final Network network;
  private final String title;
  private final Map<String, ValueShape> shapes;
  private final NetworkLayout parameters;

  /** Boxes in the order of the graph: inputs, nodes, outputs. */
  private final List<NetworkBox> boxes = new ArrayList<>();

  private final List<LayeredGraph.Edge> edges = new ArrayList<>();
  private final List<String> edgeWords = new ArrayList<>();

  private NetworkPicture(Network network, String title) {
    this.network = network;
    this.title = title;
    this.shapes = network.shapes();
    this.parameters = network.layout();
  }

  /**
   * The picture.
   *
   * @param title stands above it; {@code ""} for none
   */
  public static Svg of(Network network, String title) {
    NetworkPicture picture =
        new NetworkPicture(Required.present("network", network), Required.present("title", title));
    picture.makeBoxes();
    return picture.draw(LayeredLayout.of(picture.graph()));
  }

  /** What is laid out. */
  LayeredGraph graph() {
    return new LayeredGraph(boxes.stream().map(NetworkBox::toLayOut).toList(), edges);
  }

  /** For the tests, which look at the layout. */
  static LayeredGraph graph(Network network) {
    NetworkPicture picture = new NetworkPicture(network, "");
    picture.makeBoxes();
    return picture.graph();
  }

  /** Where a value comes from. */
  private record Source(int box, int exit) {}

  private void makeBoxes() {
    Set<String> read = new LinkedHashSet<>(network.outputs());
    network.nodes().forEach(node -> read.addAll(node.inputs()));
    Map<String, Integer> sharing = sharingColours();
    Map<String, Source> sources = new LinkedHashMap<>();
    for (Network.Input input : network.inputs()) {
      sources.put(input.name(), new Source(boxes.size(), 0));
      boxes.add(NetworkBox.end("input", input.name(), ModuleWords.of(input.shape())));
    }
    for (Network.Node node : network.nodes()) {
      int box = boxes.size();
      List<String> exits = new ArrayList<>();
      for (String value : values(node)) {
        if (read.contains(value)) {
          sources.put(value, new Source(box, exits.size()));
          exits.add(value.equals(node.name()) ? "" : value.substring(node.name().length() + 1));
        }
      }
      boxes.add(
          NetworkBox.node(
              node.name(),
              ModuleWords.of(node.module()),
              parametersInWords(node),
              exits,
              node.module() instanceof Recurrent,
              sharing.get(node.name())));
      node.inputs().forEach(value -> connect(sources, value, box, node.name()));
    }
    for (String output : network.outputs()) {
      int box = boxes.size();
      ValueShape shape = Required.present(output, shapes.get(output));
      boxes.add(NetworkBox.end("output", output, ModuleWords.of(shape)));
      connect(sources, output, box, "output");
    }
  }

  private List<String> values(Network.Node node) {
    List<ValueShape> given =
        node.inputs().stream().map(name -> Required.present(name, shapes.get(name))).toList();
    List<Module.Output> outputs = node.module().outputs(given);
    List<String> values = new ArrayList<>();
    for (int i = 0; i < outputs.size(); i++) {
      values.add(i == 0 ? node.name() : node.name() + "." + outputs.get(i).name());
    }
    return values;
  }

  private void connect(Map<String, Source> sources, String value, int box, String reader) {
    Source source = Required.present(value, sources.get(value));
    edges.add(new LayeredGraph.Edge(source.box(), source.exit(), box));
    ValueShape shape = Required.present(value, shapes.get(value));
    edgeWords.add(value + " → " + reader + ": " + ModuleWords.of(shape));
  }

  /** Numbers for the nodes that share with each other; none for the others. */
  private Map<String, Integer> sharingColours() {
    Map<String, Integer> colours = new LinkedHashMap<>();
    int count = 0;
    for (Network.Node node : network.nodes()) {
      for (Network.Shared shared : node.shared()) {
        String owner = owner(shared);
        if (!colours.containsKey(owner)) {
          colours.put(owner, count++);
        }
        colours.putIfAbsent(node.name(), Required.present(owner, colours.get(owner)));
      }
    }
    return colours;
  }

  /** The node whose tensor it is. */
  private String owner(Network.Shared shared) {
    String owner = "";
    for (Network.Node node : network.nodes()) {
      if (shared.of().startsWith(node.name() + ".") && node.name().length() > owner.length()) {
        owner = node.name();
      }
    }
    return owner;
  }

  private List<String> parametersInWords(Network.Node node) {
    List<String> lines = new ArrayList<>();
    long own = elements(node.name());
    if (own > 0) {
      lines.add(count(own, "parameter"));
    }
    Set<String> owners = new LinkedHashSet<>();
    node.shared().forEach(shared -> owners.add(owner(shared)));
    for (String owner : owners) {
      lines.add((own > 0 ? "and weights of " : "weights of ") + owner);
    }
    return lines;
  }

  private long elements(String node) {
    return parameters.regions(node).stream().mapToLong(TensorRegion::elements).sum();
  }

  private static String count(long number, String what) {
    return String.format(Locale.ROOT, "%,d %s%s", number, what, number == 1 ? "" : "s");
  }

  private Svg draw(LayeredLayout layout) {
    double width = Math.max(LEAST_WIDTH, layout.width() + 2 * MARGIN);
    List<String> titleLines =
        title.isEmpty()
            ? List.of()
            : TextWidth.wrap(title, TITLE * TextWidth.BOLD, width - 2 * MARGIN, MOST_TITLE_LINES);
    String subtitle =
        count(network.nodes().size(), "node")
            + ", "
            + count(parameters.trainableElements(), "parameter");
    double top = MARGIN + titleLines.size() * TITLE * 1.3 + SUBTITLE + MARGIN;
    double left = (width - layout.width()) / 2;
    List<SvgElement> elements = new ArrayList<>();
    double y = MARGIN;
    for (String line : titleLines) {
      y += TITLE * 1.3;
      elements.add(SvgElement.text(MARGIN, y - 5, TITLE, line).with("font-weight", "bold"));
    }
    elements.add(SvgElement.text(MARGIN, y + SUBTITLE, SUBTITLE, subtitle).fill(Ink.FAINT));
    SvgElement body =
        SvgElement.of("g")
            .with(
                "transform",
                "translate(" + Numbers.plain("x", left) + " " + Numbers.plain("y", top) + ")");
    for (int i = 0; i < edges.size(); i++) {
      body.add(edge(layout.edges().get(i)).titled(edgeWords.get(i)));
    }
    for (int i = 0; i < boxes.size(); i++) {
      body.add(boxes.get(i).draw(layout.boxes().get(i)));
    }
    elements.add(body);
    return new Svg(
        width,
        top + layout.height() + MARGIN,
        title.isEmpty() ? "network" : title,
        description(subtitle),
        elements);
  }

  private static SvgElement edge(LayeredLayout.Routed routed) {
    List<double[]> points = routed.points();
    SvgPath path = new SvgPath().moveTo(points.get(0)[0], points.get(0)[1]);
    double[] end = points.get(points.size() - 1);
    for (int i = 1; i < points.size(); i++) {
      double[] from = points.get(i - 1);
      double[] to = points.get(i);
      double y = to == end ? to[1] - ARROW + 1 : to[1];
      if (from[0] == to[0]) {
        path.lineTo(to[0], y);
      } else {
        double middle = (from[1] + y) / 2;
        path.curveTo(from[0], middle, to[0], middle, to[0], y);
      }
    }
    SvgElement arrow =
        new SvgPath()
            .moveTo(end[0] - ARROW * 0.6, end[1] - ARROW)
            .lineTo(end[0] + ARROW * 0.6, end[1] - ARROW)
            .lineTo(end[0], end[1])
            .close()
            .element()
            .fill(Ink.FAINT);
    return SvgElement.of("g")
        .add(path.element().stroke(Ink.FAINT).with("stroke-width", 1.3))
        .add(arrow);
  }

  private String description(String subtitle) {
    StringBuilder words = new StringBuilder("A network of ").append(subtitle).append('.');
    words.append(" Inputs: ");
    words.append(String.join(", ", network.inputs().stream().map(Network.Input::name).toList()));
    words.append(". Nodes:");
    String between = " ";
    for (Network.Node node : network.nodes()) {
      words.append(between).append(node.name()).append(", ");
      words.append(ModuleWords.of(node.module()));
      words.append(node.inputs().isEmpty() ? "" : ", of " + String.join(" and ", node.inputs()));
      between = "; ";
    }
    words.append(". Outputs: ").append(String.join(", ", network.outputs())).append('.');
    return words.toString();
  }
}
