package dev.sequor.io;

import dev.sequor.model.ModelSpec;
import java.io.IOException;
import java.nio.file.Path;

/** A model alone in one file. */
final class ModelFile {
  private static final int VERSION = 1;

  private static final NetworkFile<Description> FILE =
      new NetworkFile<>(
          "sequor-model",
          VERSION,
          Description.class,
          description -> description.model().network(),
          "TrainedModel.save");

  private ModelFile() {}

  /**
   * What the metadata say.
   *
   * @param version of this form
   * @param model the model, of any kind
   * @param data what its numbers mean outside of it
   */
  record Description(int version, ModelSpec model, StoredData data) {}

  /** See {@link TrainedModel#save}. */
  static void write(TrainedModel model, Path file) throws IOException {
    FILE.write(
        file,
        new Description(VERSION, model.model(), StoredData.of(model.data())),
        model.parameters());
  }

  /** See {@link TrainedModel#isIn}. */
  static boolean isOne(Path file) throws IOException {
    return FILE.isIn(file);
  }

  /**
   * The model in {@code file}.
   *
   * @throws MalformedFileException if it holds none, or is damaged
   */
  static TrainedModel read(Path file) throws IOException {
    return FILE.read(
        file,
        (description, tensors) ->
            new TrainedModel(description.model(), description.data().spec(), tensors));
  }
}
