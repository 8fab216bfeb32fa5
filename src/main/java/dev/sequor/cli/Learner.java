package dev.sequor.cli;

import dev.sequor.io.Checkpoint;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.TrainStep;
import dev.sequor.model.TrainerProgress;
import dev.sequor.model.TrainerSnapshot;
import java.io.IOException;
import java.nio.file.Path;

/** What makes the steps of a training: a device of this machine, or a {@link Cluster}. */
public interface Learner extends AutoCloseable {
  /** Where it computes, in words. */
  String place();

  /** How far the training is. */
  TrainerProgress progress();

  /**
   * Makes one step or more.
   *
   * @param most as many as may be made before the caller looks at it again, at least 1; what cannot
   *     be divided, such as a round of a cluster, may be more
   * @param rate the learning rate of the next step; those after it have the same, or what the
   *     schedule of the run says
   * @return the last step, or the mean of a round
   * @throws dev.sequor.model.DivergedException if too many gradients in a row were not finite
   * @throws StoppedException if it was ended from outside; it stands after its last whole step
   * @throws IOException if a cluster has failed
   */
  TrainStep step(int most, float rate) throws IOException;

  /** The model as it is after the last step. It stays this learner's. */
  SequenceModel model();

  /** All that the training has come to. */
  TrainerSnapshot snapshot();

  /**
   * Makes {@code checkpoint}, which is of now, that of {@code directory}, with whatever else it
   * takes to go on.
   *
   * @throws dev.sequor.io.InaccessibleFileException if it cannot be written; what was there is
   *     intact then
   */
  void save(Checkpoint checkpoint, Path directory) throws IOException;

  @Override
  void close();
}
