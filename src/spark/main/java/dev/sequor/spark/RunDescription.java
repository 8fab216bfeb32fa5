package dev.sequor.spark;

import dev.sequor.io.RecordJson;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.Clipping;
import dev.sequor.model.Optimizer;
import dev.sequor.report.Environment;
import java.io.IOException;
import java.io.Serializable;
import java.nio.file.Path;

/**
 * What executors are told of a training once: the model in the form of a model's file, and the rest
 * as JSON, so that what is read is checked as a file is.
 *
 * @param runId of the training
 * @param library version of the driver's library
 * @param model with its first weights, as {@link ModelBytes}
 * @param update a {@link Update} as JSON
 * @param device that was asked for
 * @param seed of the training
 * @param workers how many
 * @param batchSize of all of them together
 * @param dataHashes {@link Share#hash()} of each worker's share
 */
@SuppressWarnings("ArrayRecordComponent")
record RunDescription(
    String runId,
    String library,
    byte[] model,
    String update,
    String device,
    long seed,
    int workers,
    int batchSize,
    long[] dataHashes)
    implements Serializable {

  /**
   * How workers update.
   *
   * @param version of this form
   * @param optimizer the rule
   * @param clipping the bounds
   */
  record Update(int version, Optimizer optimizer, Clipping clipping) {
    static final int VERSION = 1;

    String json() {
      return RecordJson.write(this);
    }
  }

  /**
   * The model.
   *
   * @throws IllegalArgumentException if this executor's library cannot read it; names both versions
   */
  TrainedModel openModel() {
    if (!library.equals(Environment.VERSION)) {
      throw new IllegalArgumentException(
          "it has sequor "
              + Environment.VERSION
              + "; the driver has "
              + library
              + ", and all need the same");
    }
    return ModelBytes.read(model);
  }

  Update openUpdate() throws IOException {
    return RecordJson.read(
        Path.of("the driver's message"), "an update", update, Update.VERSION, Update.class);
  }
}
