package dev.sequor.io;

import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainerProgress;

/**
 * What {@code config.json} holds; its form is part of the checkpoint format, so a change of any of
 * these records needs a new {@link #VERSION}.
 *
 * @param format always {@link #FORMAT}
 * @param version {@link #VERSION}
 * @param weights the file with the parameters
 * @param training the file with the optimiser's moments and the carried state
 * @param model the model
 * @param vocabulary its characters, ascending, as one string
 * @param optimizer the update rule
 * @param clipping bounds on the gradient
 * @param progress counters, position, seed and offset of the dropout bits
 * @param run the text and the loss so far
 */
record CheckpointConfig(
    String format,
    int version,
    StoredFile weights,
    StoredFile training,
    SequenceModelSpec model,
    String vocabulary,
    Optimizer optimizer,
    Clipping clipping,
    TrainerProgress progress,
    TrainingRun run) {

  static final String FORMAT = "sequor-checkpoint";
  static final int VERSION = 1;

  /**
   * A file that belongs to the checkpoint.
   *
   * @param file its name, without a folder
   * @param bytes its length
   * @param sha256 of its content, in hexadecimal
   */
  record StoredFile(String file, long bytes, String sha256) {}
}
