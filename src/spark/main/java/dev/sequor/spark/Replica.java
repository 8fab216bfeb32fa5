package dev.sequor.spark;

import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendSettings;
import dev.sequor.backend.Devices;
import dev.sequor.data.WindowSource;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.BatchLoss;
import dev.sequor.model.Clipping;
import dev.sequor.model.LossScale;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.Trainer;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.TensorShapes;
import java.util.ArrayList;
import java.util.List;

/**
 * The model in training on a device of an executor. Nothing in it outlives a share of a round: all
 * that a share depends on comes with it, so that it does not matter which replica takes it.
 */
final class Replica implements AutoCloseable {
  private final TrainedModel trained;
  private final Backend backend;
  private final SequenceModel model;

  /** For gradients alone, whose rule is never used: its one moment stays zero. */
  private final Trainer gradients;

  private final List<NamedTensor> noMoments;

  private final Trainer updates;

  private Replica(TrainedModel trained, Backend backend, RunDescription.Update update) {
    this.trained = trained;
    this.backend = backend;
    this.model = trained.open(backend);
    this.gradients = new Trainer(model, Optimizer.sgd(1f), Clipping.none(), 0);
    this.noMoments = gradients.snapshot().moments();
    this.updates = new Trainer(model, update.optimizer(), update.clipping(), 0);
  }

  static Replica open(RunDescription run, String device, int threads) throws Exception {
    TrainedModel trained = run.openModel();
    RunDescription.Update update = run.openUpdate();
    Backend backend = Devices.open(device, BackendSettings.builder().threads(threads).build());
    try {
      if (backend.wantsLossScaling()) {
        throw new IllegalArgumentException(
            "device '"
                + device
                + "' multiplies in fp16; training on Spark needs fp32, tf32 or bf16");
      }
      return new Replica(trained, backend, update);
    } catch (RuntimeException | Error e) {
      backend.close();
      throw e;
    }
  }

  TrainedModel trained() {
    return trained;
  }

  /** Learns from a worker's share of a round. */
  ShareResult learn(Round round, Share share, WindowSource windows, Share.ShareContext context) {
    backend.takeOver(); // The task before ran on another thread.
    long begun = System.nanoTime();
    if (round.position() >= windows.windowsPerEpoch()) {
      return ShareResult.nothing(context.worker()); // Others have a window more in this epoch.
    }
    Trainer trainer = round.gradients() ? gradients : updates;
    trainer.restore(start(round, share, context));
    BatchLoss loss = new BatchLoss(0, 0);
    long skipped = 0;
    for (int i = 0; i < round.rates().length; i++) {
      long position = round.position() + i;
      if (position >= windows.windowsPerEpoch()) {
        break;
      }
      if (round.gradients()) {
        loss = trainer.gradient(windows.window(round.epoch(), position));
      } else {
        trainer.learningRate(round.rates()[i]);
        TrainStep step = trainer.step(windows.window(round.epoch(), position));
        loss = loss.plus(step.loss());
        skipped += step.skipped() ? 1 : 0;
      }
    }
    TrainerSnapshot end = trainer.snapshot();
    return new ShareResult(
        context.worker(),
        round.gradients()
            ? new float[][] {model.weights().gradients().readFloats()}
            : changes(round, end),
        loss.sum(),
        loss.predictions(),
        loss.weight(),
        skipped,
        WorkerTensor.of(end.carriedState()),
        System.nanoTime() - begun,
        null);
  }

  private TrainerSnapshot start(Round round, Share share, Share.ShareContext context) {
    NetworkLayout layout = model.layout();
    List<NamedTensor> moments = new ArrayList<>(round.gradients() ? noMoments : List.of());
    for (int i = 0; i < round.moments().length; i++) {
      moments.addAll(layout.split(round.moments()[i], TensorShapes.momentPrefix(i)));
    }
    boolean carries = round.position() > 0 && share.carriedBatchSize() > 0;
    TrainerProgress progress =
        new TrainerProgress(
            WorkerSeeds.ofRound(context.seed(), round.number(), context.worker()),
            round.steps(),
            round.updates(),
            round.steps() - round.updates(),
            round.consecutiveSkippedSteps(),
            round.epoch(),
            round.position(),
            carries ? share.carriedBatchSize() : 0);
    return new TrainerSnapshot(
        progress,
        LossScale.none(),
        layout.split(round.parameters(), ""),
        moments,
        carries ? share.carriedState() : List.of());
  }

  private float[][] changes(Round round, TrainerSnapshot end) {
    NetworkLayout layout = model.layout();
    float[][] vectors = new float[1 + round.moments().length][];
    float[] now = layout.join(end.parameters(), "");
    for (int i = 0; i < now.length; i++) {
      now[i] -= round.parameters()[i];
    }
    vectors[0] = now;
    for (int moment = 0; moment < round.moments().length; moment++) {
      String prefix = TensorShapes.momentPrefix(moment);
      vectors[1 + moment] =
          layout.join(
              end.moments().stream().filter(each -> each.name().startsWith(prefix)).toList(),
              prefix);
    }
    return vectors;
  }

  @Override
  public void close() {
    backend.takeOver();
    backend.close(); // and with it all that was made from it
  }
}
