package dev.sequor.exchange.keras;

import dev.sequor.exchange.files.JsonObject;
import dev.sequor.exchange.files.OptionalLibrary;
import dev.sequor.exchange.files.ZipMembers;
import dev.sequor.io.MalformedFileException;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A model in a file of Keras: what the file says of it, with all its weights.
 *
 * @param path the file
 * @param kerasVersion of the Keras that wrote it, for example {@code 3.15.1}
 * @param json the model as Keras serialises it: {@code class_name} is {@code Sequential} or {@code
 *     Functional}, {@code config} has the layers
 * @param layers those of {@code config}, in its order
 * @param trainableFirst whether a model within has its weights as HDF5 files have them: those of
 *     all its layers that are trained, and then those that are not
 */
record KerasArchive(
    Path path,
    String kerasVersion,
    JsonObject json,
    List<KerasLayer> layers,
    boolean trainableFirst) {
  /** Optional for whoever uses this library. */
  static final OptionalLibrary HDF5_LIBRARY =
      new OptionalLibrary("io.jhdf:jhdf:0.13.0", "io.jhdf", "org.apache.commons.lang3");

  private static final byte[] HDF5 = {(byte) 0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};

  /** The longest array. */
  private static final int MOST_BYTES = Integer.MAX_VALUE - 16;

  private static final String CONFIG = "config.json";
  private static final String METADATA = "metadata.json";
  private static final String WEIGHTS = "model.weights.h5";

  KerasArchive {
    layers = List.copyOf(layers);
  }

  /**
   * Reads a file of either kind, which its first bytes tell: a zip as {@code model.save} writes it
   * since Keras 2.12 ({@code .keras}), or HDF5 alone ({@code .h5}). Its code, if it has any (a
   * Lambda layer), is not looked at; states of optimizers are not read.
   *
   * @throws MalformedFileException if it is of neither kind, or not as it should be; names the file
   *     and what is wrong
   * @throws IllegalStateException if {@link #HDF5_LIBRARY} is not there
   * @throws IOException if it cannot be read
   */
  static KerasArchive read(Path path) throws IOException {
    try {
      if (ZipMembers.isZip(path)) {
        return zipped(path);
      }
      if (isHdf5(path)) {
        return hdf5(path);
      }
    } catch (NoClassDefFoundError e) {
      throw HDF5_LIBRARY.missing("reading " + path, e);
    }
    throw new MalformedFileException(path, "is neither a .keras nor an .h5 file of Keras");
  }

  private static boolean isToday(String version) {
    return !version.matches("[012](\\..*)?");
  }

  /** Whether Keras 3 or a later one wrote it. */
  boolean isToday() {
    return isToday(kerasVersion);
  }

  private static boolean isHdf5(Path path) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      return Arrays.equals(in.readNBytes(HDF5.length), HDF5);
    }
  }

  private static KerasArchive zipped(Path path) throws IOException {
    try (ZipMembers zip = ZipMembers.open(path)) {
      JsonObject json = JsonObject.parse(path, CONFIG, zip.bytes(CONFIG, JsonObject.MOST_BYTES));
      JsonObject metadata =
          JsonObject.parse(path, METADATA, zip.bytes(METADATA, JsonObject.MOST_BYTES));
      Hdf5File.Group root = Hdf5File.open(path, WEIGHTS, zip.bytes(WEIGHTS, MOST_BYTES));
      String version = metadata.text("keras_version");
      List<KerasLayer> layers = new KerasWeights(path, root).of(json);
      if (isToday(version)) {
        return new KerasArchive(path, version, json, layers, false);
      }
      JsonObject today = OlderForm.today(json, List.of());
      List<KerasLayer> renewed = new ArrayList<>();
      List<JsonObject> entries = today.object("config").objects("layers");
      for (int i = 0; i < layers.size(); i++) {
        renewed.add(new KerasLayer(entries.get(i), layers.get(i).weights()));
      }
      return new KerasArchive(path, version, today, renewed, false);
    }
  }

  private static KerasArchive hdf5(Path path) throws IOException {
    if (Files.size(path) > MOST_BYTES) {
      throw new MalformedFileException(
          path, "has " + Files.size(path) + " bytes; needed at most " + MOST_BYTES);
    }
    Hdf5File.Group root = Hdf5File.open(path, "", Files.readAllBytes(path));
    String config = root.text("model_config");
    if (config == null) {
      throw new MalformedFileException(
          path, "has no attribute 'model_config'; needed a whole model, not its weights alone");
    }
    JsonObject json =
        JsonObject.parse(path, "model_config", config.getBytes(StandardCharsets.UTF_8));
    Hdf5File.Group weights = root.find("model_weights");
    if (weights == null) {
      throw new MalformedFileException(path, "has no group 'model_weights'");
    }
    String version = root.text("keras_version");
    if (version == null || !isToday(version)) {
      List<String> names = weights.texts("layer_names");
      json = OlderForm.today(json, names == null ? List.of() : names);
    }
    List<KerasLayer> layers = new ArrayList<>();
    for (JsonObject layer : json.object("config").objects("layers")) {
      layers.add(new KerasLayer(layer, named(weights, layer.object("config").text("name"))));
    }
    return new KerasArchive(path, version == null ? "1" : version, json, layers, true);
  }

  /** The weights of a layer, which its group says the names of. */
  private static List<NamedTensor> named(Hdf5File.Group weights, String layer)
      throws MalformedFileException {
    Hdf5File.@Nullable Group group = weights.find(layer);
    List<String> names = group == null ? null : group.texts("weight_names");
    List<NamedTensor> tensors = new ArrayList<>();
    if (group != null && names != null) {
      for (String name : names) {
        tensors.add(group.tensor(name));
      }
    }
    return tensors;
  }
}
