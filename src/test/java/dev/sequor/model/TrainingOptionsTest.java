package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.backend.Mode;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenStreams;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.module.Extent;
import dev.sequor.module.InitialState;
import dev.sequor.module.LastStep;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkState;
import dev.sequor.module.Recurrent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Groups of parameters, weighted targets, learned states, and windows that overlap. */
final class TrainingOptionsTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(7, 5)
          .cell(CellType.GRU_RESET_BEFORE)
          .hiddenSize(6)
          .layers(2)
          .build();

  static List<String> devices() {
    return UsableBackends.names().toList();
  }

  private static String refusal(Runnable call) {
    return String.valueOf(assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  // ---- groups ----------------------------------------------------------------------------------

  /**
   * Plain gradient descent by hand, from the gradients that the trainer itself saw: each tensor by
   * its own rate and decay, the norm over all but what is frozen.
   */
  @ParameterizedTest
  @MethodSource("devices")
  void eachGroupHasItsRateAndDecayAndTheNormIsOfAll(String device) {
    Optimizer sgd = Optimizer.sgd(0.4f).withWeightDecay(0.1f);
    Optimizer grouped =
        sgd.with(
            sgd.group("recurrent.layers.0.*").withRate(0.25f),
            sgd.group("*output.bias", "recurrent.layers.1.*bias").withWeightDecay(0f),
            sgd.group("embedding.*").frozen());
    RandomStreams data = new RandomStreams(7, 4, 3, 5);
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, SPEC, 1);
        Trainer trainer = new Trainer(model, grouped, Clipping.byGlobalNorm(0.05f), 1)) {
      for (int step = 0; step < 4; step++) {
        if (step == 2) {
          trainer.learningRate(0.2f); // as a schedule does; the factors of the groups stay
        }
        float rate = step < 2 ? 0.4f : 0.2f;
        List<NamedTensor> before = model.tensors();
        TrainStep made = trainer.step(data);
        double squares = 0;
        for (NamedTensor tensor : before) {
          for (float g : model.weights().gradient(tensor.name())) {
            squares += tensor.name().startsWith("embedding") ? 0 : (double) g * g;
          }
        }
        assertEquals(Math.sqrt(squares), made.gradientNorm(), 1e-5 * Math.sqrt(squares));
        double clip = Math.min(1, 0.05f / Math.sqrt(squares));
        assertTrue(clip < 1, "nothing is clipped");
        for (NamedTensor tensor : before) {
          String name = tensor.name();
          double factor =
              name.startsWith("embedding") ? 0 : name.startsWith("recurrent.layers.0") ? 0.25 : 1;
          boolean decays =
              !name.equals("output.bias")
                  && !(name.startsWith("recurrent.layers.1") && name.endsWith("bias"));
          float[] gradient = model.weights().gradient(name);
          float[] after = model.weights().value(name);
          for (int i = 0; i < after.length; i++) {
            double w = tensor.values()[i];
            double g = gradient[i] * clip + (decays ? 0.1 * w : 0);
            assertEquals(w - rate * factor * g, after[i], 1e-6, name + " " + i);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aRunWithGroupsThatWasStoppedGoesOnBitForBit(String device) {
    Optimizer adamw = Optimizer.adamw(0.01f, 0.1f);
    Optimizer grouped =
        adamw.with(
            adamw.group("*bias").withWeightDecay(0f),
            adamw.group("embedding.weights").withRate(0.1f));
    assertResumes(device, SPEC, grouped, new RandomStreams(7, 4, 3, 5));
  }

  static void assertResumes(
      String device, SequenceModelSpec spec, Optimizer optimizer, WindowSource data) {
    try (Backend backend = Devices.open(device)) {
      List<TrainerSnapshot> snapshots = new ArrayList<>();
      TrainerSnapshot end;
      try (SequenceModel model = new SequenceModel(backend, spec, 4);
          Trainer trainer = new Trainer(model, optimizer, Clipping.byGlobalNorm(1), 44)) {
        for (int step = 0; step < 12; step++) {
          snapshots.add(trainer.snapshot());
          trainer.step(data);
        }
        end = trainer.snapshot();
      }
      for (int at : new int[] {1, 4, 7}) {
        try (SequenceModel model = new SequenceModel(backend, spec, 99);
            Trainer trainer = new Trainer(model, optimizer, Clipping.byGlobalNorm(1), 99)) {
          trainer.step(data); // Leaves traces that the snapshot must overwrite.
          trainer.restore(snapshots.get(at));
          trainer.steps(data, 12 - at);
          TrainerSnapshot again = trainer.snapshot();
          assertEquals(end.progress(), again.progress());
          assertSame(end.parameters(), again.parameters());
          assertSame(end.moments(), again.moments());
          assertSame(end.carriedState(), again.carriedState());
        }
      }
    }
  }

  private static void assertSame(List<NamedTensor> expected, List<NamedTensor> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertArrayEquals(expected.get(i).values(), actual.get(i).values(), expected.get(i).name());
    }
  }

  @Test
  void groupsThatDoNotFitAreRefusedByName() {
    Optimizer adam = Optimizer.adam(0.01f);
    try (Backend java = Devices.open("java");
        SequenceModel model = new SequenceModel(java, SPEC, 1)) {
      List<String> open = java.openResources();
      String nothing =
          refusal(() -> new Trainer(model, adam.with(adam.group("dense.*")), Clipping.none(), 1));
      assertTrue(
          nothing.startsWith(
              "'dense.*', of a group of parameters, names no tensor; the model has embedding"),
          nothing);
      Optimizer twice = adam.with(adam.group("output.*"), adam.group("*bias"));
      assertEquals(
          "tensor 'output.bias' is of two groups of parameters, by 'output.*' and by '*bias';"
              + " needed one at most",
          refusal(() -> new Trainer(model, twice, Clipping.none(), 1)));
      Optimizer same = adam.with(adam.group("*bias"), adam.group("*bias").frozen());
      assertTrue(
          refusal(() -> new Trainer(model, same, Clipping.none(), 1))
              .endsWith("by '*bias' and by '*bias'; needed one at most"));
      Optimizer all = adam.with(adam.group("*").frozen());
      assertTrue(
          refusal(() -> new Trainer(model, all, Clipping.none(), 1))
              .contains("one that is updated"));
      assertEquals(open, java.openResources());
    }
    assertTrue(refusal(() -> adam.group("a").withRate(-1f)).startsWith("rate is -1.0"));
    assertTrue(refusal(() -> adam.with(adam.group("a")).with(adam.group("b"))).contains("at once"));
    assertTrue(refusal(adam::with).startsWith("0 groups"));
  }

  @Test
  void decayOfMatricesOnlyLeavesEveryBiasAlone() {
    Optimizer optimizer = Optimizer.adamw(0.1f, 0.5f).withDecayOfMatricesOnly(SPEC.network());
    ParameterGroup group = optimizer.groups().get(0);
    assertEquals(0f, group.weightDecay());
    assertEquals(5, group.tensors().size()); // two of each layer, and that of the output
    assertTrue(group.tensors().stream().allMatch(name -> name.endsWith("bias")));
  }

  // ---- weights of targets ----------------------------------------------------------------------

  /** Twice the weight is the sequence twice, and only ratios count. */
  @ParameterizedTest
  @MethodSource("devices")
  void aWeightOfTwoIsTheSequenceTwice(String device) {
    int[] once = {1, 2, 3, 4, 5, 6}; // T=3 B=2
    int[] twice = {1, 2, 2, 3, 4, 4, 5, 6, 6};
    Window weighted = new TokenWindow(3, 2, once, once, null, true).weighted(0.5f, 1f);
    Window repeated = new TokenWindow(3, 3, twice, twice, null, true);
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, SPEC, 1);
        Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 1)) {
      double expected = trainer.backpropagate(repeated, 0, 0).mean();
      float[] gradients = model.weights().gradients().readFloats();
      BatchLoss loss = trainer.backpropagate(weighted, 0, 0);
      assertEquals(expected, loss.mean(), 1e-6);
      assertEquals(6, loss.predictions());
      assertEquals(4.5, loss.weight());
      assertArrayEquals(gradients, model.weights().gradients().readFloats(), 1e-6f);
      assertEquals(expected, model.loss(weighted, null).mean(), 1e-6);
      // A recorded step for each kind of window, in any order.
      for (int i = 0; i < 6; i++) {
        Window window = i % 2 == 0 ? weighted : new TokenWindow(3, 2, once, once, null, true);
        double before = model.loss(window, null).mean();
        assertEquals(before, trainer.step(window).loss().mean(), 1e-5, "step " + i);
      }
    }
  }

  @Test
  void weightsThatDoNotFitAreRefused() {
    int[] tokens = {1, 2, 3, 4, 5, 6};
    Window window = new TokenWindow(3, 2, tokens, tokens, null, true);
    try (Backend java = Devices.open("java");
        SequenceModel model = new SequenceModel(java, SPEC, 1);
        Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 1)) {
      float[] before = model.parameters().readFloats();
      assertTrue(
          refusal(() -> trainer.step(window.weighted(1, 2, 3)))
              .startsWith("weights holds 3 elements"));
      assertTrue(
          refusal(() -> trainer.step(window.weighted(1, 1, 1, -1, 1, 1)))
              .startsWith("the weight at t=1 b=1 is -1.0"));
      assertTrue(
          refusal(() -> trainer.step(window.weighted(0, 0))).contains("no target that counts"));
      assertArrayEquals(before, model.parameters().readFloats());
    }
    assertTrue(
        refusal(
                () ->
                    SequenceModelSpec.languageModel(7, 5)
                        .loss(Loss.classWeighted(Loss.softmaxCrossEntropy(), 1, 2))
                        .build())
            .startsWith("the loss has weights of 2 classes; 7 outputs"));
    assertTrue(
        refusal(() -> Loss.classWeighted(Loss.meanSquaredError(), 1)).contains("loss of classes"));
  }

  // ---- learned initial states ------------------------------------------------------------------

  private static NetworkModelSpec withLearnedState() {
    RnnSpec stack = new RnnSpec(CellType.LSTM, 1, 4, 1, false, 0f);
    Network network =
        Network.builder()
            .vectors("x", 1)
            .add("start", InitialState.of(stack))
            .add("recurrent", new Recurrent(stack), "x", "start")
            .add("last", new LastStep(1), "recurrent")
            .add("y", new Linear(4, 1, Activation.NONE, false), "last")
            .build();
    return new NetworkModelSpec(network, Loss.meanSquaredError());
  }

  /** The input is zero and so are all biases at first: only the state can make the output. */
  @ParameterizedTest
  @MethodSource("devices")
  void aLearnedStateIsTrainedAndStartsEverySequence(String device) {
    Window window =
        new SeriesWindow(
            2,
            3,
            new Values.Reals(new float[6]),
            new Values.Reals(new float[] {0.5f, 0.5f, 0.5f}),
            null,
            true);
    Optimizer adam = Optimizer.adam(0.05f);
    Optimizer stateAlone = adam.with(adam.group("recurrent.*", "y.*").frozen());
    try (Backend backend = Devices.open(device);
        SequenceModel model = new SequenceModel(backend, withLearnedState(), 2);
        Trainer trainer = new Trainer(model, stateAlone, Clipping.none(), 1)) {
      assertEquals(0.25, model.loss(window, null).mean(), 1e-6);
      for (int step = 0; step < 150; step++) {
        trainer.step(window);
      }
      assertTrue(model.loss(window, null).mean() < 1e-3, "" + model.loss(window, null));
      float[] y = model.forward(window, null).readFloats();
      assertEquals(y[0], y[2]);
    }
  }

  // ---- tied weights ----------------------------------------------------------------------------

  @Test
  void aTiedModelHasOneTableAndSaysWhatDoesNotFit() {
    SequenceModelSpec tied =
        SequenceModelSpec.builder(InputSpec.tiedEmbedding(7, 6), 7).hiddenSize(6).build();
    SequenceModelSpec apart = SequenceModelSpec.languageModel(7, 6).hiddenSize(6).build();
    assertEquals(apart.weights() - 7 * 6, tied.weights());
    assertEquals(tied.weights(), tied.network().layout().trainableElements());
    assertEquals(
        "the output layer's weights are [7, 6], and the embedding that they are to be [7, 5];"
            + " needed the same",
        refusal(
            () ->
                SequenceModelSpec.builder(InputSpec.tiedEmbedding(7, 5), 7).hiddenSize(6).build()));
  }

  // ---- windows that overlap --------------------------------------------------------------------

  private static int[] text(int count) {
    return new SplittableRandom(8).ints(count, 0, 7).toArray();
  }

  /**
   * The definition, by hand: the state at a window's beginning from all that went before it, a pass
   * over k2 steps from there, the mean loss of the last k1 of them. The weights stay as they are,
   * because the rate is too small to change a float.
   */
  @ParameterizedTest
  @MethodSource("devices")
  void theGradientIsThatOfTheLastNewStepsThroughAllStepsOfTheWindow(String device) {
    int b = 2;
    for (int[] sizes : new int[][] {{3, 3}, {3, 6}, {2, 5}, {1, 4}}) {
      int newSteps = sizes[0];
      int timeSteps = sizes[1];
      int[] text = text(31);
      int stream = (text.length - 1) / b;
      TokenStreams source = new TokenStreams(text, b, timeSteps, newSteps);
      try (Backend backend = Devices.open(device);
          SequenceModel model = new SequenceModel(backend, SPEC, 1);
          Trainer trainer = new Trainer(model, Optimizer.sgd(1e-30f), Clipping.none(), 1)) {
        for (int n = 0; n < source.windowsPerEpoch(); n++) {
          double loss = trainer.step(source).loss().mean();
          float[] gradients = model.weights().gradients().readFloats();
          int end = (n + 1) * newSteps;
          int begin = Math.max(0, end - timeSteps);
          double expected = byHand(model, text, stream, b, begin, end, newSteps);
          String where = "k1=" + newSteps + " k2=" + timeSteps + " window " + n;
          assertEquals(expected, loss, 1e-5, where);
          assertArrayEquals(model.weights().gradients().readFloats(), gradients, 2e-6f, where);
        }
      }
    }
  }

  private static int[] steps(int[] text, int stream, int b, int from, int to) {
    int[] tokens = new int[(to - from) * b];
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = text[i % b * stream + from + i / b];
    }
    return tokens;
  }

  /** Leaves the gradient in the model's; returns the mean loss. */
  private static double byHand(
      SequenceModel model, int[] text, int stream, int b, int begin, int end, int newSteps) {
    int steps = end - begin;
    try (NetworkState state = model.newState(b);
        NetworkPass pass =
            new NetworkPass(model.weights(), Extent.of("input", steps, b), Mode.TRAINING)) {
      if (begin > 0) {
        model.forward(begin, b, steps(text, stream, b, 0, begin), null, state);
      }
      pass.carry(state);
      pass.put("input", steps(text, stream, b, begin, end));
      pass.upload();
      pass.forward();
      float[] a = pass.value("output").readFloats();
      int[] targets = steps(text, stream, b, begin + 1, end + 1);
      float[] d = new float[a.length];
      double loss = 0;
      for (int row = (steps - newSteps) * b; row < steps * b; row++) {
        double sum = 0;
        for (int j = 0; j < 7; j++) {
          sum += Math.exp(a[row * 7 + j]);
        }
        loss += (Math.log(sum) - a[row * 7 + targets[row]]) / (newSteps * b);
        for (int j = 0; j < 7; j++) {
          double slope = Math.exp(a[row * 7 + j]) / sum - (j == targets[row] ? 1 : 0);
          d[row * 7 + j] = (float) (slope / (newSteps * b));
        }
      }
      pass.gradient("output").write(d);
      model.weights().zeroGradients();
      pass.backward();
      return loss;
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aRunOfOverlappingWindowsThatWasStoppedGoesOnBitForBit(String device) {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(7, 5).hiddenSize(6).layers(2).dropout(0.3f).build();
    assertResumes(device, spec, Optimizer.adam(0.01f), new TokenStreams(text(31), 2, 5, 2));
  }

  /** With dropout too: the next window starts from the state that this one went through. */
  @Test
  void theStateThatIsHandedOnIsThatOfTheTrainingPassItself() {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(7, 5).hiddenSize(6).layers(2).dropout(0.5f).build();
    int[] tokens = text(10);
    int[] none = new int[10];
    Arrays.fill(none, -1);
    none[9] = 1;
    List<float[]> states = new ArrayList<>();
    try (Backend java = Devices.open("java")) {
      for (boolean overlaps : new boolean[] {true, false}) {
        int steps = overlaps ? 5 : 2;
        int[] first = Arrays.copyOf(tokens, steps * 2);
        int[] targets = Arrays.copyOf(none, steps * 2);
        targets[targets.length - 1] = 1;
        Window window = new TokenWindow(steps, 2, first, targets, null, true);
        try (SequenceModel model = new SequenceModel(java, spec, 1);
            Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 1)) {
          trainer.step(overlaps ? window.overlapping(2) : window);
          states.add(trainer.snapshot().carriedState().get(0).values());
        }
      }
      assertArrayEquals(states.get(1), states.get(0));
      assertNotEquals(0f, states.get(0)[0]);
    }
  }

  @Test
  void overlappingWindowsAreRefusedWhereTheyMakeNoSense() {
    Window window = Objects.requireNonNull(new TokenStreams(text(31), 2, 5, 2).window(0, 2));
    SequenceModelSpec both =
        SequenceModelSpec.languageModel(7, 5).hiddenSize(6).bidirectional(true).build();
    int[] tokens = text(10);
    Window whole = new TokenWindow(5, 2, tokens, tokens, null, true).overlapping(2);
    try (Backend java = Devices.open("java");
        SequenceModel model = new SequenceModel(java, both, 1);
        SequenceModel carrying = new SequenceModel(java, SPEC, 1);
        NetworkState state = carrying.newState(2);
        Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 1)) {
      assertTrue(refusal(() -> trainer.step(whole)).contains("a model that carries a state"));
      assertTrue(refusal(() -> carrying.loss(window, state)).contains("only training"));
    }
    assertTrue(refusal(() -> window.overlapping(6)).startsWith("advance is 6"));
    assertTrue(refusal(() -> new TokenStreams(tokens, 2, 2, 3)).startsWith("newSteps is 3"));
  }
}
