package dev.sequor.io;

import dev.sequor.data.DataSpec;
import dev.sequor.data.TableSpec;
import dev.sequor.data.Vocabulary;
import dev.sequor.io.CheckpointConfig.Kind;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import java.io.IOException;
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

  /**
   * Reads the model of the checkpoint in {@code directory}. Its training state is not looked at, so
   * that it may be damaged or missing.
   *
   * @throws MalformedFileException if anything else is not as it should be; names the file and what
   * @throws IOException if a file cannot be read
   */
  public static TrainedModel load(Path directory) throws IOException {
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
