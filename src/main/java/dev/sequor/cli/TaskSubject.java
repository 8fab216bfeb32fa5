package dev.sequor.cli;

import dev.sequor.data.DataSpec;
import dev.sequor.data.WindowSource;
import dev.sequor.io.DataSource;
import dev.sequor.io.TrainingRun;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Evaluator;
import dev.sequor.model.SequenceModel;
import dev.sequor.task.Figure;
import dev.sequor.task.Score;
import dev.sequor.task.Task;
import dev.sequor.task.Tasks;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Examples that are generated, and judged by others that no training sees. */
final class TaskSubject implements Subject {
  private static final int CHECKED_EXAMPLES = 8;
  private static final int WATCHED_EXAMPLES = 64;

  /** Examples that a model is judged by unless more are asked for. */
  static final int JUDGED_EXAMPLES = 1000;

  private static final int SHOWN_EXAMPLES = 5;

  private final Task task;
  private final int batchSize;
  private final long seed;
  private final WindowSource windows;

  /**
   * Prepares examples.
   *
   * @param batchSize examples of one step
   * @param seed which of them
   */
  TaskSubject(Task task, int batchSize, long seed) {
    this.task = task;
    this.batchSize = batchSize;
    this.seed = seed;
    this.windows = task.training(batchSize, seed);
  }

  /** The task of a run. */
  static TaskSubject resumed(Path directory, TrainingRun run, DataSource.Task source) {
    return new TaskSubject(task(directory, source), run.batchSize(), run.seed());
  }

  /**
   * The task that {@code source} says.
   *
   * @throws IllegalArgumentException if this version of the program has another one of that name
   */
  static Task task(Path directory, DataSource.Task source) {
    Task usual = Tasks.named(source.task());
    Task task = usual.length() == source.length() ? usual : usual.withLength(source.length());
    if (!task.fingerprint().equals(source.sha256())) {
      throw new IllegalArgumentException(
          directory
              + ": was trained on other examples of the task '"
              + source.task()
              + "': another Java version has other names of characters");
    }
    return task;
  }

  @Override
  public String name() {
    return "task " + task.name() + (task.length() > 0 ? " of length " + task.length() : "");
  }

  @Override
  public String shortName() {
    return task.name();
  }

  @Override
  public String heldOutName() {
    return "held-out examples";
  }

  @Override
  public @Nullable DataSpec data() {
    return null;
  }

  @Override
  public DataSource source() {
    return new DataSource.Task(task.name(), task.length(), task.fingerprint());
  }

  @Override
  public WindowSource windows() {
    return windows;
  }

  @Override
  public long learnedInOneStep() {
    return batchSize;
  }

  @Override
  public Measure measure() {
    return Measure.SEQUENCES;
  }

  @Override
  public BatchLoss judge(SequenceModel model, Effort effort) {
    int examples =
        switch (effort) {
          case CHECK -> CHECKED_EXAMPLES;
          case WATCH -> WATCHED_EXAMPLES;
          case ALL -> JUDGED_EXAMPLES;
        };
    return Evaluator.evaluate(model, task.heldOutWindows(examples, seed));
  }

  @Override
  public String size() {
    return task.description() + " (" + task.architecture() + ")";
  }

  @Override
  public void show(SequenceModel model, PrintWriter words, Map<String, @Nullable Object> result) {
    show(task, model, JUDGED_EXAMPLES, seed, words, result);
  }

  /** Judges {@code model} by examples that no training sees, and shows some. */
  static void show(
      Task task,
      SequenceModel model,
      int examples,
      long seed,
      PrintWriter words,
      Map<String, @Nullable Object> result) {
    Score score = task.judge(model, examples, seed);
    Map<String, Object> figures = new LinkedHashMap<>();
    for (Figure figure : score.figures()) {
      words.printf(
          Locale.ROOT,
          "%s %.4f, to be at %s %s%n",
          figure.name(),
          figure.value(),
          figure.moreIsBetter() ? "least" : "most",
          figure.quality());
      figures.put(figure.name(), figure.value());
    }
    words.println("held-out examples:");
    task.examples(model, SHOWN_EXAMPLES, seed).forEach(line -> words.println("  " + line));
    result.put("figures", figures);
    result.put("reached", score.reached());
  }

  @Override
  public String sample(SequenceModel model) {
    return String.join("\n", task.examples(model, SHOWN_EXAMPLES, seed));
  }

  @Override
  public String use() {
    return "judge it by other examples with: sequor eval --seed 2";
  }
}
