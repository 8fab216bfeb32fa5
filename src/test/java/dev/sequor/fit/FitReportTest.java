package dev.sequor.fit;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.data.TokenWindow;
import dev.sequor.data.Window;
import dev.sequor.data.WindowSource;
import dev.sequor.fit.FitResult.Ending;
import dev.sequor.io.FitState.Validation;
import dev.sequor.model.Clipping;
import dev.sequor.model.DivergedException;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.Trainer;
import dev.sequor.module.NamedTensor;
import dev.sequor.report.ReadPage;
import dev.sequor.report.TrainingRecord;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.State;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The page of a fit says what its listeners hear and how it ended. */
class FitReportTest {
  private static final SequenceModelSpec SPEC =
      SequenceModelSpec.languageModel(5, 3).hiddenSize(4).dropout(0.2f).build();

  @TempDir Path folder;

  private record Noise(long seed) implements WindowSource {
    @Override
    public long windowsPerEpoch() {
      return 4;
    }

    @Override
    public Window window(long epoch, long index) {
      SplittableRandom random = new SplittableRandom(seed + 31 * index);
      return new TokenWindow(
          3, 2, random.ints(6, 0, 5).toArray(), random.ints(6, 0, 5).toArray(), null, true);
    }
  }

  private record Outcome(FitResult result, List<Float> weights) {}

  private static Outcome fit(Fit fit, float rate) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, SPEC, 3);
        Trainer trainer =
            new Trainer(model, Optimizer.adam(rate), Clipping.byGlobalNorm(0.5f), 7)) {
      FitResult result = trainer.fit(new Noise(1), fit);
      return new Outcome(result, weights(model));
    }
  }

  private static List<Float> weights(SequenceModel model) {
    List<Float> weights = new ArrayList<>();
    for (NamedTensor tensor : model.tensors()) {
      for (float value : tensor.values()) {
        weights.add(value);
      }
    }
    return weights;
  }

  private static Fit stoppingEarly() {
    return Fit.epochs(50)
        .validate(new Noise(99)) // Of which nothing can be learned.
        .metrics(Metric.ACCURACY, Metric.PERPLEXITY)
        .monitor(Metric.PERPLEXITY)
        .earlyStopping(2);
  }

  @Test
  void twoMetricsAndEarlyStopping() throws IOException {
    Path page = folder.resolve("fit.html");
    List<FitProgress> told = new ArrayList<>();
    FitListener listener =
        new FitListener() {
          @Override
          public boolean progressed(FitProgress progress) {
            return told.add(progress);
          }
        };
    Outcome outcome = fit(stoppingEarly().listener(listener).report(page), 0.1f);
    assertEquals(Ending.STOPPED_EARLY, outcome.result().ending());
    TrainingRecord record = TrainingRecord.read(page);
    ReadPage.of(page);
    assertEquals(State.STOPPED_EARLY, record.state());
    assertEquals(
        "stopped early: perplexity had not improved for 2 validations; the model has the weights of"
            + " step "
            + outcome.result().weightsStep()
            + ", best",
        record.events().get(0).words());
    assertEquals(told.size(), record.points().size());
    for (int i = 0; i < told.size(); i++) {
      Point point = record.points().get(i);
      assertEquals(told.get(i).step(), point.step());
      assertEquals(told.get(i).loss(), point.loss());
      assertEquals(told.get(i).gradientNorm(), point.gradientNorm());
      assertEquals(told.get(i).learningRate(), point.learningRate());
      assertEquals(told.get(i).gradientNorm() > 0.5f ? 1 : 0, point.clipped());
      assertTrue(point.perSecond() > 0);
    }
    List<Validation> history = outcome.result().history();
    assertEquals(history.size(), record.judgements().size());
    for (int i = 0; i < history.size(); i++) {
      assertEquals(
          new Judgement(history.get(i).step(), history.get(i).values()),
          record.judgements().get(i));
    }
    assertEquals(200, record.totalSteps());

    Outcome plain = fit(stoppingEarly(), 0.1f);
    assertEquals(plain.weights(), outcome.weights());
    assertEquals(plain.result(), outcome.result());
  }

  @Test
  void aFitThatGoesOnGoesOnWithItsPage() throws IOException {
    Path page = folder.resolve("fit.html");
    Fit fit =
        Fit.epochs(3).validate(new Noise(2)).keepOrResume(folder.resolve("kept")).report(page);
    FitListener stopper =
        new FitListener() {
          @Override
          public boolean progressed(FitProgress progress) {
            return progress.step() < 6;
          }
        };
    assertEquals(Ending.STOPPED, fit(fit.listener(stopper), 0.01f).result().ending());
    assertEquals(State.INTERRUPTED, TrainingRecord.read(page).state());
    assertEquals(Ending.COMPLETED, fit(fit, 0.01f).result().ending());
    TrainingRecord record = TrainingRecord.read(page);
    assertEquals(State.COMPLETED, record.state());
    assertEquals(12, record.points().size());
    assertEquals(12, record.lastStep());
    assertEquals(List.of(6L, 6L, 12L), record.events().stream().map(e -> e.step()).toList());
    String message =
        String.valueOf(
            assertThrows(
                    IllegalArgumentException.class,
                    () -> fit(fit.schedule(Schedule.linear()), 0.01f))
                .getMessage());
    assertTrue(
        message.startsWith("report is " + page + ", the report of another training"), message);
  }

  @Test
  void aFitThatDivergesSaysSoInItsPage() throws IOException {
    Path page = folder.resolve("fit.html");
    DivergedException e =
        assertThrows(
            DivergedException.class, () -> fit(stoppingEarly().mostLoss(0.1).report(page), 0.1f));
    TrainingRecord record = TrainingRecord.read(page);
    assertEquals(State.DIVERGED, record.state());
    assertEquals(e.getMessage(), record.events().get(0).words());
  }

  @Test
  void whatCannotBeWrittenIsRefusedBeforeTheFirstStep() throws IOException {
    Path foreign = Files.writeString(folder.resolve("foreign.html"), "mine");
    for (Path file : List.of(foreign, folder.resolve("a.txt"), folder.resolve("none/a.html"))) {
      Fit fit = Fit.steps(1).keepBest(folder.resolve("kept")).report(file);
      String message =
          String.valueOf(
              assertThrows(IllegalArgumentException.class, () -> fit(fit, 0.1f)).getMessage());
      assertTrue(message.startsWith("report is " + file), message);
      assertTrue(Files.notExists(folder.resolve("kept")));
    }
    assertEquals("mine", Files.readString(foreign));
  }

  /** The fit is worth more than its page, but nobody takes the page for whole. */
  @Test
  void aPageThatIsLostOnTheWayIsAnErrorAtTheEnd() throws IOException {
    Path page = folder.resolve("fit.html");
    List<Long> steps = new ArrayList<>();
    FitListener saboteur =
        new FitListener() {
          @Override
          public boolean progressed(FitProgress progress) {
            steps.add(progress.step());
            if (progress.step() == 2) {
              try {
                Files.delete(page);
                Files.createDirectories(page.resolve("not-empty"));
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            }
            return true;
          }
        };
    Fit fit = Fit.steps(5).listener(saboteur).report(page);
    String message =
        String.valueOf(
            assertThrows(UncheckedIOException.class, () -> fit(fit, 0.01f)).getMessage());
    assertTrue(message.startsWith("the report " + page), message);
    assertTrue(message.endsWith("; the report is not whole, the model is"), message);
    assertEquals(List.of(1L, 2L, 3L, 4L, 5L), steps);
  }
}
