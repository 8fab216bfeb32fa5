package dev.sequor.picture;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.CellType;
import dev.sequor.module.Embedding;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.RandomNetwork;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Sum;
import dev.sequor.picture.LayeredLayout.Placed;
import dev.sequor.picture.LayeredLayout.Routed;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class NetworkPictureTest {
  private static final int PARTS_OF_A_CURVE = 24;

  private static Network encoderDecoder() {
    return Network.builder()
        .tokens("source", 50)
        .tokens("target", 50)
        .add("read", new Embedding(50, 8), "source")
        .add("encoder", Recurrent.of(CellType.GRU_RESET_BEFORE, 8, 16), "read")
        .add("write", new Embedding(50, 8), "target")
        .sharing("read")
        .add(
            "decoder",
            Recurrent.of(CellType.GRU_RESET_BEFORE, 8, 16),
            "write",
            "encoder.final_state")
        .add("logits", new Linear(16, 50), "decoder")
        .build();
  }

  @Test
  void saysWhatIsInTheNetwork() {
    ReadSvg read = ReadSvg.of(NetworkPicture.of(encoderDecoder(), "A translator"));
    List<String> words = read.texts().stream().map(ReadSvg.Text::words).toList();
    for (String expected :
        List.of(
            "A translator",
            "5 nodes, 3,746 parameters",
            "source",
            "input, tokens of 50",
            "read",
            "embedding 50 → 8",
            "400 parameters",
            "weights of read",
            "GRU (reset before) 8 → 16",
            "final_state",
            "dense 16 → 50",
            "output, vectors of 50")) {
      assertTrue(words.contains(expected), () -> expected + " is not among " + words);
    }
    assertTrue(
        read.titles().contains("encoder.final_state → decoder: state of 1 × 1 × 16"),
        read.titles()::toString);
    // Two boxes have a stripe of the colour of what they share.
    assertEquals(
        2,
        read.elements("rect").stream()
            .filter(rect -> rect.getAttribute("class").equals("f-series-2"))
            .count());
    assertTrue(
        read.root().getAttribute("aria-label").contains("decoder, GRU (reset before) 8 → 16, of"));
    read.requireReadable();
  }

  @Test
  void aValueThatIsReadTwiceByOneNodeHasTwoArrows() {
    Network network = Network.builder().vectors("x", 3).add("twice", new Sum(), "x", "x").build();
    LayeredGraph graph = NetworkPicture.graph(network);
    assertEquals(3, graph.edges().size());
    List<Routed> edges = LayeredLayout.of(graph).edges();
    assertTrue(end(edges.get(0))[0] != end(edges.get(1))[0]);
  }

  private static double[] end(Routed edge) {
    return edge.points().get(edge.points().size() - 1);
  }

  @Test
  void everyRandomNetworkIsWrittenWithoutOverlaps() {
    for (long seed = 0; seed < 300; seed++) {
      Network network = RandomNetwork.draw(seed).network();
      ReadSvg read = ReadSvg.of(NetworkPicture.of(network, "random " + seed));
      read.requireReadable();
      long boxes = read.elements("rect").stream().filter(r -> r.hasAttribute("rx")).count();
      assertEquals(
          network.inputs().size() + network.nodes().size() + network.outputs().size(), boxes);
    }
  }

  private static Stream<LayeredGraph> graphs() {
    return Stream.concat(
        Stream.iterate(0L, seed -> seed + 1)
            .limit(150)
            .map(seed -> NetworkPicture.graph(RandomNetwork.draw(seed).network())),
        Stream.iterate(1, seed -> seed + 1).limit(150).map(NetworkPictureTest::randomGraph));
  }

  /** Wider, denser and with longer edges than networks have. */
  private static LayeredGraph randomGraph(int seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int count = random.nextInt(2, 60);
    List<LayeredGraph.Box> boxes = new ArrayList<>();
    List<LayeredGraph.Edge> edges = new ArrayList<>();
    int tops = random.nextInt(1, 4);
    for (int i = 0; i < count; i++) {
      int exits = random.nextInt(1, 4);
      List<Double> places = new ArrayList<>();
      double width = random.nextDouble(30, 220);
      for (int e = 0; e < exits; e++) {
        places.add(width * ((e + 1.0) / (exits + 1) - 0.5));
      }
      boolean top = i < tops;
      boxes.add(
          new LayeredGraph.Box(
              width,
              random.nextDouble(20, 90),
              top ? LayeredGraph.Place.TOP : LayeredGraph.Place.BETWEEN,
              places));
      int into = top ? 0 : random.nextInt(0, 4);
      for (int e = 0; e < into; e++) {
        int from = random.nextInt(random.nextBoolean() ? Math.max(0, i - 4) : 0, i);
        edges.add(new LayeredGraph.Edge(from, random.nextInt(boxes.get(from).exits().size()), i));
      }
    }
    return new LayeredGraph(boxes, edges);
  }

  @ParameterizedTest
  @MethodSource("graphs")
  void boxesStandApartAndEdgesLeadDownBetweenThem(LayeredGraph graph) {
    LayeredLayout layout = LayeredLayout.of(graph);
    List<Placed> boxes = layout.boxes();
    for (int i = 0; i < boxes.size(); i++) {
      Placed one = boxes.get(i);
      assertTrue(
          one.x() > -1e-6
              && one.y() > -1e-6
              && one.x() + one.width() < layout.width() + 1e-6
              && one.y() + one.height() < layout.height() + 1e-6);
      for (int j = 0; j < i; j++) {
        Placed two = boxes.get(j);
        assertFalse(
            one.x() < two.x() + two.width() + 10
                && two.x() < one.x() + one.width() + 10
                && one.y() < two.y() + two.height()
                && two.y() < one.y() + one.height(),
            () -> one + " and " + two);
      }
    }
    for (int i = 0; i < graph.edges().size(); i++) {
      requireWay(graph.edges().get(i), layout.edges().get(i), boxes, graph);
    }
  }

  private static void requireWay(
      LayeredGraph.Edge edge, Routed routed, List<Placed> boxes, LayeredGraph graph) {
    Placed from = boxes.get(edge.from());
    Placed to = boxes.get(edge.to());
    double[] first = routed.points().get(0);
    double[] last = end(routed);
    double exit = graph.boxes().get(edge.from()).exits().get(edge.exit());
    assertEquals(from.x() + from.width() / 2 + exit, first[0], 1e-6);
    assertEquals(from.y() + from.height(), first[1], 1e-6);
    assertEquals(to.y(), last[1], 1e-6);
    assertTrue(last[0] > to.x() && last[0] < to.x() + to.width());
    for (int i = 1; i < routed.points().size(); i++) {
      double[] start = routed.points().get(i - 1);
      double[] end = routed.points().get(i);
      assertTrue(end[1] > start[1], "an edge leads up");
      for (int part = 1; part < PARTS_OF_A_CURVE; part++) {
        double t = (double) part / PARTS_OF_A_CURVE;
        // The Bézier curve that is drawn: its inner points are above and below each other's ends.
        double across = t * t * (3 - 2 * t);
        double x = start[0] + (end[0] - start[0]) * across;
        double y =
            start[1]
                + (end[1] - start[1])
                    * (1.5 * t * (1 - t) * (1 - t) + 1.5 * t * t * (1 - t) + t * t * t);
        for (Placed box : boxes) {
          assertFalse(
              x > box.x() - 1
                  && x < box.x() + box.width() + 1
                  && y > box.y()
                  && y < box.y() + box.height(),
              () -> "an edge crosses " + box);
        }
      }
    }
  }

  @Test
  void theSameNetworkHasTheSameBytes() {
    for (long seed = 0; seed < 20; seed++) {
      assertEquals(
          NetworkPicture.of(RandomNetwork.draw(seed).network(), "").file(),
          NetworkPicture.of(RandomNetwork.draw(seed).network(), "").file());
    }
  }

  /** A minute is no measure of speed, but of whether it ends. */
  @Test
  @Timeout(60)
  void aNetworkOfThousandsOfNodesIsDrawn() {
    Network.Builder builder = Network.builder().vectors("x", 2);
    for (int i = 0; i < 3000; i++) {
      String below = i == 0 ? "x" : "n" + (i - 1);
      builder.add("n" + i, new Sum(), below, i % 7 == 0 ? "x" : below);
    }
    Svg picture = NetworkPicture.of(builder.build(), "many");
    assertTrue(picture.height() > 3000);
  }
}
