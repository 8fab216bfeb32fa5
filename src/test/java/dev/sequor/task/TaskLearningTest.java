package dev.sequor.task;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.cpu.NativeBuild;
import dev.sequor.data.WindowSource;
import dev.sequor.model.Evaluator;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Trainer;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Each task is learned, to the quality that it states, on examples that were not learned from. */
final class TaskLearningTest {
  private static Arguments of(Task task, TaskSettings settings) {
    return Arguments.of(task, settings);
  }

  private static TaskSettings small(Task task, int hidden, int batch, long steps, float rate) {
    return task.defaults()
        .withHiddenSize(hidden)
        .withBatchSize(batch)
        .withSteps(steps)
        .withLearningRate(rate);
  }

  /** Sizes that a processor learns in seconds. */
  static Stream<Arguments> smallOnes() {
    Task spirals = new Spirals();
    Task names = new ScriptNames(20);
    Task adding = new Adding(20);
    Task agreement = new Agreement(24);
    Task clause = new RelativeClause(8);
    Task copy = new CopyMemory(5, 4);
    Task brackets = new Brackets(12);
    Task reverse = Rewriting.reverse(5);
    Task sort = Rewriting.sort(4);
    return Stream.of(
        of(spirals, spirals.defaults()),
        of(names, small(names, 64, 64, 400, 1e-2f)),
        of(adding, small(adding, 32, 32, 600, 1e-2f)),
        of(agreement, agreement.defaults().withSteps(1200)),
        of(clause, clause.defaults().withSteps(400)),
        of(copy, small(copy, 64, 64, 900, 1e-2f)),
        of(brackets, small(brackets, 32, 32, 500, 1e-2f)),
        of(reverse, small(reverse, 64, 64, 700, 1e-2f)),
        of(sort, small(sort, 48, 32, 700, 1e-2f)));
  }

  private static String figures(Score score) {
    return score.figures().toString();
  }

  @ParameterizedTest
  @MethodSource("smallOnes")
  void isLearnedToItsQuality(Task task, TaskSettings settings) {
    assumeTrue(NativeBuild.present(), "plain Java would take minutes");
    try (Backend backend = Devices.open("cpu");
        SequenceModel fresh = new SequenceModel(backend, task.model(settings), 1);
        SequenceModel model = TaskTraining.train(backend, task, settings, 1)) {
      assertFalse(task.judge(fresh, 200, 1).reached(), "before: " + task);
      Score score = task.judge(model, 500, 1);
      assertTrue(score.reached(), figures(score));
      List<String> lines = task.examples(model, 70, 1);
      assertEquals(70, lines.size());
      long right = lines.stream().filter(line -> line.endsWith("(right)")).count();
      long wrong = lines.stream().filter(line -> line.endsWith("(wrong)")).count();
      assertEquals(70, right + wrong);
      assertTrue(right >= 56, lines.toString());
      assertTrue(
          task.examples(fresh, 70, 1).stream().filter(l -> l.endsWith("(right)")).count() < 56);
    }
  }

  /** Minutes: {@code -Dsequor.tasks=full}; as the command line trains them. */
  @ParameterizedTest
  @CsvSource({
    "spirals",
    "names",
    "adding",
    "agreement",
    "relative-clause",
    "copy",
    "brackets",
    "reverse",
    "sort"
  })
  @EnabledIfSystemProperty(named = "sequor.tasks", matches = "full")
  void isLearnedToItsQualityAtItsUsualSize(String name) {
    Task task = Tasks.named(name);
    try (Backend backend = Devices.open("cpu");
        SequenceModel model = TaskTraining.train(backend, task, task.defaults(), 1)) {
      Score score = task.judge(model, 1000, 1);
      System.err.println(name + ": " + figures(score));
      assertTrue(score.reached(), figures(score));
    }
  }

  @Test
  void reversesThreeDigitsOnASimulatedGpu() {
    assumeFalse(
        Devices.survey().stream()
            .anyMatch(s -> s.name().equals("cuda") && s.availability().absent()),
        "there is no such device");
    Task task = Rewriting.reverse(3);
    try (Backend backend = Devices.open("cuda");
        SequenceModel model =
            TaskTraining.train(backend, task, small(task, 32, 32, 300, 1e-2f), 1)) {
      double exact = task.judge(model, 100, 1).main().value();
      assertTrue(exact >= 0.9, exact + " are right");
    }
  }

  private static double loss(SequenceModel model, Task task, int batch) {
    WindowSource source = task.training(batch, 99);
    return Evaluator.evaluate(model, List.of(source.window(0, 0), source.window(0, 1))).mean();
  }

  /** The loss that is to be reached by few steps of small models, and where it begins. */
  @ParameterizedTest
  @CsvSource({
    "spirals, 0, 32, 0.69, 0.62, 400",
    "names, 20, 16, 3.7, 2.9, 30",
    "adding, 6, 16, 0.9, 0.20, 60",
    "agreement, 5, 16, 0.69, 0.55, 60",
    "relative-clause, 5, 16, 0.69, 0.55, 120",
    "copy, 2, 12, 2.2, 1.7, 40",
    "brackets, 5, 12, 0.69, 0.55, 60",
    "reverse, 2, 16, 2.5, 1.9, 60",
    "sort, 2, 16, 2.5, 1.9, 60",
  })
  void lowersItsLossOnEveryDevice(
      String name, int length, int hidden, double from, double to, int steps) {
    Task task = length == 0 ? Tasks.named(name) : Tasks.named(name).withLength(length);
    boolean dense = task.architecture() == Architecture.ONE_TO_ONE;
    TaskSettings settings = small(task, hidden, dense ? 128 : 16, steps, dense ? 5e-3f : 2e-2f);
    for (String device : List.of("cpu", "java", "cuda")) {
      if (Devices.survey().stream()
          .noneMatch(s -> s.name().equals(device) && s.availability().usable())) {
        continue;
      }
      try (Backend backend = Devices.open(device);
          SequenceModel fresh = new SequenceModel(backend, task.model(settings), 1);
          SequenceModel model = TaskTraining.train(backend, task, settings, 1)) {
        assertEquals(from, loss(fresh, task, 16), 0.3 * from, device);
        double learned = loss(model, task, 16);
        assertTrue(learned < to, device + ": " + learned);
        assertEquals(1, task.examples(model, 1, 1).size());
        assertTrue(task.judge(model, 3, 1).figures().size() >= 1);
      }
    }
  }

  /** Two layers, another cell and its options go through to where there are recurrent layers. */
  @ParameterizedTest
  @CsvSource({
    "names",
    "adding",
    "agreement",
    "relative-clause",
    "copy",
    "brackets",
    "reverse",
    "sort"
  })
  void takesOtherCellsLayersAndOptions(String name) {
    Task task = Tasks.named(name);
    CellOptions options = CellOptions.builder().layerNorm(true).zoneout(0.1f, 0f).build();
    for (CellType cell : List.of(CellType.RNN_TANH, CellType.GRU_RESET_AFTER, CellType.LSTM)) {
      TaskSettings settings =
          small(task, 5, 2, 1, 1e-3f).withLayers(2).withCell(cell).withOptions(options);
      try (Backend backend = Devices.open("java");
          SequenceModel model = TaskTraining.train(backend, task, settings, 1)) {
        assertTrue(model.spec().network().toString().contains(cell.toString()));
        assertTrue(model.spec().network().toString().contains("layerNorm=true"));
        assertFalse(task.judge(model, 3, 1).reached());
      }
    }
  }

  /** However a run is divided, and resumed from a snapshot, it is the same run. */
  @Test
  void aDividedRunEndsWithTheSameWeights() {
    Task task = new Brackets(5);
    TaskSettings settings = small(task, 6, 3, 130, 1e-2f);
    WindowSource source = task.training(settings.batchSize(), 1);
    try (Backend backend = Devices.open("java");
        SequenceModel whole = TaskTraining.train(backend, task, settings, 1);
        SequenceModel first = new SequenceModel(backend, task.model(settings), 1);
        SequenceModel second = new SequenceModel(backend, task.model(settings), 2);
        Trainer begun = new Trainer(first, settings.optimizer(), settings.clipping(), 1);
        Trainer resumed = new Trainer(second, settings.optimizer(), settings.clipping(), 5)) {
      for (long end : new long[] {7, 71, 93}) {
        TaskTraining.go(begun, source, settings, end);
      }
      resumed.restore(begun.snapshot());
      TaskTraining.go(resumed, task.training(settings.batchSize(), 1), settings, 130);
      assertArrayEquals(whole.parameters().readFloats(), second.parameters().readFloats());
    }
  }
}
