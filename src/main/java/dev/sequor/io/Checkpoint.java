package dev.sequor.io;

import dev.sequor.data.DataSpec;
import dev.sequor.io.CheckpointConfig.Kind;
import dev.sequor.io.CheckpointConfig.StoredFile;
import dev.sequor.model.Clipping;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.TensorShapes;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model in training, in a directory: {@code config.json}, which names two safetensors files with
 * their lengths and SHA-256, {@code model-STEP.safetensors} with the parameters and {@code
 * training-STEP.safetensors} with the optimiser's moments and the state of the streams.
 *
 * <p>{@link #save} writes both files under new names before it replaces {@code config.json}, and
 * removes the older files after that, so that the directory holds one whole checkpoint whenever the
 * process or the machine stops. Whatever can be made can be saved, and is loaded as it was; what
 * {@link #load} would refuse, the constructor refuses.
 *
 * @param model the model, of any kind
 * @param data what the model's numbers mean outside of it; null if whoever uses it knows
 * @param optimizer the update rule
 * @param clipping bounds on the gradient
 * @param snapshot parameters, moments, carried state, loss scale and counters, all numbers finite
 * @param run what else it takes to go on: the data and the loss so far, or the state of a fit; null
 *     if whoever trains the model keeps that elsewhere
 */
public record Checkpoint(
    ModelSpec model,
    @Nullable DataSpec data,
    Optimizer optimizer,
    Clipping clipping,
    TrainerSnapshot snapshot,
    @Nullable RunState run) {

  private static final Logger LOG = LoggerFactory.getLogger(Checkpoint.class);

  /** Stands for a file that is not written yet: as long as the longest that may come. */
  private static final String LONGEST_DIGITS = "9".repeat(19);

  /**
   * Checks that the parts belong together.
   *
   * @throws IllegalArgumentException naming the first that does not fit
   */
  public Checkpoint {
    new TrainedModel(model, data, snapshot.parameters());
    snapshot.requireFit(model, optimizer);
    if (run != null) {
      run.requireNotAfter(snapshot.progress().steps());
    }
    StoredTypes.requireNamed(model.network());
  }

  /** Whether {@code directory} holds a checkpoint, whole or damaged. */
  public static boolean existsIn(Path directory) {
    return Files.exists(directory.resolve(ConfigFile.NAME));
  }

  /**
   * The file with the parameters of the checkpoint in {@code directory}.
   *
   * @throws MalformedFileException if {@code config.json} is not as it should be
   */
  public static Path weightsFile(Path directory) throws IOException {
    byte[] json = ConfigFile.read(directory);
    return directory.resolve(ConfigFile.modelPart(directory, json).weights().file());
  }

  /**
   * What the model of the checkpoint in {@code directory} is learning from; null if that is not
   * known, as of a model alone in a file.
   *
   * @throws MalformedFileException if {@code config.json} is not as it should be
   */
  public static @Nullable DataSource source(Path directory) throws IOException {
    if (Files.isRegularFile(directory)) {
      return null;
    }
    return ConfigFile.whole(directory, ConfigFile.read(directory)).run() instanceof TrainingRun run
        ? run.source()
        : null;
  }

  /**
   * The bounds on the gradient that the model of the checkpoint in {@code directory} is trained
   * with; null of a model alone in a file.
   *
   * @throws MalformedFileException if {@code config.json} is not as it should be
   */
  public static @Nullable Clipping clipping(Path directory) throws IOException {
    return Files.isRegularFile(directory)
        ? null
        : ConfigFile.whole(directory, ConfigFile.read(directory)).clipping();
  }

  /** Whether {@code name} is that of a file of some checkpoint, or of one half written. */
  static boolean isOwnFile(String name) {
    String whole =
        name.endsWith(DurableFile.TEMPORARY_SUFFIX)
            ? name.substring(0, name.length() - DurableFile.TEMPORARY_SUFFIX.length())
            : name;
    return Stream.of(Kind.values()).anyMatch(kind -> kind.isName(whole))
        || (whole.equals(ConfigFile.NAME) && !whole.equals(name));
  }

  /**
   * Makes this the checkpoint of {@code directory}, which is created if need be.
   *
   * @throws IllegalArgumentException if {@code config.json} would be longer than may be
   * @throws InaccessibleFileException if it cannot be written; the checkpoint that was there is
   *     intact then, and nothing of this one is left
   */
  public void save(Path directory) throws IOException {
    StoredFile longest =
        new StoredFile(
            Kind.TRAINING.name(Long.MAX_VALUE, Integer.MAX_VALUE / 10),
            Long.parseLong(LONGEST_DIGITS.substring(1)),
            "0".repeat(64));
    ConfigFile.bytes(config(longest, longest)); // Before anything is written.
    List<Path> written = new ArrayList<>();
    Path configFile = directory.resolve(ConfigFile.NAME);
    byte @Nullable [] json = null;
    try {
      if (!Files.isDirectory(directory)) { // Which may be a link to one, unlike what is made.
        Files.createDirectories(directory);
      }
      deleteUnnamed(
          directory, this); // What a stopped save has left takes room that this one needs.
      List<NamedTensor> training = new ArrayList<>(snapshot.moments());
      training.addAll(snapshot.carriedState());
      CheckpointConfig config =
          config(
              write(directory, Kind.WEIGHTS, snapshot.parameters(), written),
              write(directory, Kind.TRAINING, training, written));
      byte[] bytes = ConfigFile.bytes(config);
      json = bytes;
      DurableFile.write(configFile, bytes);
    } catch (InaccessibleFileException | RuntimeException | Error e) {
      deleteUnlessNamed(configFile, json, written, e);
      throw e;
    } catch (IOException e) {
      deleteUnlessNamed(configFile, json, written, e);
      throw new InaccessibleFileException(directory, e);
    }
    try {
      deleteUnnamed(directory, this);
    } catch (IOException e) {
      LOG.debug("an older checkpoint stays until the next is saved", e);
    }
  }

  private CheckpointConfig config(StoredFile weights, StoredFile training) {
    return new CheckpointConfig(
        CheckpointConfig.FORMAT,
        CheckpointConfig.VERSION,
        weights,
        training,
        model,
        StoredData.of(data),
        optimizer,
        clipping,
        snapshot.progress(),
        snapshot.lossScale(),
        run == null ? new CheckpointConfig.NoRun() : run);
  }

  private StoredFile write(Path directory, Kind kind, List<NamedTensor> tensors, List<Path> written)
      throws IOException {
    Path file = newFile(directory, kind, snapshot.progress().steps());
    written.add(file);
    return TensorFile.write(file, tensors);
  }

  /** A name of its own, so that no file of the checkpoint that is still valid is ever replaced. */
  private static Path newFile(Path directory, Kind kind, long steps) {
    int number = 1;
    Path file = directory.resolve(kind.name(steps, number));
    while (Files.exists(file)) {
      file = directory.resolve(kind.name(steps, ++number));
    }
    return file;
  }

  /**
   * A new name for the best weights of a fit, those after {@code steps} steps. The next {@link
   * #save} in the directory keeps the file if its {@link FitState} names it.
   */
  public static Path newBestFile(Path directory, long steps) {
    return newFile(directory, Kind.BEST, steps);
  }

  /** The same for the moving average of the weights of a fit. */
  public static Path newAverageFile(Path directory, long steps) {
    return newFile(directory, Kind.AVERAGE, steps);
  }

  /** After a failure: unless {@code config.json} was replaced and names them already. */
  private static void deleteUnlessNamed(
      Path configFile, byte @Nullable [] json, List<Path> written, Throwable failure) {
    if (json != null && holds(configFile, json)) {
      return;
    }
    for (Path file : written) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        failure.addSuppressed(e);
      }
    }
  }

  private static boolean holds(Path file, byte[] bytes) {
    try {
      return Arrays.equals(Files.readAllBytes(file), bytes);
    } catch (IOException e) {
      return false;
    }
  }

  /**
   * Deletes all files of checkpoints but those of the one that is there, unless that is damaged,
   * and those that {@code next} has brought along.
   */
  private static void deleteUnnamed(Path directory, Checkpoint next) throws IOException {
    Set<String> named = new HashSet<>(next.run == null ? List.of() : next.run.files());
    if (Files.exists(directory.resolve(ConfigFile.NAME))) {
      try {
        CheckpointConfig config = ConfigFile.whole(directory, ConfigFile.read(directory));
        named.addAll(List.of(config.weights().file(), config.training().file()));
        named.addAll(config.run().files());
      } catch (MalformedFileException | IllegalArgumentException e) {
        return; // Whoever mends it by hand may want any of them.
      }
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        String name = String.valueOf(entry.getFileName());
        if (isOwnFile(name) && !named.contains(name) && !Files.isDirectory(entry)) {
          Files.deleteIfExists(entry);
        }
      }
    }
  }

  /**
   * Reads the checkpoint of {@code directory}, checks the lengths and SHA-256 of its files, the
   * shapes of all tensors, and that all numbers are finite and in their ranges.
   *
   * @throws MalformedFileException if anything is not as it should be; names the file and what
   * @throws IOException if a file cannot be read
   */
  public static Checkpoint load(Path directory) throws IOException {
    return whole(
        directory,
        json -> {
          CheckpointConfig config = ConfigFile.whole(directory, json);
          boolean first = ConfigFile.version(directory, json) == FirstVersion.VERSION;
          return valid(directory, () -> load(directory, config, first));
        });
  }

  private static Checkpoint load(Path directory, CheckpointConfig config, boolean first)
      throws IOException {
    Network network = config.model().network();
    config.weights().requireKind(Kind.WEIGHTS);
    config.training().requireKind(Kind.TRAINING);
    int streams = config.progress().carriedBatchSize();
    TensorShapes moments = TensorShapes.ofMoments(network, config.optimizer().rule());
    TensorShapes state = TensorShapes.ofCarriedStates(network, streams);
    TensorShapes stored = moments.and(first ? FirstVersion.carriedState(state) : state);
    List<NamedTensor> parameters =
        TensorFile.read(directory, config.weights(), TensorShapes.ofParameters(network));
    List<NamedTensor> momentTensors = new ArrayList<>();
    List<NamedTensor> stateTensors = new ArrayList<>();
    for (NamedTensor read : TensorFile.read(directory, config.training(), stored)) {
      NamedTensor tensor = first ? FirstVersion.renamed(read) : read;
      (state.byName().containsKey(tensor.name()) ? stateTensors : momentTensors).add(tensor);
    }
    return new Checkpoint(
        config.model(),
        config.data().spec(),
        config.optimizer(),
        config.clipping(),
        new TrainerSnapshot(
            config.progress(), config.lossScale(), parameters, momentTensors, stateTensors),
        config.run() instanceof CheckpointConfig.NoRun ? null : config.run());
  }

  /** Reads something from the files that a configuration names. */
  interface Reader<T> {
    T read(byte[] json) throws IOException;
  }

  /**
   * What {@code reader} reads of one checkpoint. Somebody may save another while it is at work, and
   * remove the files of the first; then it starts again.
   */
  static <T> T whole(Path directory, Reader<T> reader) throws IOException {
    byte[] json = ConfigFile.read(directory);
    while (true) {
      try {
        return reader.read(json);
      } catch (IOException e) {
        byte[] now = ConfigFile.read(directory);
        if (Arrays.equals(json, now)) {
          throw e;
        }
        json = now;
      }
    }
  }

  /** Makes something of parts that may not fit each other. */
  interface Maker<T> {
    T make() throws IOException;
  }

  /** What {@code maker} makes; if it refuses, a configuration does not fit. */
  static <T> T valid(Path directory, Maker<T> maker) throws IOException {
    try {
      return maker.make();
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(
          directory.resolve(ConfigFile.NAME), String.valueOf(e.getMessage()), e);
    }
  }
}
