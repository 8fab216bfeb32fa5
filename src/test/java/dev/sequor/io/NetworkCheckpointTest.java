package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.ParallelWindow;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.Clipping;
import dev.sequor.model.EncoderDecoderSpec;
import dev.sequor.model.Evaluator;
import dev.sequor.model.InputSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Binding;
import dev.sequor.module.Embedding;
import dev.sequor.module.LastStep;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.Linear;
import dev.sequor.module.Module;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.OwnModule;
import dev.sequor.module.Pass;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.TeacherForcing;
import dev.sequor.module.ValueShape;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.IntFunction;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Models that are no model of text go to a directory and on from there as well. */
class NetworkCheckpointTest {
  /** Names the modules of the tests, as a user's own service would. */
  public static final class Names implements ModuleNames {
    @Override
    public Map<String, Class<? extends Module>> modules() {
      return Map.of("tests-residual", OwnModule.class);
    }
  }

  @TempDir Path folder;

  /** An encoder and a decoder, which is given the encoder's last state, with shared embeddings. */
  private static ModelSpec translator() {
    return new NetworkModelSpec(
        Network.builder()
            .tokens("source", 6)
            .tokens("target", 6)
            .add("read", new Embedding(6, 5), "source")
            .add("encoder", new Recurrent(new RnnSpec(CellType.LSTM, 5, 7, 2, false, 0.2f)), "read")
            .add("write", new Embedding(6, 5), "target")
            .sharing("read")
            .add(
                "decoder",
                new Recurrent(new RnnSpec(CellType.LSTM, 5, 7, 2, false, 0.2f)),
                "write",
                "encoder.final_state")
            .add("own", new OwnModule(7, true), "decoder")
            .add("normal", new LayerNorm(7), "own")
            .add("logits", new Linear(7, 6), "normal")
            .build(),
        Loss.labelSmoothedCrossEntropy(0.1f));
  }

  private static Window sentences(int number) {
    SplittableRandom random = new SplittableRandom(number);
    int[] source = random.ints(5 * 3, 0, 6).toArray();
    int[] target = random.ints(4 * 3, 0, 6).toArray();
    return new ParallelWindow(
        3,
        List.of(
            new Window.Part("source", 5, new Values.Tokens(source), new int[] {5, 2, 4}),
            new Window.Part("target", 4, new Values.Tokens(target), new int[] {1, 4, 3})),
        new Values.Tokens(random.ints(4 * 3, 0, 6).toArray()),
        true);
  }

  /** Two stacks, each with a state that goes from window to window, and clusters of classes. */
  private static ModelSpec tower() {
    return new NetworkModelSpec(
        Network.builder()
            .tokens("text", 6)
            .add("table", new Embedding(6, 4), "text")
            .addAll("stack", Recurrent.layers(CellType.GRU_RESET_BEFORE, 4, 6, 6, 3), "table")
            .add("classes", new AdaptiveSoftmax(3, 6, List.of(2, 4), 1), "stack.1")
            .build(),
        Loss.softmaxCrossEntropy());
  }

  private static Window text(int number) {
    SplittableRandom random = new SplittableRandom(number);
    int[] tokens = random.ints(4 * 2, 0, 6).toArray();
    int[] targets = random.ints(4 * 2, 0, 6).toArray();
    return new TokenWindow(4, 2, tokens, targets, null, number == 0);
  }

  /** Vectors in, sequences of labels out, of any alignment. */
  private static ModelSpec transcriber() {
    return SequenceModelSpec.builder(InputSpec.dense(3), 4)
        .cell(CellType.GRU_RESET_BEFORE)
        .hiddenSize(6)
        .bidirectional(true)
        .dropout(0.2f)
        .layers(2)
        .loss(new Loss.Ctc(3, true))
        .build();
  }

  private static Window recording(int number) {
    SplittableRandom random = new SplittableRandom(number);
    float[] vectors = new float[9 * 2 * 3];
    for (int i = 0; i < vectors.length; i++) {
      vectors[i] = (float) random.nextDouble(-1, 1);
    }
    int[] labels = random.ints(random.nextInt(5), 0, 3).toArray();
    return new SeriesWindow(
        9,
        2,
        new Values.Reals(vectors),
        Values.Labels.of(labels, new int[] {1, 1}),
        new int[] {9, number % 9 + 1},
        true);
  }

  /** Any number of steps in, four out: those that come next. */
  private static ModelSpec forecaster() {
    return new NetworkModelSpec(
        Network.builder()
            .vectors("x", 1)
            .add("encoder", Recurrent.of(CellType.LSTM, 1, 8), "x")
            .add("read", new LastStep(1), "encoder")
            .add("steps", new RepeatSteps("steps", 4), "read")
            .add("decoder", Recurrent.of(CellType.LSTM, 8, 8), "steps")
            .add("y", new Linear(8, 1), "decoder")
            .build(),
        Loss.meanSquaredError());
  }

  /** Waves of 6 steps, or fewer, and their next four. */
  private static Window waves(int number) {
    SplittableRandom random = new SplittableRandom(number);
    int batchSize = 3;
    int[] lengths = {6, random.nextInt(3, 7), random.nextInt(3, 7)};
    float[] inputs = new float[6 * batchSize];
    float[] targets = new float[4 * batchSize];
    for (int b = 0; b < batchSize; b++) {
      double phase = random.nextDouble(6);
      for (int t = 0; t < lengths[b]; t++) {
        inputs[t * batchSize + b] = (float) Math.sin(phase + t);
      }
      for (int t = 0; t < 4; t++) {
        targets[t * batchSize + b] = (float) Math.sin(phase + lengths[b] + t);
      }
    }
    return new SeriesWindow(
        6, batchSize, new Values.Reals(inputs), new Values.Reals(targets), lengths, true);
  }

  private static List<NamedTensor> trained(
      ModelSpec spec, Optimizer optimizer, IntFunction<Window> windows, int stop, Path folder)
      throws Exception {
    try (Backend backend = Devices.open("java")) {
      TrainerSnapshot start = null;
      if (stop > 0) {
        try (SequenceModel model = new SequenceModel(backend, spec, 3);
            Trainer trainer = new Trainer(model, optimizer, Clipping.byGlobalNorm(1), 4)) {
          for (int step = 0; step < stop; step++) {
            trainer.step(windows.apply(step));
          }
          Checkpoint made =
              new Checkpoint(
                  spec, null, optimizer, Clipping.byGlobalNorm(1), trainer.snapshot(), null);
          made.save(folder);
          Checkpoint read = Checkpoint.load(folder);
          assertEquals(spec, read.model());
          assertNull(read.run());
          assertEquals(made.snapshot().progress(), read.snapshot().progress());
          start = read.snapshot();
        }
      }
      try (SequenceModel model =
              start == null
                  ? new SequenceModel(backend, spec, 3)
                  : SequenceModel.of(
                      backend,
                      spec,
                      TrainedModel.load(folder).parameters(),
                      WeightStorage.FLOAT32);
          Trainer trainer = new Trainer(model, optimizer, Clipping.byGlobalNorm(1), 4)) {
        if (start != null) {
          trainer.restore(start);
        }
        for (int step = stop; step < 12; step++) {
          trainer.step(windows.apply(step));
        }
        return model.tensors();
      }
    }
  }

  private static void assertSame(List<NamedTensor> expected, List<NamedTensor> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).name(), actual.get(i).name());
      assertArrayEquals(expected.get(i).values(), actual.get(i).values(), expected.get(i).name());
    }
  }

  @Test
  void aTranslatorGoesOnBitForBitAsIfNeverStopped() throws Exception {
    Optimizer optimizer = Optimizer.rmsprop(0.01f);
    assertSame(
        trained(translator(), optimizer, NetworkCheckpointTest::sentences, 0, folder),
        trained(translator(), optimizer, NetworkCheckpointTest::sentences, 5, folder));
  }

  @Test
  void aTranscriberGoesOnBitForBitAsIfNeverStopped() throws Exception {
    Optimizer optimizer = Optimizer.adam(0.01f);
    assertSame(
        trained(transcriber(), optimizer, NetworkCheckpointTest::recording, 0, folder),
        trained(transcriber(), optimizer, NetworkCheckpointTest::recording, 5, folder));
  }

  @Test
  void aForecasterOfStepsOfItsOwnGoesOnBitForBitAsIfNeverStopped() throws Exception {
    Optimizer optimizer = Optimizer.adam(0.01f);
    assertSame(
        trained(forecaster(), optimizer, NetworkCheckpointTest::waves, 0, folder),
        trained(forecaster(), optimizer, NetworkCheckpointTest::waves, 5, folder));
  }

  @Test
  void aForecasterOfStepsOfItsOwnLearnsAndIsJudgedAlongThem() throws Exception {
    List<Window> judged = List.of(waves(1000), waves(1001).weighted(1, 0, 1));
    for (String device : List.of("java", "auto")) {
      try (Backend backend = Devices.open(device);
          SequenceModel model = new SequenceModel(backend, forecaster(), 3);
          Trainer trainer =
              new Trainer(model, Optimizer.adam(0.02f), Clipping.byGlobalNorm(1), 4)) {
        double before = Evaluator.errors(model, judged).rmse();
        assertEquals(12 + 8, Evaluator.errors(model, judged).values());
        assertEquals(20, Evaluator.evaluate(model, judged).predictions());
        for (int step = 0; step < 150; step++) {
          trainer.step(waves(step));
        }
        double after = Evaluator.errors(model, judged).rmse();
        assertTrue(after < before / 2, before + " to " + after);
        Path file = folder.resolve(device + "/model.safetensors");
        TrainedModel.of(model).save(file);
        try (SequenceModel read = TrainedModel.load(file).open(backend)) {
          assertEquals(forecaster(), read.spec());
          assertArrayEquals(
              model.forward(judged.get(0), null).readFloats(),
              read.forward(judged.get(0), null).readFloats());
        }
        Window short3 =
            new SeriesWindow(
                6, 3, judged.get(0).inputValues(), new Values.Reals(new float[9]), null, true);
        assertEquals(
            "targets holds 9 elements; a batch with T=4 B=3 N=1 needs 12",
            assertThrows(IllegalArgumentException.class, () -> trainer.step(short3)).getMessage());
        assertFalse(model.carriesState());
      }
    }
  }

  @Test
  void anEncoderAndADecoderWithAScheduleGoOnBitForBit() throws Exception {
    RnnSpec stack = new RnnSpec(CellType.LSTM, 5, 7, 2, false, 0.2f);
    EncoderDecoderSpec spec =
        EncoderDecoderSpec.of(6, 6, 0, 1, stack.withBidirectional(true), stack)
            .withSharedEmbeddings(true)
            .withDropout(0.1f)
            .withTeacherForcing(TeacherForcing.exponential(0.8, 0.1));
    Optimizer optimizer = Optimizer.adam(0.01f);
    assertSame(
        trained(spec, optimizer, NetworkCheckpointTest::sentences, 0, folder),
        trained(spec, optimizer, NetworkCheckpointTest::sentences, 5, folder));
  }

  @Test
  void severalCarriedStatesGoOnBitForBitAsIfNeverStopped() throws Exception {
    Optimizer optimizer = Optimizer.adamw(0.01f, 0.01f);
    assertSame(
        trained(tower(), optimizer, NetworkCheckpointTest::text, 0, folder),
        trained(tower(), optimizer, NetworkCheckpointTest::text, 7, folder));
    assertEquals(
        List.of("state.stack.0", "state.stack.1"),
        Checkpoint.load(folder).snapshot().carriedState().stream().map(NamedTensor::name).toList());
  }

  @Test
  void aNetworkOfEveryModuleIsReadAsItWasSaved() throws Exception {
    ModelSpec spec = StoredTypesTest.everything();
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 3);
        Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 4)) {
      new Checkpoint(spec, null, Optimizer.sgd(1), Clipping.none(), trainer.snapshot(), null)
          .save(folder);
      assertEquals(spec, TrainedModel.load(folder).model());
      assertSame(model.tensors(), TrainedModel.load(folder).parameters());
      Path file = folder.resolve("alone/model.safetensors");
      TrainedModel.of(model).save(file);
      try (SequenceModel read = TrainedModel.load(file).open(backend)) {
        assertEquals(spec, read.spec());
        assertSame(model.tensors(), read.tensors());
      }
    }
  }

  /** A module that no service names. */
  private record Nameless() implements Module {
    @Override
    public List<Output> outputs(List<ValueShape> inputs) {
      return List.of(new Output("y", inputs.get(0)));
    }

    @Override
    public Pass bind(Binding binding) {
      return Pass.of(() -> binding.backend().copy(binding.input(0), binding.output(0)), () -> {});
    }
  }

  @Test
  void aModuleWithoutANameIsRefusedBeforeAnythingIsWritten() {
    ModelSpec spec =
        new NetworkModelSpec(
            Network.builder().vectors("x", 2).add("y", new Nameless(), "x").build(),
            Loss.meanSquaredError());
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec, 3);
        Trainer trainer = new Trainer(model, Optimizer.sgd(1), Clipping.none(), 4)) {
      TrainerSnapshot snapshot = trainer.snapshot();
      assertEquals(
          "node 'y' is a "
              + Nameless.class.getName()
              + ", which has no name in checkpoints; needed a service"
              + " dev.sequor.io.ModuleNames that gives it one",
          assertThrows(
                  IllegalArgumentException.class,
                  () ->
                      new Checkpoint(spec, null, Optimizer.sgd(1), Clipping.none(), snapshot, null))
              .getMessage());
    }
  }
}
