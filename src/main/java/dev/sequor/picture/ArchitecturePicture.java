package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.List;
import java.util.Locale;

/** How recurrent layers are put together. Every box is a cell at one time step. */
public final class ArchitecturePicture {
  private static final double BOX = 48;

  /** The ways that are drawn. */
  public enum Kind {
    /** One layer, folded and at each time step. */
    UNROLLED("A layer unrolled through time"),
    /** Layers on top of each other. */
    DEEP("A deep stack"),
    /** A layer that reads forward and one that reads backward. */
    BIDIRECTIONAL("A bidirectional layer"),
    /** One stack reads, another writes. */
    ENCODER_DECODER("An encoder and a decoder");

    private final String title;

    Kind(String title) {
      this.title = title;
    }

    /** The name on the command line, for example {@code encoder-decoder}. */
    public String id() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }
  }

  private final Kind kind;
  private final Diagram diagram = new Diagram();

  private ArchitecturePicture(Kind kind) {
    this.kind = kind;
  }

  /** The picture of one. */
  public static Svg of(Kind kind) {
    ArchitecturePicture picture = new ArchitecturePicture(Required.present("kind", kind));
    return switch (kind) {
      case UNROLLED -> picture.unrolled();
      case DEEP -> picture.deep();
      case BIDIRECTIONAL -> picture.bidirectional();
      case ENCODER_DECODER -> picture.encoderDecoder();
    };
  }

  private static String at(String name, String time) {
    return name + "⟨" + time + "⟩";
  }

  /** A cell that reads what comes from below and hands on what goes up. */
  private Diagram.Node cell(double x, double y, Ink ink) {
    return diagram.block("cell", ink, x, y, BOX);
  }

  private void from(String below, Diagram.Node to, double y) {
    Diagram.Node input = diagram.inputFromBelow(below, below, to.x(), y);
    diagram.wire(input, to, to.x(), y, to.x(), to.bottom());
  }

  private void up(Diagram.Node from, String above, double y) {
    Diagram.Node output = diagram.outputAbove(above, above, from.x(), y);
    diagram.wire(from, output, from.x(), from.top(), from.x(), y);
  }

  private void right(Diagram.Node from, Diagram.Node to) {
    diagram.wire(from, to, from.right(), from.y(), to.left(), to.y());
  }

  private void state(Diagram.Node from, Diagram.Node to, String shown) {
    right(from, to);
    diagram.words(from.right() + 8, from.y() - 8, shown);
  }

  private Svg unrolled() {
    double y = 110;
    Ink ink = Ink.SERIES_1;
    Diagram.Node folded = cell(76, y, ink);
    from(at("x", "t"), folded, 186);
    up(folded, at("y", "t"), 24);
    diagram.wire(
        folded, folded, folded.right(), y, 126, y, 126, 70, 26, 70, 26, y, folded.left(), y);
    diagram.words(132, 84, at("h", "t"));
    diagram.words(190, y + 5, "=");
    Diagram.Node first = diagram.input("h⟨0⟩", at("h", "0"), 236, y);
    List<String> times = List.of("1", "2", "3", "T");
    Diagram.Node before = first;
    for (int i = 0; i < times.size(); i++) {
      boolean last = i == times.size() - 1;
      Diagram.Node here = cell(322 + 116 * i + (last ? 54 : 0), y, ink);
      from(at("x", times.get(i)), here, 186);
      up(here, at("y", times.get(i)), 24);
      if (i == 0) {
        diagram.wire(first, here, 236, y, here.left(), y);
      } else if (last) {
        Diagram.Node gap = diagram.open(before.right() + 62, y);
        diagram.wire(before, gap, before.right(), y, gap.x(), y);
        diagram.words(before.right() + 8, y - 8, at("h", times.get(i - 1)));
        diagram.words(gap.x() + 6, y + 4, "…");
        Diagram.Node after = diagram.open(here.left() - 32, y);
        diagram.wire(after, here, after.x(), y, here.left(), y);
      } else {
        state(before, here, at("h", times.get(i - 1)));
      }
      before = here;
    }
    Diagram.Node end = diagram.output("h⟨T⟩", at("h", "T"), before.right() + 60, y);
    diagram.wire(before, end, before.right(), y, end.x(), y);
    return svg(
        before.right() + 72,
        194,
        "The same weights at every step: h⟨t⟩ is of x⟨t⟩ and h⟨t−1⟩, and y⟨t⟩ of h⟨t⟩");
  }

  private Svg svg(double width, double height, String... lines) {
    return diagram.svg(kind.title, width, height, List.of(lines));
  }

  private Svg deep() {
    List<String> times = List.of("t−1", "t", "t+1");
    int layers = 3;
    Diagram.Node[] below = new Diagram.Node[times.size()];
    for (int layer = 1; layer <= layers; layer++) {
      double y = 270 - 70 * layer;
      diagram.words(10, y + 5, "layer " + layer);
      Diagram.Node before = diagram.open(84, y);
      for (int i = 0; i < times.size(); i++) {
        Diagram.Node here = cell(150 + 120 * i, y, Ink.series(layer - 1));
        diagram.wire(before, here, i == 0 ? 84 : before.right(), y, here.left(), y);
        if (layer == 1) {
          from(at("x", times.get(i)), here, 272);
        } else {
          diagram.wire(below[i], here, here.x(), below[i].top(), here.x(), here.bottom());
        }
        if (layer == layers) {
          up(here, at("y", times.get(i)), 8);
        }
        below[i] = here;
        before = here;
      }
      Diagram.Node after = diagram.open(before.right() + 44, y);
      diagram.wire(before, after, before.right(), y, after.x(), y);
    }
    return svg(470, 280, "Each layer reads the hidden states of the layer below");
  }

  private Svg bidirectional() {
    List<String> times = List.of("t−1", "t", "t+1");
    double forward = 176;
    double backward = 106;
    double side = 32;
    diagram.words(10, forward + 5, "forward").words(10, backward + 5, "backward");
    Diagram.Node before = diagram.open(92, forward);
    Diagram.Node after = diagram.open(92, backward);
    for (int i = 0; i < times.size(); i++) {
      double x = 172 + 150 * i;
      Diagram.Node right = cell(x - side, forward, Ink.SERIES_1);
      Diagram.Node left = cell(x + side, backward, Ink.SERIES_2);
      Diagram.Node input = diagram.inputFromBelow("x", at("x", times.get(i)), x, 264);
      Diagram.Node read = diagram.join(x, 226);
      Diagram.Node both = diagram.join(x, 54);
      diagram
          .wire(input, read, x, 264, x, 226)
          .wire(read, right, x, 226, right.x(), 226, right.x(), right.bottom())
          .wire(read, left, x, 226, left.x(), 226, left.x(), left.bottom())
          .wire(right, both, right.x(), right.top(), right.x(), 54, x, 54)
          .wire(left, both, left.x(), left.top(), left.x(), 54, x, 54);
      Diagram.Node output = diagram.outputAbove("y", at("y", times.get(i)), x, 14);
      diagram.wire(both, output, x, 54, x, 14);
      diagram.wire(before, right, i == 0 ? 92 : before.right(), forward, right.left(), forward);
      diagram.wire(left, after, left.left(), backward, i == 0 ? 92 : after.right(), backward);
      before = right;
      after = left;
    }
    Diagram.Node end = diagram.open(560, forward);
    diagram.wire(before, end, before.right(), forward, 560, forward);
    Diagram.Node begin = diagram.open(560, backward);
    diagram.wire(begin, after, 560, backward, after.right(), backward);
    return svg(
        570,
        272,
        "y⟨t⟩ has the hidden states of both directions: what was read and what is to come");
  }

  private Svg encoderDecoder() {
    double y = 120;
    diagram.ground(14, 66, 334, 92).ground(376, 66, 348, 92);
    diagram.words(26, 58, "encoder").words(676, 58, "decoder");
    List<String> times = List.of("1", "2", "3");
    Diagram.Node before = cell(66, y, Ink.SERIES_1);
    from(at("x", times.get(0)), before, 204);
    for (int i = 1; i < times.size(); i++) {
      Diagram.Node here = cell(66 + 116 * i, y, Ink.SERIES_1);
      from(at("x", times.get(i)), here, 204);
      state(before, here, at("h", times.get(i - 1)));
      before = here;
    }
    for (int i = 0; i < times.size(); i++) {
      Diagram.Node here = cell(428 + 116 * i, y, Ink.SERIES_2);
      right(before, here);
      if (i == 0) {
        from("start", here, 204);
      } else {
        feedBack(before, here);
      }
      up(here, at("y", times.get(i)), 14);
      before = here;
    }
    return svg(
        748,
        212,
        "The encoder's last state is the decoder's first; each step of the decoder reads what the step before wrote");
  }

  /** What a step of the decoder wrote is what the next one reads. */
  private void feedBack(Diagram.Node from, Diagram.Node to) {
    double above = 44;
    double below = 196;
    double middle = (from.x() + to.x()) / 2;
    double[] points = {
      from.x(), above, middle, above, middle, below, to.x(), below, to.x(), to.bottom()
    };
    diagram.branch(from, to, points);
  }
}
