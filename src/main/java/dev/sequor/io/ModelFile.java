package dev.sequor.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.data.FileFault;
import dev.sequor.model.ModelSpec;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A model alone in one file: safetensors, whose metadata say in JSON what the model is, and what
 * SHA-256 that and the tensors have.
 */
final class ModelFile {
  private static final String MODEL = "sequor-model";
  private static final String DIGEST = "sha256";
  private static final int VERSION = 1;
  private static final JsonMapper JSON = ConfigFile.builder().build();

  private ModelFile() {}

  /**
   * What the metadata say.
   *
   * @param version of this form
   * @param model the model, of any kind
   * @param data what its numbers mean outside of it
   */
  record Description(int version, ModelSpec model, StoredData data) {}

  /**
   * Writes {@code model} to {@code file}, in place of another model if there is one.
   *
   * @throws IllegalArgumentException if the file is there and holds something else, or the model
   *     cannot be described
   * @throws InaccessibleFileException if it cannot be written; what was there is intact then
   */
  static void write(TrainedModel model, Path file) throws IOException {
    requireReplaceable(file);
    StoredTypes.requireNamed(model.model());
    String description;
    try {
      description =
          JSON.writeValueAsString(
              new Description(VERSION, model.model(), StoredData.of(model.data())));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "the model cannot be written as JSON: " + e.getOriginalMessage(), e);
    }
    List<Tensor> tensors = model.parameters().stream().map(TensorFile::toTensor).toList();
    Map<String, String> metadata =
        Map.of(
            "format", MODEL, MODEL, description, DIGEST, TensorFile.sha256(description, tensors));
    Path folder = file.toAbsolutePath().getParent();
    if (folder != null && !Files.isDirectory(folder)) {
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw new InaccessibleFileException(folder, e);
      }
    }
    DurableFile.write(file, channel -> SafetensorsWriter.write(channel, metadata, tensors));
  }

  /** Whether {@code file} says of itself that it holds a model. */
  static boolean isOne(Path file) throws IOException {
    try (SafetensorsFile known = SafetensorsFile.open(file)) {
      return known.metadata().containsKey(MODEL);
    } catch (MalformedFileException e) {
      return false;
    }
  }

  private static void requireReplaceable(Path file) {
    if (!Files.exists(file)) {
      return;
    }
    try {
      if (Files.isRegularFile(file) && isOne(file)) {
        return;
      }
    } catch (IOException e) {
      // Whatever it is, it is no model.
    }
    throw new IllegalArgumentException(
        "'" + file + "' is there already and holds no model; needed a name of its own");
  }

  /**
   * The model in {@code file}.
   *
   * @throws MalformedFileException if it holds none, or is damaged
   */
  static TrainedModel read(Path file) throws IOException {
    try (SafetensorsFile stored = SafetensorsFile.open(file)) {
      @Nullable String json = stored.metadata().get(MODEL);
      @Nullable String digest = stored.metadata().get(DIGEST);
      if (json == null || digest == null) {
        throw new MalformedFileException(
            file, "says nothing of a model; needed a file that TrainedModel.save has written");
      }
      Description description = description(file, json);
      try {
        TensorShapes shapes = TensorShapes.ofParameters(description.model().network());
        List<NamedTensor> tensors = TensorFile.tensors(file, stored, shapes);
        String found = TensorFile.sha256(json, tensors.stream().map(TensorFile::toTensor).toList());
        if (!found.equals(digest)) {
          throw new MalformedFileException(
              file, "has a model of SHA-256 " + found + "; its metadata need " + digest);
        }
        return new TrainedModel(description.model(), description.data().spec(), tensors);
      } catch (IllegalArgumentException e) {
        throw new MalformedFileException(file, String.valueOf(e.getMessage()), e);
      }
    } catch (MalformedFileException e) {
      throw e;
    } catch (IOException e) {
      throw new MalformedFileException(file, FileFault.reason(e), e);
    }
  }

  private static Description description(Path file, String json) throws IOException {
    try {
      int version = JSON.readTree(json).path("version").asInt(-1);
      if (version != VERSION) {
        throw new MalformedFileException(
            file, "has a model of version " + version + "; this program reads version " + VERSION);
      }
      @Nullable Description description = JSON.readValue(json, Description.class);
      if (description == null) {
        throw new MalformedFileException(file, "has null for a model");
      }
      return description;
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(file, JsonFault.describe(e), e);
    }
  }
}
