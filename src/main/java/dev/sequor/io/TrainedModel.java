package dev.sequor.io;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.data.DataSpec;
import dev.sequor.data.TableSpec;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.CheckpointConfig.Kind;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model and its weights: the half of a {@link Checkpoint} that it takes to use the model.
 *
 * @param model the model
 * @param data what the model's numbers mean outside of it: a vocabulary has a token for each
 *     output; null if whoever uses it knows
 * @param parameters one finite tensor for each of {@link TensorShapes#ofParameters}
 */
public record TrainedModel(ModelSpec model, @Nullable DataSpec data, List<NamedTensor> parameters) {

  /**
   * Checks that the parts belong together.
   *
   * @throws IllegalArgumentException naming the first that does not fit
   */
  public TrainedModel {
    parameters = List.copyOf(parameters);
    if (data instanceof Vocabulary vocabulary && vocabulary.size() != model.classes()) {
      throw new IllegalArgumentException(
          "the vocabulary has "
              + vocabulary.size()
              + " "
              + vocabulary.unit()
              + "s; the model's "
              + model.classes()
              + " outputs need as many");
    }
    if (data instanceof TableSpec table && table.goal().outputs() != model.outputShape().width()) {
      throw new IllegalArgumentException(
          "the table's goal has "
              + table.goal().outputs()
              + " outputs; the model has "
              + model.outputShape().width());
    }
    TensorShapes.ofParameters(model.network()).requireFit(parameters);
  }

  /** A copy of {@code model} as it is now, without anything said of its data. */
  public static TrainedModel of(SequenceModel model) {
    return of(model, null);
  }

  /**
   * A copy of {@code model} as it is now.
   *
   * @throws IllegalArgumentException if {@code data} does not fit it
   */
  public static TrainedModel of(SequenceModel model, @Nullable DataSpec data) {
    return new TrainedModel(model.spec(), data, model.tensors());
  }

  /**
   * The model on a backend, to use it or to train it further; the caller closes it.
   *
   * @param backend stays the caller's
   */
  public SequenceModel open(Backend backend) {
    return SequenceModel.of(backend, model, parameters, WeightStorage.FLOAT32);
  }

  /**
   * Writes this to one file, safetensors with the specification among its metadata, in place of
   * another model if there is one; {@link #load} reads it. Whenever the process or the machine
   * stops, the file holds the former content or all of this. Folders are made if need be.
   *
   * @throws IllegalArgumentException if the file is there and holds something else, or some module
   *     of the network has no name in files (see {@link ModuleNames})
   * @throws InaccessibleFileException if it cannot be written; what was there is intact then
   */
  public void save(Path file) throws IOException {
    ModelFile.write(this, file);
  }

  /**
   * Whether {@code file} is one that {@link #save} has written, by its header alone.
   *
   * @throws IOException if it cannot be read
   */
  public static boolean isIn(Path file) throws IOException {
    return ModelFile.isOne(file);
  }

  /**
   * Reads a model: of a file that {@link #save} has written, or of the checkpoint in a directory,
   * whose training state is not looked at, so that it may be damaged or missing.
   *
   * @throws MalformedFileException if anything else is not as it should be; names the file and what
   * @throws IOException if a file cannot be read
   */
  public static TrainedModel load(Path path) throws IOException {
    return Files.isRegularFile(path) ? ModelFile.read(path) : ofCheckpoint(path);
  }

  private static TrainedModel ofCheckpoint(Path directory) throws IOException {
    return Checkpoint.whole(
        directory,
        json -> {
          CheckpointConfig.ModelPart config = ConfigFile.modelPart(directory, json);
          return Checkpoint.valid(
              directory,
              () -> {
                config.weights().requireKind(Kind.WEIGHTS);
                return new TrainedModel(
                    config.model(),
                    config.data().spec(),
                    TensorFile.read(
                        directory,
                        config.weights(),
                        TensorShapes.ofParameters(config.model().network())));
              });
        });
  }
}
