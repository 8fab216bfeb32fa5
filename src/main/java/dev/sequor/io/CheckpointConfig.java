package dev.sequor.io;

import com.fasterxml.jackson.annotation.JacksonAnnotationsInside;
import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.annotation.JsonSubTypes;
import com.fasterxml.jackson.annotation.JsonTypeInfo;
import dev.sequor.model.Clipping;
import dev.sequor.model.LossScale;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.TrainerProgress;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.util.regex.Pattern;

/**
 * What {@code config.json} holds; its form is part of the checkpoint format, so a change of any of
 * these records needs a new {@link #VERSION}.
 *
 * @param format always {@link #FORMAT}
 * @param version {@link #VERSION}
 * @param weights the file with the parameters
 * @param training the file with the optimiser's moments and the carried state
 * @param model the model, of any kind
 * @param data what the model's numbers mean outside of it
 * @param optimizer the update rule
 * @param clipping bounds on the gradient
 * @param progress counters, position, seed and offset of the dropout bits
 * @param lossScale where loss scaling stands
 * @param run the data and the loss so far, if there is more to say of it
 */
record CheckpointConfig(
    String format,
    int version,
    StoredFile weights,
    StoredFile training,
    ModelSpec model,
    StoredData data,
    Optimizer optimizer,
    Clipping clipping,
    TrainerProgress progress,
    LossScale lossScale,
    @RunTypes RunState run) {

  static final String FORMAT = "sequor-checkpoint";
  static final int VERSION = 2;

  /** What kinds of runs are called. */
  @JacksonAnnotationsInside
  @Retention(RetentionPolicy.RUNTIME)
  @JsonTypeInfo(use = JsonTypeInfo.Id.NAME, property = "type")
  @JsonSubTypes({
    @JsonSubTypes.Type(value = TrainingRun.class, name = "run", names = "text"),
    @JsonSubTypes.Type(value = FitState.class, name = "fit"),
    @JsonSubTypes.Type(value = NoRun.class, name = "none"),
  })
  @interface RunTypes {}

  /** Whoever trains the model keeps the rest elsewhere. */
  record NoRun() implements RunState {}

  /** What stands in {@code config.json} for whoever wants the model alone. */
  @JsonIgnoreProperties({"training", "optimizer", "clipping", "progress", "lossScale", "run"})
  record ModelPart(
      String format, int version, StoredFile weights, ModelSpec model, StoredData data) {}

  /** What kinds of files there are, and how they are named. */
  enum Kind {
    WEIGHTS("model"),
    TRAINING("training"),
    /** The best weights so far of a fit: a model of its own. */
    BEST("best"),
    /** The moving average of the weights of a fit: a model of its own. */
    AVERAGE("average");

    private final String stem;
    private final Pattern name;

    Kind(String stem) {
      this.stem = stem;
      this.name = Pattern.compile(stem + "-\\d{1,19}(-\\d{1,9})?\\.safetensors");
    }

    /** The name after {@code steps} steps, the {@code number}th of its kind. */
    String name(long steps, int number) {
      return stem + "-" + steps + (number == 1 ? "" : "-" + number) + ".safetensors";
    }

    boolean isName(String file) {
      return name.matcher(file).matches();
    }
  }

  /**
   * A file that belongs to the checkpoint.
   *
   * @param file its name, without a folder
   * @param bytes its length
   * @param sha256 of its content, in hexadecimal
   */
  record StoredFile(String file, long bytes, String sha256) {
    private static final Pattern SHA256 = Pattern.compile("[0-9a-f]{64}");

    /** Checks that it may be opened: a name of a checkpoint's file leads nowhere else. */
    StoredFile {
      if (!Kind.WEIGHTS.isName(file) && !Kind.TRAINING.isName(file)) {
        throw new IllegalArgumentException("'" + file + "' is no name of a file of a checkpoint");
      }
      if (bytes < 1) {
        throw new IllegalArgumentException("bytes is " + bytes + "; needed at least 1");
      }
      if (!SHA256.matcher(sha256).matches()) {
        throw new IllegalArgumentException(
            "sha256 is '" + sha256 + "'; needed 64 hexadecimal digits");
      }
    }

    void requireKind(Kind kind) {
      if (!kind.isName(file)) {
        throw new IllegalArgumentException(
            "'" + file + "' is no name of a file of a checkpoint's " + kind.stem + " part");
      }
    }
  }
}
