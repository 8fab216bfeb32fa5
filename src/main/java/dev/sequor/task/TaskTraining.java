package dev.sequor.task;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Required;
import dev.sequor.data.WindowSource;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Trainer;

/** Trains a task's model as settings say, in one go. */
public final class TaskTraining {
  private TaskTraining() {}

  /**
   * A trained model, which the caller closes.
   *
   * @param backend stays the caller's
   * @param seed of first weights, examples and dropout
   * @throws IllegalArgumentException if the settings do not fit the task
   */
  public static SequenceModel train(Backend backend, Task task, TaskSettings settings, long seed) {
    Required.present("settings", settings);
    WindowSource source = Required.present("task", task).training(settings.batchSize(), seed);
    SequenceModel model = new SequenceModel(backend, task.model(settings), seed);
    try (Trainer trainer = new Trainer(model, settings.optimizer(), settings.clipping(), seed)) {
      go(trainer, source, settings, settings.steps());
    } catch (RuntimeException | Error e) {
      model.close();
      throw e;
    }
    return model;
  }

  /**
   * Goes on until {@code trainer} has made {@code end} steps, with the rates of {@code settings}:
   * however a run is divided, its weights are the same.
   *
   * @param source {@link Task#training}
   */
  public static void go(Trainer trainer, WindowSource source, TaskSettings settings, long end) {
    for (long step = Required.present("trainer", trainer).progress().steps(); step < end; ) {
      trainer.learningRate(Required.present("settings", settings).learningRate(step));
      long steps = Math.min(end - step, settings.stepsAtSameRate(step));
      trainer.steps(Required.present("source", source), (int) Math.min(steps, 1000));
      step = trainer.progress().steps();
    }
  }
}
