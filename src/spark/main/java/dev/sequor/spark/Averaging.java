package dev.sequor.spark;

import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import java.util.List;

/** What the driver keeps of a training, and what it makes of what workers return. */
interface Averaging extends AutoCloseable {
  /** Whether workers return gradients. */
  boolean gradients();

  long steps();

  long updates();

  long consecutiveSkippedSteps();

  /** Flat, as they are now. */
  float[] parameters();

  /** What workers need of the optimiser's moments. */
  float[][] moments();

  /**
   * Takes over what came of a round.
   *
   * @param rates of its steps
   * @return the norm of the gradient, or of the mean change
   * @throws dev.sequor.model.DivergedException if too many steps in a row had a gradient that was
   *     not finite
   */
  double take(PartialSum sum, float[] rates);

  /** Its counts, at a place in the data. */
  TrainerProgress progress(long epoch, long position, int carriedBatchSize);

  /** All of it, as one trainer would have it that carries these states. */
  TrainerSnapshot snapshot(
      long seed, long epoch, long position, int carriedBatchSize, List<NamedTensor> carried);

  /** What the outer momentum has gathered, flat; empty without. */
  float[] outerMomentum();

  @Override
  void close();
}
