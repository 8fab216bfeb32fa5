package dev.sequor.exchange.onnx;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.Tensor;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Trainer;
import dev.sequor.module.Embedding;
import dev.sequor.module.InitialState;
import dev.sequor.module.LastStep;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.RandomNetwork;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Softmax;
import dev.sequor.module.ValueShape;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** What is written says the same in ONNX Runtime, and when it is read again. */
class OnnxWriteTest {
  @TempDir Path folder;

  private static Backend plainJava;
  private static Backend cpu;

  @BeforeAll
  static void open() {
    plainJava = Devices.open("java");
    cpu = Devices.open("cpu");
  }

  @AfterAll
  static void close() {
    plainJava.close();
    cpu.close();
  }

  // ---- cells ------------------------------------------------------------------------------------

  private static CellOptions.Builder options() {
    return CellOptions.builder();
  }

  /** Options by themselves and together, of those that a cell can have. */
  private static List<CellOptions> options(CellType cell) {
    boolean lstm = cell.states() == 2;
    GateFunction[] others = {
      GateFunction.of(GateFunction.Kind.HARD_SIGMOID),
      GateFunction.of(GateFunction.Kind.SOFTSIGN),
      new GateFunction(GateFunction.Kind.SCALED_TANH, 0.7f, 1.3f)
    };
    GateFunction[] own = java.util.Arrays.copyOf(others, cell.functions().size());
    List<CellOptions> all = new ArrayList<>();
    all.add(CellOptions.NONE);
    all.add(options().gateClip(0.3f).build());
    all.add(options().activations(own).build());
    all.add(options().inputDropout(0.3f).recurrentDropout(0.2f).recurrentDropConnect(0.1f).build());
    all.add(options().layerNorm(true).build());
    all.add(options().zoneout(0.25f, lstm ? 0.125f : 0).build());
    if (lstm) {
      all.add(options().coupledGates(true).build());
      all.add(options().cellClip(0.2f).build());
      if (cell != CellType.LSTM_CELL_RECURRENT) {
        all.add(options().projectionSize(2).build());
      }
    }
    all.add(dev.sequor.reference.SampleOptions.random(new SplittableRandom(5), cell, 4));
    return all;
  }

  @TestFactory
  Stream<DynamicTest> cells() {
    List<DynamicTest> tests = new ArrayList<>();
    int number = 0;
    for (CellType cell : CellType.values()) {
      for (CellOptions options : options(cell)) {
        for (Direction direction : Direction.values()) {
          for (int layers = 1; layers <= 3; layers++) {
            int seed = number++;
            RnnSpec stack =
                RnnSpec.of(cell, 3, 4)
                    .withDirection(direction)
                    .withLayers(layers)
                    .withOptions(options);
            tests.add(
                DynamicTest.dynamicTest(
                    cell.id() + " " + direction + " " + layers + " " + options,
                    () -> {
                      cell(stack, seed % 4, 14 + seed % 9, seed);
                    }));
          }
        }
      }
    }
    return tests.stream();
  }

  /** From zeros, a learned state or a given one; its sequence and its final state. */
  private void cell(RnnSpec stack, int kind, int opset, long seed) throws IOException {
    int blocks = stack.layers() * stack.directions();
    int states = stack.cell().states();
    Network.Builder network = Network.builder().vectors("x", stack.inputSize());
    String[] from = {"x", "start"};
    switch (kind) {
      case 0 -> from = new String[] {"x"};
      case 1 -> network.add("start", InitialState.of(stack));
      default -> network.input("start", new ValueShape.State(blocks, states, stack.hiddenSize()));
    }
    network
        .add("rnn", new Recurrent(stack), from)
        .add("last", new LastStep(stack.direction()), "rnn")
        .output("rnn")
        .output("last")
        .output("rnn.final_state");
    Network built = network.build();
    ExchangedModel model = ExchangedModel.of(built, WrittenModel.parameters(built, seed));
    if (kind == 3) {
      model = model.batchFirst();
    }
    // ONNX Runtime says nothing of the state of a sequence without steps.
    List<Tensor> inputs = WrittenModel.inputs(model, 3, Map.of("x", 5), 1, seed);
    check(model, inputs, opset, true);
    boolean withLengths = seed / 4 % 2 == 0; // half of them with, half without, of each kind
    if (withLengths) {
      isOneStack(stack, again(model, inputs));
    }
    ExchangedModel whole = model.withoutLengths();
    List<Tensor> fewer = inputs.stream().filter(t -> !t.name().equals("x_lengths")).toList();
    check(whole, fewer, opset, true);
    if (!withLengths) {
      isOneStack(stack, again(whole, fewer));
    }
  }

  /** All layers and directions are one plan again, of the same cell but for what is of training. */
  private static void isOneStack(RnnSpec stack, ExchangedModel read) {
    List<RnnSpec> stacks =
        read.network().nodes().stream()
            .filter(node -> node.module() instanceof Recurrent)
            .map(node -> ((Recurrent) node.module()).stack())
            .toList();
    assertEquals(1, stacks.size(), stacks::toString);
    RnnSpec made = stacks.get(0);
    CellOptions inTraining =
        stack.options().toBuilder()
            .inputDropout(0)
            .recurrentDropout(0)
            .recurrentDropConnect(0)
            .activations(stack.functions().toArray(GateFunction[]::new))
            .build();
    CellOptions options =
        made.options().toBuilder()
            .activations(made.functions().toArray(GateFunction[]::new))
            .build();
    assertEquals(inTraining, options);
    assertEquals(stack.layers(), made.layers());
    assertEquals(stack.direction(), made.direction());
    assertEquals(stack.cell().gates(), made.cell().gates());
  }

  /** The file in ONNX Runtime is the model, on every device or on one. */
  private void check(ExchangedModel model, List<Tensor> inputs, int opset, boolean devices)
      throws IOException {
    Path file = folder.resolve("model.onnx");
    List<Tensor> there = WrittenModel.runWritten(model, file, opset, inputs);
    for (Backend backend : devices ? List.of(plainJava, cpu) : List.of(cpu)) {
      WrittenModel.requireClose(WrittenModel.run(backend, model, inputs), there);
    }
  }

  // ---- networks ---------------------------------------------------------------------------------

  /** Some in ONNX Runtime too; every one that is written is read again. */
  @Test
  void randomNetworks() throws IOException {
    int inOnnxRuntime = Integer.getInteger("sequor.onnx.networks", 200);
    int count = inOnnxRuntime + Integer.getInteger("sequor.onnx.reread", 600);
    List<String> wrong = new ArrayList<>();
    int refused = 0;
    for (int seed = 1; seed <= count; seed++) {
      RandomNetwork.Drawn drawn = RandomNetwork.draw(seed);
      ExchangedModel model =
          ExchangedModel.of(drawn.network(), WrittenModel.parameters(drawn.network(), seed));
      if (seed % 2 == 0) {
        model = model.batchFirst();
      }
      if (seed % 3 == 0) {
        model = model.withoutLengths();
      }
      List<Tensor> inputs =
          WrittenModel.inputs(
              model, drawn.extent().batchSize(), drawn.extent().timeSteps(), 0, seed);
      int opset = 14 + seed % 9;
      try {
        if (seed <= inOnnxRuntime) {
          check(model, inputs, opset, false);
        } else {
          OnnxModel.write(model, folder.resolve("model.onnx"), opset);
        }
      } catch (IllegalArgumentException e) {
        assertTrue(
            String.valueOf(e.getMessage()).matches("node '.*' is AdaptiveSoftmax.*, which ONNX .*"),
            e.getMessage());
        refused++;
        continue;
      } catch (AssertionError e) {
        wrong.add("network " + seed + " " + model.network() + ": " + e + " " + e.getCause());
        continue;
      }
      try {
        again(model, inputs);
      } catch (MalformedFileException | AssertionError e) {
        wrong.add("network " + seed + " read again " + model.network() + ": " + e);
      }
    }
    assertEquals("", String.join("\n", wrong));
    assertTrue(refused < count / 10, refused + " refused of " + count);
  }

  /**
   * Sizes that a file does not leave open say which is the batch, and which the steps. What is
   * refused is a vector that is repeated along as many steps as all sequences have, and yet masked.
   */
  @Test
  void randomNetworksOfFixedSizes() throws IOException {
    List<String> wrong = new ArrayList<>();
    int refused = 0;
    for (int seed = 1; seed <= 200; seed++) {
      RandomNetwork.Drawn drawn = RandomNetwork.draw(seed);
      ExchangedModel open =
          ExchangedModel.of(drawn.network(), WrittenModel.parameters(drawn.network(), seed));
      Map<String, Integer> steps = drawn.extent().timeSteps();
      int batchSize = drawn.extent().batchSize();
      ExchangedModel model =
          WrittenModel.fixed(
              seed % 2 == 0 ? open.batchFirst() : open, batchSize, seed % 4 < 2 ? steps : Map.of());
      List<Tensor> inputs = WrittenModel.inputs(model, batchSize, steps, 0, seed);
      try {
        OnnxModel.write(model, folder.resolve("model.onnx"), 14 + seed % 9);
      } catch (IllegalArgumentException e) {
        continue; // as above
      }
      try {
        again(model, inputs);
      } catch (MalformedFileException e) {
        assertTrue(
            String.valueOf(e.getMessage())
                .endsWith("; needed time steps in dimension 0, and sequences"),
            e.getMessage());
        refused++;
      } catch (AssertionError e) {
        wrong.add("network " + seed + " read again " + model.network() + ": " + e);
      }
    }
    assertEquals("", String.join("\n", wrong));
    assertTrue(refused <= 2, refused + " refused");
  }

  /** Reads what was written; it is the same model, and is written the same from then on. */
  private ExchangedModel again(ExchangedModel model, List<Tensor> inputs) throws IOException {
    ExchangedModel second = OnnxModel.read(folder.resolve("model.onnx"));
    List<Tensor> outputs = WrittenModel.run(plainJava, model, inputs);
    WrittenModel.requireClose(outputs, WrittenModel.run(plainJava, second, known(second, inputs)));
    Path other = folder.resolve("again.onnx");
    OnnxModel.write(second, other);
    byte[] bytes = Files.readAllBytes(other);
    ExchangedModel third = OnnxModel.read(other);
    WrittenModel.requireClose(outputs, WrittenModel.run(plainJava, third, known(third, inputs)));
    OnnxModel.write(third, other);
    assertArrayEquals(bytes, Files.readAllBytes(other), "the bytes");
    return second;
  }

  /** Lengths that nothing depends on are in no file. */
  private static List<Tensor> known(ExchangedModel model, List<Tensor> inputs) {
    return inputs.stream()
        .filter(t -> model.inputs().stream().anyMatch(i -> i.name().equals(t.name())))
        .toList();
  }

  @Test
  void aUsualModelIsReadAgain() throws IOException {
    for (boolean lengths : new boolean[] {true, false}) {
      for (CellType cell :
          List.of(CellType.RNN_RELU, CellType.GRU_RESET_AFTER, CellType.LSTM_PEEPHOLE)) {
        RnnSpec stack =
            RnnSpec.of(cell, 3, 4).withLayers(2).withBidirectional(true).withDropout(0.2f);
        Network network =
            Network.builder()
                .tokens("tokens", 7)
                .add("read", new Embedding(7, 3), "tokens")
                .add("rnn", new Recurrent(stack), "read")
                .add("last", new LastStep(2), "rnn")
                .add("logits", new Linear(8, 5), "last")
                .add("labels", new Linear(8, 5), "rnn")
                .output("logits")
                .output("labels")
                .build();
        ExchangedModel model = ExchangedModel.of(network, WrittenModel.parameters(network, 3));
        model = lengths ? model : model.withoutLengths();
        List<Tensor> inputs = WrittenModel.inputs(model, 3, Map.of("tokens", 5), 0, 3);
        check(model, inputs, 17, true);
        again(model, inputs);
      }
    }
  }

  // ---- files of others --------------------------------------------------------------------------

  @TestFactory
  Stream<DynamicTest> exportedModels() throws IOException {
    List<Exported> all = ExportedCases.endingIn(".onnx");
    assumeTrue(!all.isEmpty(), "no ../shared/conformance/exported");
    return all.stream()
        .filter(exported -> exported.why().isEmpty())
        .map(exported -> DynamicTest.dynamicTest(exported.toString(), () -> exported(exported)));
  }

  private void exported(Exported exported) throws IOException {
    ExchangedModel model = OnnxModel.read(exported.path());
    for (int opset : new int[] {14, 17, 22}) {
      Path file = folder.resolve("model.onnx");
      OnnxModel.write(model, file, opset);
      try (OnnxSession session = new OnnxSession(file)) {
        for (int i = 0; i < exported.runs(); i++) {
          ExportedCases.requireClose(exported.outputs(i), session.run(exported.inputs(i)));
        }
      }
      again(model, exported.inputs(0));
    }
  }

  // ---- training ---------------------------------------------------------------------------------

  @Test
  void goesOnLearning() throws IOException {
    Path tagger = ExportedCases.folder().resolve("tagger/torchscript_opset17.onnx");
    assumeTrue(Files.exists(tagger), "no ../shared/conformance/exported");
    ExchangedModel model = OnnxModel.read(tagger);
    ExchangedModel logits = model;
    try {
      logits = model.withoutLastActivation();
    } catch (IllegalArgumentException e) {
      // it has none
    }
    TrainedModel before = logits.withLoss(new Loss.SoftmaxCrossEntropy());
    int classes = before.model().classes();
    int vocabulary =
        ((ValueShape.Tokens) logits.network().inputs().get(0).shape()).vocabularySize();
    int[] tokens = new SplittableRandom(1).ints(6 * 4, 0, vocabulary).toArray();
    int[] targets = java.util.Arrays.stream(tokens).map(token -> token % classes).toArray();
    Window window = new TokenWindow(6, 4, tokens, targets, null, true);
    try (Backend backend = Devices.open("cpu");
        SequenceModel open = before.open(backend);
        Trainer trainer = new Trainer(open, Optimizer.adam(0.01f), Clipping.none(), 1)) {
      double first = trainer.step(window).loss().mean();
      double last = first;
      for (int i = 0; i < 50; i++) {
        last = trainer.step(window).loss().mean();
      }
      assertTrue(last < first / 2, first + " became " + last);
      ExchangedModel learned = logits.withParameters(TrainedModel.of(open).parameters());
      List<Tensor> inputs =
          ExportedCases.endingIn(".onnx").stream()
              .filter(e -> e.path().equals(tagger))
              .findFirst()
              .orElseThrow()
              .inputs(0);
      check(learned, inputs, 17, true);
    }
  }

  @Test
  void logitsAreBeforeTheLastActivation() throws IOException {
    Network network =
        Network.builder()
            .vectors("x", 3)
            .add("logits", new Linear(3, 4), "x")
            .add("probabilities", new Softmax(), "logits")
            .output("probabilities")
            .build();
    ExchangedModel model = ExchangedModel.of(network, WrittenModel.parameters(network, 1));
    ExchangedModel logits = model.withoutLastActivation();
    assertEquals(List.of("logits"), logits.network().outputs());
    assertEquals("probabilities", logits.outputs().get(0).name());
    assertThrows(IllegalArgumentException.class, logits::withoutLastActivation);
    assertFalse(model.equals(logits));
  }

  // ---- refusals ---------------------------------------------------------------------------------

  @Test
  void refusesWhatOnnxCannotSay() {
    Network network =
        Network.builder()
            .vectors("x", 3)
            .add("classes", new dev.sequor.module.AdaptiveSoftmax(3, 9, List.of(4), 4), "x")
            .output("classes")
            .build();
    ExchangedModel model = ExchangedModel.of(network, WrittenModel.parameters(network, 1));
    Path file = folder.resolve("none.onnx");
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> OnnxModel.write(model, file));
    assertTrue(
        String.valueOf(e.getMessage()).contains("'classes'"), String.valueOf(e.getMessage()));
    assertFalse(Files.exists(file));
    for (int opset : new int[] {13, 23}) {
      assertThrows(IllegalArgumentException.class, () -> OnnxModel.write(model, file, opset));
    }
    assertThrows(
        IllegalArgumentException.class,
        () ->
            new ExchangedModel.Input(
                "x",
                dev.sequor.io.TensorType.F32,
                TensorLayout.perSequence(),
                "x",
                false,
                null,
                true));
  }
}
