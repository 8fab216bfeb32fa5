package dev.sequor.benchmarks.accuracy;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.model.SequenceModel;
import dev.sequor.task.Task;
import dev.sequor.task.TaskSettings;
import dev.sequor.task.TaskTraining;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A generated task, learned by several cells as {@code sequor train --task} learns it. */
final class TaskExperiment implements Experiment {
  private static final int JUDGED = 2000;

  private final Task task;
  private final String figure;
  private final String bar;
  private final Map<String, TaskSettings> variants = new LinkedHashMap<>();

  /**
   * Of the figure that counts most, with an LSTM and a GRU in the task's usual settings.
   *
   * @param figure its name
   * @param bar where it is to be, in words
   */
  TaskExperiment(Task task, String figure, String bar) {
    this.task = task;
    this.figure = figure;
    this.bar = bar;
    for (CellType cell : List.of(CellType.LSTM, CellType.GRU_RESET_BEFORE)) {
      variants.put(cell.id(), task.defaults().withCell(cell));
    }
  }

  /** The same with one more. */
  TaskExperiment with(String variant, TaskSettings settings) {
    variants.put(variant, settings);
    return this;
  }

  @Override
  public String name() {
    return task.name();
  }

  @Override
  public List<String> variants() {
    return List.copyOf(variants.keySet());
  }

  @Override
  public String variantIs() {
    return "cell";
  }

  @Override
  public String figure() {
    return figure;
  }

  @Override
  public String bar() {
    return bar;
  }

  @Override
  public double run(Backend backend, String variant, long seed) {
    TaskSettings settings = variants.get(variant);
    try (SequenceModel model = TaskTraining.train(backend, task, settings, seed)) {
      return task.judge(model, JUDGED, 1).main().value();
    }
  }
}
