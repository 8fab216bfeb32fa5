package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Closing;
import dev.sequor.backend.DeviceGroup;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.PrefetchedWindows;
import dev.sequor.io.Checkpoint;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import java.io.IOException;
import java.nio.file.Path;

/** Learns on one device of this machine, or on several. */
final class DeviceLearner implements Learner {
  /** Often enough to watch, seldom enough that a GPU does not wait for the host. */
  private static final int STEPS_PER_REPORT = 10;

  private final DeviceGroup devices;
  private final SequenceModel model;
  private final Trainer trainer;
  private final PrefetchedWindows windows;

  /**
   * Begins, or goes on.
   *
   * @param devices are closed with this; the caller's if it cannot be made, with all that is on
   *     them
   */
  DeviceLearner(DeviceGroup devices, Training.Start start) {
    this.devices = devices;
    Backend backend = devices.first();
    TrainerSnapshot snapshot = start.snapshot();
    this.model =
        snapshot == null
            ? new SequenceModel(backend, start.model(), start.run().seed())
            : SequenceModel.of(
                backend, start.model(), snapshot.parameters(), WeightStorage.FLOAT32);
    this.trainer =
        new Trainer(devices, model, start.optimizer(), start.clipping(), start.run().seed());
    if (snapshot != null) {
      trainer.restore(snapshot);
    }
    this.windows = new PrefetchedWindows(start.subject().windows());
  }

  @Override
  public String place() {
    return devices.name();
  }

  @Override
  public TrainerProgress progress() {
    return trainer.progress();
  }

  /** Several steps where asking for a loss is what costs; else one. */
  @Override
  public TrainStep step(int most, float rate) {
    trainer.learningRate(rate);
    return trainer.steps(
        windows, devices.first().isAsynchronous() ? Math.min(most, STEPS_PER_REPORT) : 1);
  }

  @Override
  public SequenceModel model() {
    return model;
  }

  @Override
  public TrainerSnapshot snapshot() {
    return trainer.snapshot();
  }

  @Override
  public void save(Checkpoint checkpoint, Path directory) throws IOException {
    checkpoint.save(directory);
  }

  @Override
  public void close() {
    new Closing()
        .then(windows::close)
        .then(trainer::close)
        .then(model::close)
        .then(devices::close)
        .end();
  }
}
