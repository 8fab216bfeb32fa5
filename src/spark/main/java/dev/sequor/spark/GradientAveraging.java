package dev.sequor.spark;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.io.Checkpoint;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import java.util.List;

/**
 * Data parallelism as it is on one machine: the gradient of all workers together, clipped as a
 * whole, makes one update by the one optimiser, which is the driver's.
 */
final class GradientAveraging implements Averaging {
  private final Backend backend;
  private final SequenceModel model;
  private final Trainer trainer;

  GradientAveraging(Checkpoint start, String device) {
    this.backend = Devices.open(device.equals(TaskPlace.AUTO) ? TaskPlace.host() : device);
    try {
      this.model =
          SequenceModel.of(
              backend,
              start.model(),
              start.snapshot().parameters(),
              dev.sequor.backend.WeightStorage.FLOAT32);
      this.trainer =
          new Trainer(
              model, start.optimizer(), start.clipping(), start.snapshot().progress().seed());
      TrainerSnapshot known = start.snapshot();
      TrainerProgress progress = known.progress();
      trainer.restore(
          new TrainerSnapshot(
              Progress.at(progress, progress.epoch(), progress.position(), 0),
              known.lossScale(),
              known.parameters(),
              known.moments(),
              List.of())); // The streams are the workers'.
    } catch (RuntimeException | Error e) {
      backend.close();
      throw e;
    }
  }

  @Override
  public boolean gradients() {
    return true;
  }

  @Override
  public long steps() {
    return trainer.progress().steps();
  }

  @Override
  public long updates() {
    return trainer.progress().updates();
  }

  @Override
  public long consecutiveSkippedSteps() {
    return trainer.progress().consecutiveSkippedSteps();
  }

  @Override
  public float[] parameters() {
    return model.parameters().readFloats();
  }

  @Override
  public float[][] moments() {
    return new float[0][];
  }

  @Override
  public double take(PartialSum sum, float[] rates) {
    trainer.learningRate(rates[0]);
    TrainStep step = trainer.update(sum.mean(0), sum.loss());
    return step.gradientNorm();
  }

  @Override
  public TrainerProgress progress(long epoch, long position, int carriedBatchSize) {
    return Progress.at(trainer.progress(), epoch, position, carriedBatchSize);
  }

  @Override
  public TrainerSnapshot snapshot(
      long seed, long epoch, long position, int carriedBatchSize, List<NamedTensor> carried) {
    TrainerSnapshot now = trainer.snapshot();
    return new TrainerSnapshot(
        Progress.at(now.progress(), epoch, position, carriedBatchSize),
        now.lossScale(),
        now.parameters(),
        now.moments(),
        carried);
  }

  @Override
  public float[] outerMomentum() {
    return new float[0];
  }

  @Override
  public void close() {
    backend.close(); // and with it all that was made from it
  }
}
