package dev.sequor.cli;

import dev.sequor.model.RateSchedule;
import dev.sequor.task.Task;
import dev.sequor.task.TaskSettings;
import dev.sequor.task.Tasks;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** A training on generated examples. */
final class TaskFlags {
  /** The tasks by name. */
  static final class Names extends Choice<String> {
    Names() {
      super(Tasks.names(), Function.identity());
    }
  }

  @Option(
      names = "--task",
      paramLabel = "NAME",
      converter = Names.class,
      completionCandidates = Names.class,
      description =
          "Learn examples that are generated: ${COMPLETION-CANDIDATES}. The models suit the tasks,"
              + " unless options say otherwise.")
  private @Nullable String name;

  @Range("[1,1000000]")
  @Option(
      names = "--length",
      paramLabel = "N",
      description = "How long the examples of --task are (default: the task's own).")
  private @Nullable Integer length;

  /** Whether a task was asked for. */
  boolean isGiven() {
    return name != null;
  }

  /** A new run. */
  Training.Start start(RunFlags run, ModelFlags model, UpdateFlags update) {
    Task task = Tasks.named(String.valueOf(name));
    if (length != null) {
      task = task.withLength(length);
    }
    TaskSettings usual = task.defaults();
    int layers = model.layers(usual.layers());
    if (model.dropout(layers, 0) > 0) {
      throw new IllegalArgumentException(
          "--dropout is given with --task; needed --input-dropout, --recurrent-dropout or --zoneout");
    }
    if (usual.cell() == null && model.cell() != null) {
      throw new IllegalArgumentException(
          "--cell is given with --task " + task.name() + ", whose network has no recurrent layers");
    }
    TaskSettings settings =
        usual
            .withCell(model.cell() == null ? usual.cell() : model.cell())
            .withOptions(model.options().changeNothing() ? usual.options() : model.options())
            .withHiddenSize(model.hiddenSize(usual.hiddenSize()))
            .withLayers(layers)
            .withBatchSize(run.batchSize(usual.batchSize()))
            .withSteps(run.steps(usual.steps()));
    TaskSubject subject = new TaskSubject(task, settings.batchSize(), run.seed());
    int timeSteps = Math.max(1, task.length());
    return new Training.Start(
        subject,
        task.model(settings),
        update.optimizer(usual.learningRate()),
        update.clipping(usual.clip()),
        run.run(
            subject.source(),
            timeSteps,
            timeSteps,
            settings.batchSize(),
            settings.steps(),
            update.schedule(RateSchedule.LINEAR)),
        null);
  }
}
