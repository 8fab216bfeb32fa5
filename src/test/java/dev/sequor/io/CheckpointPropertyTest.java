package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.ByteVocabulary;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.DataSpec;
import dev.sequor.data.Vocabulary;
import dev.sequor.data.WordVocabulary;
import dev.sequor.model.Clipping;
import dev.sequor.model.DenseSpec;
import dev.sequor.model.InputSpec;
import dev.sequor.model.LossScale;
import dev.sequor.model.Optimizer;
import dev.sequor.model.OutputClusters;
import dev.sequor.model.RateSchedule;
import dev.sequor.model.Readout;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import dev.sequor.reference.SampleOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Whatever can be saved is loaded as it was, and whatever else is refused with one line and leaves
 * what was there. {@code -Dsequor.checkpoint.cases} says how many are tried.
 */
class CheckpointPropertyTest {
  private static final int CASES = Integer.getInteger("sequor.checkpoint.cases", 300);

  private static final Loss[] LOSSES = {
    Loss.softmaxCrossEntropy(),
    Loss.binaryCrossEntropy(),
    Loss.meanSquaredError(),
    Loss.labelSmoothedCrossEntropy(0.1f),
    new Loss.Ctc(0, true)
  };

  @TempDir Path folder;

  /** Draws parts of checkpoints; about one part in a hundred is as it should not be. */
  private record Parts(SplittableRandom random) {
    boolean rarely() {
      return random.nextInt(100) == 0;
    }

    <T> T anyOf(T[] values) {
      return values[random.nextInt(values.length)];
    }

    float anyFloat() {
      return Float.intBitsToFloat(random.nextInt());
    }

    float finite() {
      float value = anyFloat();
      return Float.isFinite(value) || random.nextInt(20) == 0 ? value : -0f;
    }

    float fraction() {
      return rarely() ? anyFloat() : (random.nextInt() >>> 8) * 0x1p-24f;
    }

    float positive() {
      return rarely() ? anyFloat() : Math.abs(anyFloat());
    }

    long count() {
      return rarely()
          ? random.nextLong()
          : random.nextLong(1L << random.nextInt(1, 53)) + random.nextInt(2);
    }

    SequenceModelSpec spec() {
      int outputs = random.nextInt(1, 9);
      InputSpec input =
          switch (random.nextInt(3)) {
            case 0 -> InputSpec.dense(random.nextInt(1, 4));
            case 1 -> InputSpec.oneHot(outputs);
            default -> InputSpec.embedding(outputs, random.nextInt(1, 4));
          };
      List<DenseSpec> dense = new ArrayList<>();
      while (random.nextInt(4) == 0) {
        dense.add(new DenseSpec(random.nextInt(1, 4), anyOf(Activation.values())));
      }
      Loss loss = anyOf(LOSSES);
      CellType cell = anyOf(CellType.values());
      int hiddenSize = random.nextInt(1, 5);
      return new SequenceModelSpec(
          input,
          new RnnSpec(
              cell,
              input.width(),
              hiddenSize,
              random.nextInt(1, 4),
              random.nextInt(3) > 0 ? Direction.FORWARD : anyOf(Direction.values()),
              fraction(),
              random.nextBoolean()
                  ? CellOptions.NONE
                  : SampleOptions.random(random, cell, hiddenSize)),
          dense,
          outputs,
          loss.function().takesLabels() ? Readout.EVERY_STEP : anyOf(Readout.values()),
          loss,
          random.nextBoolean(),
          loss instanceof Loss.SoftmaxCrossEntropy && outputs > 1 && random.nextBoolean()
              ? new OutputClusters(List.of(random.nextInt(1, outputs)), random.nextInt(1, 4))
              : OutputClusters.NONE);
    }

    /** Characters of every kind: controls, quotes, noncharacters, and now and then no character. */
    int character() {
      return switch (random.nextInt(6)) {
        case 0 -> random.nextInt(0x20);
        case 1 -> anyOf(new Integer[] {0x22, 0x5C, 0x7F, 0xFEFF, 0xFFFE, 0xFFFF, 0x2028, 0x10FFFF});
        case 2 -> rarely() ? random.nextInt(0xD800, 0xE000) : random.nextInt(0xE000, 0x10000);
        case 3 -> random.nextInt(0x10000, 0x110000);
        default -> random.nextInt(0x20, 0x300);
      };
    }

    String text() {
      StringBuilder text = new StringBuilder();
      while (random.nextInt(8) != 0) {
        text.appendCodePoint(character());
      }
      return text.toString();
    }

    @Nullable DataSpec data(int size) {
      int wanted = rarely() ? random.nextInt(1, 12) : size;
      return switch (random.nextInt(4)) {
        case 0 -> null;
        case 1 ->
            CharacterVocabulary.ofSorted(
                random.ints().map(i -> character()).distinct().limit(wanted).sorted().toArray());
        case 2 -> rarely() ? ByteVocabulary.BYTES : null;
        default -> {
          List<String> words = new ArrayList<>();
          while (words.size() < wanted - 1) {
            String word = Character.toString(character()) + text();
            if (rarely() || !words.contains(word)) {
              words.add(word);
            }
          }
          yield WordVocabulary.ofWords(words);
        }
      };
    }

    Optimizer optimizer() {
      return switch (random.nextInt(9)) {
        case 4 -> new Optimizer.Nesterov(positive(), fraction(), positive());
        case 5 ->
            new Optimizer.CenteredRmsProp(
                positive(), fraction(), positive(), fraction(), positive());
        case 6 -> new Optimizer.Adagrad(positive(), positive(), positive());
        case 7 -> new Optimizer.Lion(positive(), fraction(), fraction(), positive());
        case 8 -> {
          Optimizer whole = Optimizer.adamw(positive(), positive());
          yield whole.with(
              whole
                  .group(rarely() ? "nothing.*" : "output.*", "output.bias")
                  .withRate(rarely() ? 0f : positive()),
              whole.group(rarely() ? "*bias" : "recurrent.*").withWeightDecay(positive()));
        }
        case 3 -> new Optimizer.RmsProp(positive(), fraction(), positive(), positive());
        case 0 -> new Optimizer.Sgd(positive(), fraction(), positive());
        case 1 -> new Optimizer.Adam(positive(), fraction(), fraction(), positive(), positive());
        default -> new Optimizer.AdamW(positive(), fraction(), fraction(), positive(), positive());
      };
    }

    LossScale lossScale() {
      return random.nextInt(3) > 0
          ? LossScale.none()
          : new LossScale(
              rarely() ? anyFloat() : (float) Math.scalb(1.0, random.nextInt(25)),
              rarely() ? count() : random.nextInt(2000));
    }

    TrainerProgress progress(int streams) {
      long updates = count();
      long skipped = random.nextInt(3) == 0 ? count() : 0;
      return new TrainerProgress(
          random.nextLong(),
          rarely() ? count() : updates + skipped,
          updates,
          skipped,
          rarely() ? count() : Math.min(skipped, random.nextInt(20)),
          count(),
          count(),
          rarely() ? random.nextInt(5) : streams);
    }

    List<NamedTensor> tensors(TensorShapes shapes) {
      List<NamedTensor> tensors = new ArrayList<>();
      shapes
          .byName()
          .forEach(
              (name, shape) -> {
                float[] values = new float[shape.stream().reduce(1, Math::multiplyExact)];
                for (int i = 0; i < values.length; i++) {
                  values[i] = finite();
                  if (!name.startsWith("state") && random.nextInt(5000) != 0) {
                    values[i] = Math.abs(values[i]);
                  }
                }
                tensors.add(
                    new NamedTensor(random.nextInt(10_000) == 0 ? "x" : name, shape, values));
              });
      if (rarely() && !tensors.isEmpty()) {
        int at = random.nextInt(tensors.size());
        switch (random.nextInt(3)) {
          case 0 -> tensors.clear(); // no state at all
          case 1 -> tensors.add(tensors.get(at));
          default -> tensors.remove(at);
        }
      }
      return tensors;
    }

    List<TrainingRun.Point> points(long steps) {
      List<TrainingRun.Point> points = new ArrayList<>();
      long step = 1L + random.nextInt(3);
      while (step <= steps && random.nextInt(6) != 0) {
        double bits = Double.longBitsToDouble(random.nextLong());
        points.add(
            new TrainingRun.Point(
                rarely() ? count() : step,
                Math.abs(bits) <= 1e39 || rarely() ? Math.abs(bits) : 4.25));
        step += 1 + random.nextLong(1L << random.nextInt(1, 40));
      }
      return points;
    }

    DataSource source() {
      double heldOut = rarely() ? Double.longBitsToDouble(random.nextLong()) : random.nextDouble();
      return switch (random.nextInt(3)) {
        case 0 -> new DataSource.Text(text(), heldOut, text());
        case 1 -> new DataSource.Table(text(), text(), text());
        default -> new DataSource.Task(text(), (int) Math.min(count(), Integer.MAX_VALUE), text());
      };
    }

    TrainingRun run(long steps) {
      int timeSteps = 1 + (int) Math.min(count(), 30_000);
      return new TrainingRun(
          source(),
          timeSteps,
          rarely() ? timeSteps + 1 : random.nextInt(timeSteps + 1),
          1 + (int) Math.min(count(), 30_000),
          random.nextLong(),
          1 + count() / 2,
          anyOf(RateSchedule.values()),
          1 + count() / 2,
          text(),
          text(),
          new TrainingRun.Curve(points(steps), points(steps)));
    }

    FitState.Watch watch() {
      return new FitState.Watch(
          rarely() ? Double.longBitsToDouble(random.nextLong()) : random.nextGaussian(),
          0,
          random.nextBoolean(),
          random.nextInt(100));
    }

    FitState fit(long steps) {
      List<FitState.Validation> history = new ArrayList<>();
      while (random.nextInt(4) != 0) {
        Map<String, Double> values = new LinkedHashMap<>();
        while (random.nextInt(3) != 0) {
          values.put(text(), random.nextGaussian());
        }
        history.add(
            new FitState.Validation(
                rarely() ? count() : steps,
                count(),
                random.nextGaussian(),
                values,
                random.nextBoolean(),
                random.nextDouble()));
      }
      return new FitState(
          text(),
          new FitState.Start(rarely() ? count() : 0, count(), count()),
          new FitState.Decisions(watch(), watch(), watch(), 1 - random.nextDouble()),
          new FitState.Kept(
              random.nextBoolean() ? "" : "best-" + random.nextInt(100) + ".safetensors",
              rarely() ? text() : "average-7-2.safetensors",
              count()),
          new FitState.Losses(
              random.nextGaussian(), random.nextGaussian(), count(), random.nextDouble()),
          history);
    }

    @Nullable RunState runState(long steps) {
      return switch (random.nextInt(4)) {
        case 0 -> null;
        case 1 -> fit(steps);
        default -> run(steps);
      };
    }

    Checkpoint checkpoint() {
      SequenceModelSpec spec = spec();
      Optimizer optimizer = optimizer();
      int streams = !spec.stack().canContinue() && !rarely() ? 0 : random.nextInt(3);
      TrainerProgress progress = progress(streams);
      return new Checkpoint(
          spec,
          data(spec.outputSize()),
          optimizer,
          new Clipping(positive(), positive()),
          new TrainerSnapshot(
              progress,
              lossScale(),
              tensors(TensorShapes.ofParameters(spec.network())),
              tensors(TensorShapes.ofMoments(spec.network(), optimizer.rule())),
              tensors(TensorShapes.ofCarriedStates(spec.network(), streams))),
          runState(progress.steps()));
    }
  }

  private static void assertSame(List<NamedTensor> expected, List<NamedTensor> actual) {
    assertEquals(expected.size(), actual.size());
    for (int i = 0; i < expected.size(); i++) {
      assertEquals(expected.get(i).name(), actual.get(i).name());
      assertEquals(expected.get(i).shape(), actual.get(i).shape());
      // Bit for bit, so that -0 stays what it is.
      assertArrayEquals(bits(expected.get(i)), bits(actual.get(i)));
    }
  }

  private static int[] bits(NamedTensor tensor) {
    int[] bits = new int[tensor.values().length];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToRawIntBits(tensor.values()[i]);
    }
    return bits;
  }

  private static void assertSame(Checkpoint expected, Checkpoint actual) {
    assertEquals(expected.model(), actual.model());
    assertEquals(expected.data(), actual.data());
    assertEquals(expected.optimizer(), actual.optimizer());
    assertEquals(expected.clipping(), actual.clipping());
    assertEquals(expected.run(), actual.run());
    assertEquals(expected.snapshot().progress(), actual.snapshot().progress());
    assertSame(expected.snapshot().parameters(), actual.snapshot().parameters());
    assertSame(expected.snapshot().moments(), actual.snapshot().moments());
    assertSame(expected.snapshot().carriedState(), actual.snapshot().carriedState());
  }

  @Test
  void whateverIsSavedIsLoadedAsItWas() throws IOException {
    @Nullable Checkpoint last = null;
    int saved = 0;
    for (int seed = 0; seed < CASES; seed++) {
      try {
        Checkpoint checkpoint = new Parts(new SplittableRandom(seed)).checkpoint();
        checkpoint.save(folder);
        last = checkpoint;
        saved++;
      } catch (IllegalArgumentException e) {
        String message = String.valueOf(e.getMessage());
        assertTrue(!message.isBlank() && message.lines().count() == 1, "case " + seed + ": " + e);
      }
      if (last != null) {
        assertSame(last, Checkpoint.load(folder));
        TrainedModel model = TrainedModel.load(folder);
        assertEquals(last.model(), model.model());
        assertEquals(last.data(), model.data());
        assertSame(last.snapshot().parameters(), model.parameters());
        model.save(folder.resolve("alone"));
        TrainedModel alone = TrainedModel.load(folder.resolve("alone"));
        assertEquals(last.model(), alone.model());
        assertEquals(last.data(), alone.data());
        assertSame(last.snapshot().parameters(), alone.parameters());
      }
    }
    // Neither half of the rule may go untested.
    assertTrue(saved > CASES / 4 && saved < CASES, saved + " of " + CASES + " were saved");
  }

  @Test
  void aVocabularyOfAllCharactersIsSavedAndLoaded() throws IOException {
    int[] all = new int[Character.MAX_CODE_POINT + 1 - (0xE000 - 0xD800)];
    for (int i = 0; i < all.length; i++) {
      all[i] = i < 0xD800 ? i : i + 0xE000 - 0xD800;
    }
    assertIsLoaded(CharacterVocabulary.ofSorted(all));
  }

  @Test
  void aVocabularyOfManyWordsIsSavedAndLoaded() throws IOException {
    List<String> words = new ArrayList<>();
    for (int i = 0; i < 300_000; i++) {
      words.add(i % 2 == 0 ? " w" + i : "\"\n\u2028" + i);
    }
    assertIsLoaded(WordVocabulary.ofWords(words));
  }

  private void assertIsLoaded(Vocabulary vocabulary) throws IOException {
    SequenceModelSpec spec =
        SequenceModelSpec.builder(InputSpec.dense(1), vocabulary.size())
            .cell(CellType.RNN_TANH)
            .hiddenSize(1)
            .build();
    Parts parts = new Parts(new SplittableRandom(3));
    List<NamedTensor> zeros = new ArrayList<>();
    TensorShapes.ofParameters(spec.network())
        .byName()
        .forEach(
            (name, shape) ->
                zeros.add(
                    new NamedTensor(
                        name, shape, new float[shape.stream().reduce(1, Math::multiplyExact)])));
    List<NamedTensor> moments = new ArrayList<>();
    zeros.forEach(
        t -> moments.add(new NamedTensor("moments.0." + t.name(), t.shape(), t.values())));
    Checkpoint checkpoint =
        new Checkpoint(
            spec,
            vocabulary,
            Optimizer.sgd(1),
            Clipping.none(),
            new TrainerSnapshot(
                new TrainerProgress(0, 0, 0, 0, 0, 0, 0, 0),
                LossScale.none(),
                zeros,
                moments,
                List.of()),
            parts.run(0));
    checkpoint.save(folder);
    assertSame(checkpoint, Checkpoint.load(folder));
  }
}
