package dev.sequor.benchmarks.accuracy;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.model.SequenceModel;
import dev.sequor.task.Task;
import dev.sequor.task.TaskSettings;
import dev.sequor.task.TaskTraining;
import java.util.List;

/** A generated task, learned by an LSTM and by a GRU as {@code sequor train --task} learns it. */
final class TaskExperiment implements Experiment {
  private static final int JUDGED = 2000;

  private final Task task;
  private final String figure;
  private final String bar;

  /**
   * Of the figure that counts most.
   *
   * @param figure its name
   * @param bar where it is to be, in words
   */
  TaskExperiment(Task task, String figure, String bar) {
    this.task = task;
    this.figure = figure;
    this.bar = bar;
  }

  @Override
  public String name() {
    return task.name();
  }

  @Override
  public List<String> variants() {
    return List.of(CellType.LSTM.id(), CellType.GRU.id());
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
    TaskSettings settings = task.defaults().withCell(CellType.ofId(variant));
    try (SequenceModel model = TaskTraining.train(backend, task, settings, seed)) {
      return task.judge(model, JUDGED, 1).main().value();
    }
  }
}
