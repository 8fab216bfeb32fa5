package dev.sequor.picture;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What stands in one box of a {@link NetworkPicture}. */
final class NetworkBox {
  private static final double NAME = 13;
  private static final double WORDS = 12;
  private static final double EXIT = 12;
  private static final double LINE_HEIGHT = 1.32;
  private static final double PADDING = 9;
  private static final double NARROWEST = 84;
  private static final double WIDEST = 200;
  private static final double EXIT_GAP = 12;
  private static final double STRIPE = 5;
  private static final int MOST_LINES = 3;

  private record Line(String words, double size, boolean bold, Ink ink) {}

  private final LayeredGraph.Place place;
  private final List<Line> lines;
  private final List<String> exitNames;
  private final List<Double> exits = new ArrayList<>();
  private final boolean emphasised;
  private final @Nullable Integer shared;
  private final String words;
  private final double width;
  private final double height;

  private NetworkBox(
      LayeredGraph.Place place,
      List<Line> lines,
      List<String> exitNames,
      boolean emphasised,
      @Nullable Integer shared,
      String words) {
    this.place = place;
    this.lines = lines;
    this.exitNames = exitNames;
    this.emphasised = emphasised;
    this.shared = shared;
    this.words = words;
    double widest = NARROWEST - 2 * PADDING;
    for (Line line : lines) {
      double bold = line.bold() ? TextWidth.BOLD : 1;
      widest = Math.max(widest, TextWidth.of(line.words(), line.size() * bold));
    }
    double all = 0;
    for (String name : exitNames) {
      all += exitWidth(name) + EXIT_GAP;
    }
    boolean named = exitNames.stream().anyMatch(name -> !name.isEmpty());
    double stripes = shared == null ? 0 : 2 * STRIPE;
    width = Math.max(widest + 2 * PADDING, named ? all + PADDING : 0) + stripes;
    // The main output leaves in the middle where it is alone, and on the left of others.
    double at = -all / 2;
    for (String name : exitNames) {
      double wide = exitWidth(name) + EXIT_GAP;
      exits.add(exitNames.size() == 1 ? 0 : at + wide / 2);
      at += wide;
    }
    double text = lines.stream().mapToDouble(line -> line.size() * LINE_HEIGHT).sum();
    height = text + 2 * PADDING - 2 + (named ? EXIT * LINE_HEIGHT + 2 : 0);
  }

  private static double exitWidth(String name) {
    return Math.max(12, TextWidth.of(name, EXIT));
  }

  /** An input or an output. */
  static NetworkBox end(String kind, String name, String shape) {
    List<Line> lines =
        List.of(
            new Line(TextWidth.cut(name, NAME * TextWidth.BOLD, WIDEST), NAME, true, Ink.TEXT),
            new Line(kind + ", " + shape, WORDS, false, Ink.FAINT));
    boolean input = kind.equals("input");
    return new NetworkBox(
        input ? LayeredGraph.Place.TOP : LayeredGraph.Place.BOTTOM,
        lines,
        input ? List.of("") : List.of(),
        false,
        null,
        kind + " " + name + ": " + shape);
  }

  /**
   * A node.
   *
   * @param exits the names of its outputs that are read, {@code ""} for the main one
   * @param shared the number of those that it shares weights with, if any
   */
  static NetworkBox node(
      String name,
      String module,
      List<String> parameters,
      List<String> exits,
      boolean emphasised,
      @Nullable Integer shared) {
    List<Line> lines = new ArrayList<>();
    lines.add(new Line(TextWidth.cut(name, NAME * TextWidth.BOLD, WIDEST), NAME, true, Ink.TEXT));
    for (String line : TextWidth.wrap(module, WORDS, WIDEST, MOST_LINES)) {
      lines.add(new Line(line, WORDS, false, Ink.TEXT));
    }
    for (String line : parameters) {
      lines.add(new Line(TextWidth.cut(line, WORDS, WIDEST), WORDS, false, Ink.FAINT));
    }
    return new NetworkBox(
        LayeredGraph.Place.BETWEEN,
        lines,
        exits,
        emphasised,
        shared,
        name + ": " + module + (parameters.isEmpty() ? "" : "; " + String.join(", ", parameters)));
  }

  LayeredGraph.Box toLayOut() {
    return new LayeredGraph.Box(width, height, place, exits);
  }

  SvgElement draw(LayeredLayout.Placed at) {
    boolean end = place != LayeredGraph.Place.BETWEEN;
    SvgElement box = SvgElement.of("g").titled(words);
    box.add(
        SvgElement.rect(at.x(), at.y(), at.width(), at.height())
            .with("rx", end ? at.height() / 2 : 5)
            .fill(end ? Ink.PAGE : Ink.BOX)
            .stroke(emphasised ? Ink.SERIES_1 : Ink.FAINT)
            .with("stroke-width", emphasised ? 2 : 1.2));
    double middle = at.x() + at.width() / 2;
    if (shared != null) {
      box.add(
          SvgElement.rect(at.x(), at.y() + 5, STRIPE, at.height() - 10)
              .fill(Ink.series(1 + shared)));
    }
    double y = at.y() + PADDING - 3;
    for (Line line : lines) {
      y += line.size() * LINE_HEIGHT;
      SvgElement text =
          SvgElement.text(middle, y - 1, line.size(), line.words())
              .with("text-anchor", "middle")
              .fill(line.ink());
      box.add(line.bold() ? text.with("font-weight", "bold") : text);
    }
    for (int i = 0; i < exits.size(); i++) {
      if (!exitNames.get(i).isEmpty()) {
        box.add(
            SvgElement.text(middle + exits.get(i), at.y() + at.height() - 5, EXIT, exitNames.get(i))
                .with("text-anchor", "middle")
                .with("font-style", "italic")
                .fill(Ink.FAINT));
      }
    }
    return box;
  }
}
