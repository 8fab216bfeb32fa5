package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.rnn.TensorRegion;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Networks as values, and what passes of them share and keep apart. */
class NetworkTest {
  private static void refused(String message, Executable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call).getMessage());
  }

  private static Network.Builder begun() {
    return Network.builder().tokens("x", 5).add("table", new Embedding(5, 3), "x");
  }

  @Test
  void whatDoesNotFitIsNamed() {
    refused(
        "node 'y': Linear[inputSize=4, outputSize=2, activation=NONE, bias=true] is given vectors of"
            + " 3 along 'x'; needed vectors of 4",
        () -> begun().add("y", new Linear(4, 2), "table").build());
    refused(
        "node 'y' reads 'tabel', which nothing before it makes; known: [x, table]",
        () -> begun().add("y", new Linear(3, 2), "tabel").build());
    refused(
        "two values are called 'table'",
        () -> begun().add("table", new Linear(3, 2), "table").build());
    refused(
        "'' is no name; needed letters, digits, '_', '-', and dots between them",
        () -> begun().add("", new Linear(3, 2), "table").build());
    refused(
        "node 'y': Concatenation[] is given vectors of 3 along 'x' and vectors of 3 along 'z';"
            + " needed values along one axis",
        () -> begun().vectors("z", 3).add("y", new Concatenation(), "table", "z").build());
    refused(
        "node 'y': Recurrent[stack=RnnSpec[cell=GRU_RESET_BEFORE, inputSize=3, hiddenSize=4, layers=1,"
            + " direction=FORWARD, dropout=0.0, options=[]]] is to start from a state of 1 × 1 vectors of 5;"
            + " needed a state of 1 × 1 vectors of 4",
        () ->
            begun()
                .add("a", Recurrent.of(CellType.GRU_RESET_BEFORE, 3, 5), "table")
                .add("y", Recurrent.of(CellType.GRU_RESET_BEFORE, 3, 4), "table", "a.final_state")
                .build());
    refused(
        "input 'more' runs along 'z', which no input before it brings; known: [x]",
        () -> begun().input("more", new ValueShape.Sequence("z", 3)).build());
    refused(
        "the network has no output; needed at least 1",
        () -> Network.builder().tokens("x", 5).build());
    refused(
        "'x' is an input and an output; needed something in between",
        () -> begun().output("x").build());
  }

  @Test
  void sharedTensorsAreThereOnce() {
    Network network =
        begun()
            .add("again", new Embedding(5, 3), "x")
            .sharing("table")
            .add("both", new Sum(), "table", "again")
            .add("logits", new Linear(3, 5), "both")
            .sharing("weights", "table.weights")
            .build();
    assertEquals(
        List.of("table.weights", "logits.bias"),
        network.layout().regions().stream().map(TensorRegion::name).toList());
    assertEquals(20, network.layout().trainableElements());
    refused(
        "node 'logits': 'weights' is shaped [[4, 3]], and 'table.weights' [[5, 3]]; needed the same",
        () ->
            begun()
                .add("logits", new Linear(3, 4), "table")
                .sharing("weights", "table.weights")
                .build());
    refused(
        "node 'logits' shares 'tabel.weights', which no node before it has",
        () ->
            begun()
                .add("logits", new Linear(3, 5), "table")
                .sharing("weights", "tabel.weights")
                .build());
    refused(
        "there is no node 'logits' to share",
        () -> begun().add("logits", new Linear(3, 5), "table").sharing("logits"));
  }

  @Test
  void layersOfOneWidthAreOneModule() {
    List<Recurrent> layers = Recurrent.layers(CellType.LSTM, 4, 8, 8, 5, 8);
    assertEquals(
        List.of(
            RnnSpec.of(CellType.LSTM, 4, 8).withLayers(2),
            RnnSpec.of(CellType.LSTM, 8, 5),
            RnnSpec.of(CellType.LSTM, 5, 8)),
        layers.stream().map(Recurrent::stack).toList());
    Network network = Network.builder().vectors("x", 4).addAll("stack", layers, "x").build();
    assertEquals(List.of("stack.2"), network.outputs());
    assertEquals(new ValueShape.Sequence("x", 8), network.shapes().get("stack.2"));
    assertTrue(network.canContinue());
    assertEquals(3, network.carriedStates().size());
  }

  static List<String> devices() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name)
        .toList();
  }

  /** Two stacks of the same weights, on the same input, differ by nothing but their dropout. */
  @ParameterizedTest
  @MethodSource("devices")
  void stacksInOneStepDrawMasksOfTheirOwn(String device) {
    Recurrent stack = new Recurrent(new RnnSpec(CellType.RNN_TANH, 3, 32, 2, false, 0.5f));
    Network network =
        Network.builder()
            .vectors("x", 3)
            .add("one", stack, "x")
            .add("two", stack, "x")
            .sharing("one")
            .add("three", new Dropout(0.5f), "x")
            .add("four", new Dropout(0.5f), "x")
            .output("one")
            .output("two")
            .output("three")
            .output("four")
            .build();
    try (Backend backend = Devices.open(device);
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkPass training = new NetworkPass(weights, Extent.of("x", 2, 32), Mode.TRAINING);
        NetworkPass inference = new NetworkPass(weights, Extent.of("x", 2, 32), Mode.INFERENCE)) {
      float[] x = new float[2 * 32 * 3];
      Arrays.fill(x, 0.7f);
      for (NetworkPass pass : List.of(training, inference)) {
        pass.put("x", x);
        pass.randomNumbers(5, 6);
        pass.upload();
        pass.forward();
      }
      assertFalse(same(training, "one", "two"));
      assertFalse(same(training, "three", "four"));
      assertTrue(same(inference, "one", "two"));
      assertTrue(same(inference, "three", "four"));
      float[] first = training.value("one").readFloats();
      training.forward();
      assertArrayEquals(first, training.value("one").readFloats());
      training.randomNumbers(5, 7);
      training.upload();
      training.forward();
      assertFalse(Arrays.equals(first, training.value("one").readFloats()));
    }
  }

  private static boolean same(NetworkPass pass, String one, String two) {
    return Arrays.equals(pass.value(one).readFloats(), pass.value(two).readFloats());
  }

  /** What an input was given once counts until it is given again. */
  @Test
  void lengthsAndInputsStayUntilTheyAreGivenAgain() {
    Network network =
        Network.builder()
            .vectors("x", 1)
            .input("y", new ValueShape.Sequence("x", 1))
            .add("both", new Concatenation(), "x", "y")
            .add("last", new LastStep(1), "both")
            .build();
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkPass pass = new NetworkPass(weights, Extent.of("x", 3, 2), Mode.INFERENCE)) {
      assertEquals(
          "input 'x' has not been given",
          assertThrows(IllegalStateException.class, pass::forward).getMessage());
      pass.put("x", new float[] {1, 2, 3, 4, 5, 6}, new int[] {2, 0});
      pass.put("y", new float[] {7, 8, 9, 10, 11, 12});
      refused(
          "lengths were given with input 'y'; needed with the one that brings its time axis",
          () -> pass.put("y", new float[6], new int[] {1, 1}));
      pass.upload();
      pass.forward();
      assertArrayEquals(new float[] {3, 9, 0, 0}, pass.value("last").readFloats());
      pass.put("y", new float[] {0, 0, 1, 0, 0, 0});
      pass.upload();
      pass.forward();
      assertArrayEquals(new float[] {3, 1, 0, 0}, pass.value("last").readFloats());
      pass.put("x", new float[] {1, 2, 3, 4, 5, 6});
      // With other lengths, what y was given was cut at other ends.
      assertEquals(
          "input 'y' has not been given",
          assertThrows(IllegalStateException.class, pass::forward).getMessage());
      pass.put("y", new float[] {0, 0, 1, 0, 0, 0});
      pass.upload();
      pass.forward();
      assertArrayEquals(new float[] {5, 0, 6, 0}, pass.value("last").readFloats());
    }
  }

  @Test
  void whatIsRefusedChangesNothing() {
    Network network =
        Network.builder()
            .tokens("x", 3)
            .add("one_hot", new OneHot(3), "x")
            .add("last", new LastStep(1), "one_hot")
            .build();
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkPass pass = new NetworkPass(weights, Extent.of("x", 2, 2), Mode.INFERENCE)) {
      pass.put("x", new int[] {0, 1, 2, 9}, new int[] {2, 1});
      refused(
          "token at t=1 b=1 is 9; a vocabulary of 3 needs 0 to 2",
          () -> pass.put("x", new int[] {1, 1, 1, 9}));
      refused(
          "lengths[1] is 3; needed 0 to T=2",
          () -> pass.put("x", new int[] {1, 1, 1, 1}, new int[] {1, 3}));
      assertThrows(
          IllegalStateException.class, () -> backend.step("closes", List.of(), pass::close));
      pass.upload();
      pass.forward();
      assertArrayEquals(new float[] {0, 0, 1, 0, 1, 0}, pass.value("last").readFloats());
    }
  }

  /** Counts how often it is asked what it makes. */
  private record Counting(AtomicInteger asked) implements Module {
    @Override
    public List<Output> outputs(List<ValueShape> inputs) {
      asked.incrementAndGet();
      return List.of(new Output("y", inputs.get(0)));
    }

    @Override
    public Pass bind(Binding binding) {
      return Pass.of(() -> {}, () -> {});
    }
  }

  private static int askedByNode(int nodes) {
    Counting counting = new Counting(new AtomicInteger());
    Network.Builder deep = Network.builder().vectors("x", 1);
    for (int i = 0; i < nodes; i++) {
      deep.add("n" + i, counting, i == 0 ? "x" : "n" + (i - 1));
    }
    Network network = deep.build();
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1)) {
      new NetworkPass(weights, Extent.of("x", 1, 1), Mode.TRAINING).close();
    }
    assertEquals(0, counting.asked().get() % nodes);
    return counting.asked().get() / nodes;
  }

  @Test
  void theWorkOfBindingGrowsWithTheNodesAndNotWithTheirSquare() {
    assertEquals(askedByNode(3), askedByNode(300));
  }

  @Test
  void dropoutsBeyondTheirStreamsAreRefused() {
    Recurrent stack = new Recurrent(new RnnSpec(CellType.RNN_TANH, 1, 1, 1000, false, 0.5f));
    Network.Builder tall = Network.builder().vectors("x", 1);
    for (int i = 0; i < 66; i++) {
      tall.add("n" + i, stack, "x");
    }
    refused(
        "the network's dropouts need 66000 streams of random numbers; there are 65536",
        tall::build);
  }

  @Test
  void extentsNameTheAxisThatIsMissing() {
    Network network = begun().build();
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1)) {
      refused(
          "the time steps of 'x' are missing; given: {z=3}",
          () -> new NetworkPass(weights, new Extent(2, Map.of("z", 3)), Mode.INFERENCE));
    }
  }

  private static Network.Builder vector() {
    return Network.builder().vectors("x", 6).add("v", new LastStep(1), "x");
  }

  @Test
  void whatMovesRowsAndColumnsNamesWhatDoesNotFit() {
    refused("the columns 3 to 7 are asked for; there are 6", () -> Columns.range(6, 3, 5));
    refused("first is -1; needed at least 0", () -> Columns.of(6, 2, -1));
    refused("the number of columns is 0; needed at least 1", () -> Columns.of(6));
    refused(
        "the columns 2147483647 to 4294967293 are asked for; there are 6",
        () -> Columns.range(6, Integer.MAX_VALUE, Integer.MAX_VALUE));
    Columns.Range all = new Columns.Range(0, Integer.MAX_VALUE);
    refused(
        "the number of columns is 4294967294; needed at most 2147483647",
        () -> new Columns(Integer.MAX_VALUE, List.of(all, all)));
    refused(
        "node 'y': Columns[inputWidth=5, ranges=[Range[first=0, count=1]]] is given vectors of 6"
            + " along 'x'; needed vectors of 5",
        () -> vector().add("y", Columns.of(5, 0), "x").build());
    refused(
        "Reverse[] is to work on parts; needed a module that treats rows alike",
        () -> new Each(2, new Reverse()));
    refused("parts is 0; needed at least 1", () -> new Each(0, new Softmax()));
    refused(
        "node 'y': Each[parts=4, module=Softmax[]] is given vectors of 6 along 'x'; needed 4 parts"
            + " of equal width",
        () -> vector().add("y", new Each(4, new Softmax()), "x").build());
    refused(
        "node 'y': Linear[inputSize=2, outputSize=5, activation=NONE, bias=true] is given vectors of"
            + " 3 along 'x'; needed vectors of 2",
        () -> vector().add("y", new Each(2, new Linear(2, 5)), "x").build());
    refused(
        "node 'y': parts · width is 2400000000; needed at most 2147483647",
        () -> vector().add("y", new Each(6, new Linear(1, 400_000_000)), "x").build());
    refused("factor is NaN and offset 1.0; needed finite numbers", () -> new Affine(Float.NaN, 1));
    refused("width is 0; needed at least 1", () -> new LearnedVector(0));
    refused(
        "step is 2147483647; needed -2147483647 to 2147483646",
        () -> new TimeStep(Integer.MAX_VALUE));
    refused("state is -1; needed at least 0", () -> new StateVectors(-1));
    ValueShape.State state = new ValueShape.State(2, 1, 3);
    refused(
        "node 'y': StateVectors[state=1] is given a state of 2 × 1 vectors of 3; needed a state of"
            + " more than 1 vectors",
        () -> vector().input("s", state).add("y", new StateVectors(1), "s").build());
    refused(
        "node 'y': VectorsState[blocks=2, states=1, width=4] is given a vector of 6 a sequence;"
            + " needed vectors of 8",
        () -> vector().add("y", new VectorsState(2, 1, 4), "v").build());
    refused(
        "node 'y': VectorsState[blocks=2, states=2, width=3] is given 1 inputs; needed 2",
        () -> vector().add("y", new VectorsState(2, 2, 3), "v").build());
    refused(
        "node 'y': RepeatAlong[] is given [vectors of 6 along 'x', a vector of 6 a sequence]; needed"
            + " a vector, and a sequence or tokens",
        () -> vector().add("y", new RepeatAlong(), "x", "v").build());
    refused(
        "node 'y': Reverse[] is given a vector of 6 a sequence; needed a sequence",
        () -> vector().add("y", new Reverse(), "v").build());
    refused(
        "node 'y': RepeatSteps[axis=y, steps=3] is given vectors of 6 along 'x'; needed a vector a"
            + " sequence",
        () -> vector().add("y", new RepeatSteps("y", 3), "x").build());
    refused(
        "node 'y': ColumnsToSteps[axis=y, steps=4] is given a vector of 6 a sequence; needed 4 parts"
            + " of equal width",
        () -> vector().add("y", new ColumnsToSteps("y", 4), "v").build());
    refused(
        "node 'y': steps · width is 3000000000; needed at most 2147483647",
        () -> vector().add("y", new StepsToColumns(500_000_000), "x").build());
  }

  @Test
  void aNodeBringsATimeAxisOfItsOwnName() {
    refused(
        "node 'y' brings a time axis 'x'; needed one of its own name",
        () -> vector().add("y", new RepeatSteps("x", 3), "v").build());
    Network network = vector().add("y", new RepeatSteps("y", 3), "v").build();
    assertEquals(new ValueShape.Sequence("y", 6), network.shapes().get("y"));
    Extent given = Extent.of("x", 5, 2);
    assertEquals(new Extent(2, Map.of("x", 5, "y", 3)), network.complete(given));
    assertEquals(network.complete(given), network.complete(network.complete(given)));
    refused(
        "timeSteps of 'y' is 4; its node makes 3",
        () -> network.complete(new Extent(2, Map.of("x", 5, "y", 4))));
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1);
        NetworkPass pass = new NetworkPass(weights, Extent.of("x", 2, 2), Mode.INFERENCE)) {
      assertArrayEquals(new int[] {3, 3}, pass.lengthsOnHost("y"));
      float[] x = new float[24];
      for (int i = 0; i < x.length; i++) {
        x[i] = i;
      }
      pass.put("x", x, new int[] {1, 0});
      pass.upload();
      pass.forward();
      float[] v = pass.value("v").readFloats();
      assertArrayEquals(new float[] {0, 1, 2, 3, 4, 5, 0, 0, 0, 0, 0, 0}, v);
      for (int t = 0; t < 3; t++) { // also of a sequence without a step: the axis is another one
        assertArrayEquals(
            v, Arrays.copyOfRange(pass.value("y").readFloats(), t * 12, (t + 1) * 12));
      }
    }
  }

  @Test
  void stepsThatAreReadByNumberHaveToBeThere() {
    Network.Builder two =
        vector()
            .add("third", new TimeStep(2), "x")
            .add("all", new StepsToColumns(4), "x")
            .output("third")
            .output("all");
    Network network = two.build();
    assertEquals(Map.of("x", new ReadsSteps.Needed(4, 4)), network.unpaddedAxes());
    try (Backend backend = Devices.open("java");
        NetworkWeights weights = NetworkWeights.draw(backend, network, 1)) {
      for (int steps : new int[] {1, 3, 5}) {
        refused(
            "timeSteps of 'x' is " + steps + "; needed 4",
            () -> new NetworkPass(weights, Extent.of("x", steps, 2), Mode.INFERENCE));
      }
    }
    refused(
        "along 'x' one node needs steps: at least 6; another 4",
        () -> two.add("sixth", new TimeStep(-6), "x").build());
    Network.Builder made = vector().add("made", new RepeatSteps("made", 3), "v");
    refused(
        "timeSteps of 'made' is 3; needed at least 4",
        () -> made.add("fourth", new TimeStep(3), "made").build());
  }

  /** A sequence without a step counts in neither of two vectors, and in their sum like any. */
  @Test
  void vectorsOfSequencesOfDifferentAxesMakeOneOfAll() {
    Network network =
        vector()
            .vectors("z", 6)
            .add("w", new LastStep(1), "z")
            .add("sum", new Sum(), "v", "w")
            .add("both", new Concatenation(), "v", "w", "sum")
            .build();
    assertEquals(new ValueShape.Vector("x", 6), network.shapes().get("v"));
    assertEquals(new ValueShape.Vector("", 6), network.shapes().get("sum"));
    assertEquals(new ValueShape.Vector("", 18), network.shapes().get("both"));
    refused(
        "node 'y': Sum[] is given a vector of 6 a sequence and vectors of 6 along 'x'; needed values"
            + " along one axis",
        () -> vector().add("y", new Sum(), "v", "x").build());
  }
}
