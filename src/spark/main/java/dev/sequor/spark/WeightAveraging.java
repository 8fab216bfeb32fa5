package dev.sequor.spark;

import dev.sequor.io.Checkpoint;
import dev.sequor.model.LossScale;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.TensorShapes;
import java.util.ArrayList;
import java.util.List;

/**
 * Local updates (McMahan et al., "Communication-efficient learning of deep networks from
 * decentralized data", AISTATS 2017): each worker makes K updates of its own, and their mean change
 * d is what the weights w change by, with Nesterov's momentum if it is wanted (Douillard et al.,
 * "DiLoCo", arXiv:2311.08105):
 *
 * <pre>  v' = m·v + d     w' = w + r·(d + m·v')     m: outer momentum, r: outer learning rate</pre>
 *
 * <p>With m = 0 and r = 1 that is the mean of the workers' weights. The optimiser's moments are
 * averaged, so that a round goes on from those of the last one, and no worker keeps anything.
 */
final class WeightAveraging implements Averaging {
  private final NetworkLayout layout;
  private final float outerLearningRate;
  private final float momentum;
  private final float[] parameters;
  private final float[][] moments;
  private final float[] velocity;
  private TrainerProgress progress;

  /**
   * Goes on from {@code start}.
   *
   * @param velocity of the outer momentum, flat; empty if it has gathered none
   */
  WeightAveraging(Checkpoint start, float outerLearningRate, float momentum, float[] velocity) {
    this.layout = start.model().network().layout();
    this.outerLearningRate = outerLearningRate;
    this.momentum = momentum;
    TrainerSnapshot known = start.snapshot();
    this.parameters = layout.join(known.parameters(), "");
    this.moments = new float[start.optimizer().rule().moments()][];
    for (int moment = 0; moment < moments.length; moment++) {
      String prefix = TensorShapes.momentPrefix(moment);
      moments[moment] =
          layout.join(
              known.moments().stream().filter(each -> each.name().startsWith(prefix)).toList(),
              prefix);
    }
    this.velocity =
        velocity.length == 0 && momentum > 0 ? new float[parameters.length] : velocity.clone();
    this.progress = known.progress();
  }

  @Override
  public boolean gradients() {
    return false;
  }

  @Override
  public long steps() {
    return progress.steps();
  }

  @Override
  public long updates() {
    return progress.updates();
  }

  @Override
  public long consecutiveSkippedSteps() {
    return progress.consecutiveSkippedSteps();
  }

  @Override
  public float[] parameters() {
    return parameters.clone();
  }

  @Override
  public float[][] moments() {
    float[][] copies = new float[moments.length][];
    for (int i = 0; i < copies.length; i++) {
      copies[i] = moments[i].clone();
    }
    return copies;
  }

  @Override
  public double take(PartialSum sum, float[] rates) {
    float[] change = sum.mean(0);
    double squares = 0;
    for (int i = 0; i < change.length; i++) {
      squares += (double) change[i] * change[i];
      float step = change[i];
      if (momentum > 0) {
        velocity[i] = momentum * velocity[i] + change[i];
        step = change[i] + momentum * velocity[i];
      }
      parameters[i] += outerLearningRate * step;
    }
    for (int moment = 0; moment < moments.length; moment++) {
      moments[moment] = sum.mean(1 + moment);
    }
    long skipped = sum.skipped();
    long steps = rates.length;
    progress =
        new TrainerProgress(
            progress.seed(),
            progress.steps() + steps,
            progress.updates() + steps - skipped,
            progress.skippedSteps() + skipped,
            skipped == steps ? progress.consecutiveSkippedSteps() + skipped : 0,
            progress.epoch(),
            progress.position(),
            0);
    return Math.sqrt(squares);
  }

  @Override
  public TrainerProgress progress(long epoch, long position, int carriedBatchSize) {
    return Progress.at(progress, epoch, position, carriedBatchSize);
  }

  @Override
  public TrainerSnapshot snapshot(
      long seed, long epoch, long position, int carriedBatchSize, List<NamedTensor> carried) {
    List<NamedTensor> momentTensors = new ArrayList<>();
    for (int moment = 0; moment < moments.length; moment++) {
      momentTensors.addAll(layout.split(moments[moment], TensorShapes.momentPrefix(moment)));
    }
    return new TrainerSnapshot(
        Progress.at(progress, epoch, position, carriedBatchSize),
        LossScale.none(),
        layout.split(parameters, ""),
        momentTensors,
        carried);
  }

  @Override
  public float[] outerMomentum() {
    return velocity.clone();
  }

  @Override
  public void close() {}
}
