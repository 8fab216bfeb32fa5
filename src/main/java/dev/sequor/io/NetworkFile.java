package dev.sequor.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.backend.Required;
import dev.sequor.data.FileFault;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.TensorShapes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A kind of files with a network and its tensors: safetensors, whose metadata say in JSON what the
 * network is and what else there is to know of it, and what SHA-256 that and the tensors have.
 *
 * @param <D> a record that says all but the tensors; its component {@code version} is that of its
 *     own form
 */
public final class NetworkFile<D> {
  private static final String DIGEST = "sha256";
  private static final JsonMapper JSON = ConfigFile.builder().build();

  private final String kind;
  private final int version;
  private final Class<D> type;
  private final Function<D, Network> network;
  private final String writer;

  /**
   * A kind of files.
   *
   * @param kind what its metadata are called
   * @param version of the form of the descriptions
   * @param type of the descriptions
   * @param network in a description
   * @param writer what writes such files, in words
   */
  public NetworkFile(
      String kind, int version, Class<D> type, Function<D, Network> network, String writer) {
    this.kind = Required.present("kind", kind);
    this.version = version;
    this.type = Required.present("type", type);
    this.network = Required.present("network", network);
    this.writer = Required.present("writer", writer);
  }

  /**
   * Writes a file, in place of another of this kind if there is one. Whenever the process or the
   * machine stops, it holds the former content or all of this. Folders are made if need be.
   *
   * @param tensors one for each parameter of the network
   * @throws IllegalArgumentException if the file is there and is of another kind, or some module of
   *     the network has no name in files (see {@link ModuleNames})
   * @throws InaccessibleFileException if it cannot be written; what was there is intact then
   */
  public void write(Path file, D description, List<NamedTensor> tensors) throws IOException {
    requireReplaceable(Required.present("file", file));
    StoredTypes.requireNamed(network.apply(Required.present("description", description)));
    String json;
    try {
      json = JSON.writeValueAsString(description);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "the model cannot be written as JSON: " + e.getOriginalMessage(), e);
    }
    List<Tensor> stored = tensors.stream().map(TensorFile::toTensor).toList();
    Map<String, String> metadata =
        Map.of("format", kind, kind, json, DIGEST, TensorFile.sha256(json, stored));
    Path folder = file.toAbsolutePath().getParent();
    if (folder != null && !Files.isDirectory(folder)) {
      try {
        Files.createDirectories(folder);
      } catch (IOException e) {
        throw new InaccessibleFileException(folder, e);
      }
    }
    DurableFile.write(file, channel -> SafetensorsWriter.write(channel, metadata, stored));
  }

  /**
   * Whether {@code file} says of itself, by its header alone, that it is of this kind.
   *
   * @throws IOException if it cannot be read
   */
  public boolean isIn(Path file) throws IOException {
    try (SafetensorsFile known = SafetensorsFile.open(Required.present("file", file))) {
      return known.metadata().containsKey(kind);
    } catch (MalformedFileException e) {
      return false;
    }
  }

  private void requireReplaceable(Path file) {
    if (!Files.exists(file)) {
      return;
    }
    try {
      if (Files.isRegularFile(file) && isIn(file)) {
        return;
      }
    } catch (IOException e) {
      // Whatever it is, it is no model.
    }
    throw new IllegalArgumentException(
        "'"
            + file
            + "' is there already and holds no model of this kind; needed a name of its own");
  }

  /**
   * What is in {@code file}.
   *
   * @param model makes it of the description and the tensors, and may find that they do not fit
   *     ({@link IllegalArgumentException})
   * @throws MalformedFileException if it is of another kind or version, or damaged
   * @throws IOException if it cannot be read
   */
  public <M> M read(Path file, BiFunction<D, List<NamedTensor>, M> model) throws IOException {
    Required.present("model", model);
    try (SafetensorsFile stored = SafetensorsFile.open(Required.present("file", file))) {
      @Nullable String json = stored.metadata().get(kind);
      @Nullable String digest = stored.metadata().get(DIGEST);
      if (json == null || digest == null) {
        throw new MalformedFileException(
            file, "says nothing of a model; needed a file that " + writer + " has written");
      }
      D description = description(file, json);
      try {
        TensorShapes shapes = TensorShapes.ofParameters(network.apply(description));
        List<NamedTensor> tensors = TensorFile.tensors(file, stored, shapes);
        String found = TensorFile.sha256(json, tensors.stream().map(TensorFile::toTensor).toList());
        if (!found.equals(digest)) {
          throw new MalformedFileException(
              file, "has a model of SHA-256 " + found + "; its metadata need " + digest);
        }
        return model.apply(description, tensors);
      } catch (IllegalArgumentException e) {
        throw new MalformedFileException(file, String.valueOf(e.getMessage()), e);
      }
    } catch (MalformedFileException e) {
      throw e;
    } catch (IOException e) {
      throw new MalformedFileException(file, FileFault.reason(e), e);
    }
  }

  private D description(Path file, String json) throws IOException {
    return RecordJson.read(file, "a model", json, version, type);
  }
}
