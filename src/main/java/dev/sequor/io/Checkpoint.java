package dev.sequor.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.exc.UnrecognizedPropertyException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.io.CheckpointConfig.StoredFile;
import dev.sequor.model.Clipping;
import dev.sequor.model.ModelLayout;
import dev.sequor.model.NamedTensor;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.model.TrainerSnapshot;
import dev.sequor.rnn.TensorRegion;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * A text model in training, in a directory: {@code config.json}, which names two safetensors files
 * with their lengths and SHA-256, {@code model-STEP.safetensors} with the parameters and {@code
 * training-STEP.safetensors} with the optimiser's moments and the state of the streams.
 *
 * <p>{@link #save} writes both files under new names before it replaces {@code config.json}, and
 * removes the older files after that, so that the directory holds one whole checkpoint whenever the
 * process or the machine stops.
 *
 * @param model the model
 * @param vocabulary its characters
 * @param optimizer the update rule
 * @param clipping bounds on the gradient
 * @param snapshot parameters, moments, carried state and counters
 * @param run the text and the loss so far
 */
public record Checkpoint(
    SequenceModelSpec model,
    CharacterVocabulary vocabulary,
    Optimizer optimizer,
    Clipping clipping,
    TrainerSnapshot snapshot,
    TrainingRun run) {

  private static final String CONFIG = "config.json";

  /** {@code config.json} holds a few hundred numbers; this bounds what a hostile one can cost. */
  private static final long MAX_CONFIG_BYTES = 16_000_000;

  private static final Pattern OWN_FILE =
      Pattern.compile(
          "(model|training)-\\d+(-\\d+)?\\.safetensors(\\.partial)?|config\\.json\\.partial");

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_CREATOR_PROPERTIES)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .enable(DeserializationFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  /** Whether {@code directory} holds a checkpoint, whole or damaged. */
  public static boolean existsIn(Path directory) {
    return Files.exists(directory.resolve(CONFIG));
  }

  /**
   * Whether a new checkpoint may go to {@code directory}: it does not exist, is empty, or holds
   * nothing but what a first {@link #save} left behind when it was stopped.
   */
  public static boolean isVacant(Path directory) throws IOException {
    if (!Files.exists(directory)) {
      return true;
    }
    if (!Files.isDirectory(directory)) {
      return false;
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        if (!OWN_FILE.matcher(name(entry)).matches()) {
          return false;
        }
      }
    }
    return true;
  }

  /**
   * The file with the parameters of the checkpoint in {@code directory}.
   *
   * @throws MalformedFileException if {@code config.json} is not as it should be
   */
  public static Path weightsFile(Path directory) throws IOException {
    return stored(directory, readConfig(directory).weights());
  }

  /**
   * Makes this the checkpoint of {@code directory}, which is created if need be.
   *
   * @throws IOException if it cannot be written; the checkpoint that was there is intact then
   */
  public void save(Path directory) throws IOException {
    Files.createDirectories(directory);
    List<NamedTensor> state = new ArrayList<>(snapshot.moments());
    state.addAll(snapshot.carriedState());
    CheckpointConfig config =
        new CheckpointConfig(
            CheckpointConfig.FORMAT,
            CheckpointConfig.VERSION,
            write(directory, "model", snapshot.parameters()),
            write(directory, "training", state),
            model,
            vocabulary.decode(tokens(vocabulary.size())),
            optimizer,
            clipping,
            snapshot.progress(),
            run);
    byte[] json = JSON.writeValueAsBytes(config);
    DurableFile.write(
        directory.resolve(CONFIG), channel -> Channels.newOutputStream(channel).write(json));
    deleteAllBut(directory, Set.of(config.weights().file(), config.training().file()));
  }

  private static int[] tokens(int size) {
    int[] tokens = new int[size];
    for (int i = 0; i < size; i++) {
      tokens[i] = i;
    }
    return tokens;
  }

  private StoredFile write(Path directory, String kind, List<NamedTensor> tensors)
      throws IOException {
    // A name of its own, so that no file of the checkpoint that is still valid is ever replaced.
    String stem = kind + "-" + snapshot.progress().steps();
    Path file = directory.resolve(stem + ".safetensors");
    for (int i = 2; Files.exists(file); i++) {
      file = directory.resolve(stem + "-" + i + ".safetensors");
    }
    List<Tensor> stored = tensors.stream().map(Checkpoint::toTensor).toList();
    MessageDigest digest = sha256();
    DurableFile.write(
        file,
        channel -> {
          WritableByteChannel digesting =
              Channels.newChannel(
                  new DigestOutputStream(Channels.newOutputStream(channel), digest));
          SafetensorsWriter.write(digesting, Map.of("format", "sequor"), stored);
        });
    return new StoredFile(name(file), Files.size(file), HexFormat.of().formatHex(digest.digest()));
  }

  private static Tensor toTensor(NamedTensor tensor) {
    return Tensor.ofFloats(
        tensor.name(),
        tensor.values(),
        tensor.shape().stream().mapToLong(Integer::longValue).toArray());
  }

  private static void deleteAllBut(Path directory, Set<String> keep) throws IOException {
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      for (Path entry : entries) {
        if (OWN_FILE.matcher(name(entry)).matches() && !keep.contains(name(entry))) {
          Files.deleteIfExists(entry);
        }
      }
    }
  }

  /**
   * Reads the checkpoint of {@code directory}, checks the lengths and SHA-256 of its files, the
   * shapes of all parameters, and that all numbers are finite.
   *
   * @throws MalformedFileException if anything is not as it should be; names the file and what
   * @throws IOException if a file cannot be read
   */
  public static Checkpoint load(Path directory) throws IOException {
    CheckpointConfig config = readConfig(directory);
    List<NamedTensor> parameters = read(directory, config.weights());
    requireShapes(stored(directory, config.weights()), layout(directory, config), parameters);
    List<NamedTensor> moments = new ArrayList<>();
    List<NamedTensor> carriedState = new ArrayList<>();
    for (NamedTensor tensor : read(directory, config.training())) {
      (tensor.name().startsWith("moments.") ? moments : carriedState).add(tensor);
    }
    CharacterVocabulary vocabulary;
    try {
      vocabulary = CharacterVocabulary.ofSorted(config.vocabulary().codePoints().toArray());
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(
          directory.resolve(CONFIG), String.valueOf(e.getMessage()), e);
    }
    if (vocabulary.size() != config.model().outputSize()) {
      throw new MalformedFileException(
          directory.resolve(CONFIG),
          "the vocabulary has "
              + vocabulary.size()
              + " characters; the model's "
              + config.model().outputSize()
              + " outputs need as many");
    }
    return new Checkpoint(
        config.model(),
        vocabulary,
        config.optimizer(),
        config.clipping(),
        new TrainerSnapshot(config.progress(), parameters, moments, carriedState),
        config.run());
  }

  private static ModelLayout layout(Path directory, CheckpointConfig config)
      throws MalformedFileException {
    try {
      return new ModelLayout(config.model());
    } catch (ArithmeticException e) {
      throw new MalformedFileException(
          directory.resolve(CONFIG), "the model has more than 2^63 weights", e);
    }
  }

  private static CheckpointConfig readConfig(Path directory) throws IOException {
    Path file = directory.resolve(CONFIG);
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(
          directory, "holds no checkpoint; needed a directory with a " + CONFIG);
    }
    if (Files.size(file) > MAX_CONFIG_BYTES) {
      throw new MalformedFileException(
          file, "has " + Files.size(file) + " bytes; needed at most " + MAX_CONFIG_BYTES);
    }
    try {
      JsonNode root = JSON.readTree(Files.readAllBytes(file));
      // Before anything else is looked at: another version has every right to look different.
      if (!CheckpointConfig.FORMAT.equals(root.path("format").textValue())) {
        throw new MalformedFileException(
            file, "is no checkpoint; needed \"format\": \"" + CheckpointConfig.FORMAT + "\"");
      }
      if (root.path("version").asInt(-1) != CheckpointConfig.VERSION) {
        throw new MalformedFileException(
            file,
            "has checkpoint version "
                + root.path("version")
                + "; this program reads version "
                + CheckpointConfig.VERSION);
      }
      return JSON.treeToValue(root, CheckpointConfig.class);
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(file, explain(e), e);
    }
  }

  /** Where in the JSON it is wrong, and what a record's own check or the parser says of it. */
  private static String explain(JsonProcessingException e) {
    String where = "";
    if (e instanceof JsonMappingException mapping) {
      where =
          mapping.getPath().stream()
              .map(r -> r.getFieldName() == null ? "[" + r.getIndex() + "]" : r.getFieldName())
              .collect(Collectors.joining("."));
    }
    String what = e.getOriginalMessage();
    if (e.getCause() instanceof IllegalArgumentException refusal) {
      what = String.valueOf(refusal.getMessage());
    } else if (e instanceof UnrecognizedPropertyException) {
      what = "unknown field";
    } else if (what.contains("; `")) {
      what = what.substring(0, what.indexOf("; `")); // The rest names a setting of the parser.
    }
    return (where.isEmpty() ? "" : where + ": ") + what;
  }

  private static Path stored(Path directory, StoredFile file) throws MalformedFileException {
    if (!OWN_FILE.matcher(file.file()).matches()) {
      throw new MalformedFileException(
          directory.resolve(CONFIG), "'" + file.file() + "' is no name of a file of a checkpoint");
    }
    return directory.resolve(file.file());
  }

  private static List<NamedTensor> read(Path directory, StoredFile expected) throws IOException {
    Path path = stored(directory, expected);
    if (!Files.isRegularFile(path)) {
      throw new MalformedFileException(path, "is missing");
    }
    long bytes = Files.size(path);
    List<NamedTensor> tensors = new ArrayList<>();
    // The structure first: it says more about a damaged file than that its SHA-256 differs.
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      for (SafetensorsFile.Entry entry : file.entries().values()) {
        float[] values = file.readFloats(entry.name());
        requireFinite(path, entry.name(), values);
        tensors.add(new NamedTensor(entry.name(), intShape(path, entry), values));
      }
    }
    if (bytes != expected.bytes()) {
      throw new MalformedFileException(
          path, "has " + bytes + " bytes; " + CONFIG + " needs " + expected.bytes());
    }
    String sha256 = sha256(path);
    if (!sha256.equals(expected.sha256())) {
      throw new MalformedFileException(
          path, "has SHA-256 " + sha256 + "; " + CONFIG + " needs " + expected.sha256());
    }
    return tensors;
  }

  private static List<Integer> intShape(Path path, SafetensorsFile.Entry entry)
      throws MalformedFileException {
    List<Integer> shape = new ArrayList<>();
    for (long size : entry.shape()) {
      if (size > Integer.MAX_VALUE) {
        throw new MalformedFileException(
            path, "tensor '" + entry.name() + "' has shape " + entry.shape() + ", too large");
      }
      shape.add((int) size);
    }
    return shape;
  }

  private static void requireFinite(Path path, String name, float[] values)
      throws MalformedFileException {
    for (int i = 0; i < values.length; i++) {
      if (!Float.isFinite(values[i])) {
        throw new MalformedFileException(
            path,
            "tensor '" + name + "' has " + values[i] + " at element " + i + "; needed finite");
      }
    }
  }

  private static void requireShapes(Path path, ModelLayout layout, List<NamedTensor> tensors)
      throws MalformedFileException {
    Map<String, NamedTensor> byName = new HashMap<>();
    tensors.forEach(tensor -> byName.put(tensor.name(), tensor));
    for (TensorRegion region : layout.regions()) {
      @Nullable NamedTensor tensor = byName.remove(region.name());
      if (tensor == null) {
        throw new MalformedFileException(
            path, "has no tensor '" + region.name() + "' " + region.shape());
      }
      if (!tensor.shape().equals(region.shape())) {
        throw new MalformedFileException(
            path,
            "tensor '"
                + tensor.name()
                + "' has shape "
                + tensor.shape()
                + "; the model needs "
                + region.shape());
      }
    }
    for (String name : byName.keySet()) {
      throw new MalformedFileException(path, "tensor '" + name + "' is none of the model's");
    }
  }

  private static String name(Path path) {
    return String.valueOf(path.getFileName());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every Java platform has SHA-256", e);
    }
  }

  private static String sha256(Path path) throws IOException {
    MessageDigest digest = sha256();
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    try (FileChannel channel = FileChannel.open(path)) {
      while (channel.read(buffer) >= 0) {
        digest.update(buffer.flip());
        buffer.clear();
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }
}
