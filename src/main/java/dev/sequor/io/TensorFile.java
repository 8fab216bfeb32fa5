package dev.sequor.io;

import dev.sequor.backend.Sha256;
import dev.sequor.data.FileFault;
import dev.sequor.io.CheckpointConfig.StoredFile;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.TensorShapes;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A file of tensors that {@code config.json} names with its length and SHA-256. */
final class TensorFile {
  private TensorFile() {}

  /** Writes {@code tensors} durably; what then stands in the configuration. */
  static StoredFile write(Path path, List<NamedTensor> tensors) throws IOException {
    List<Tensor> stored = tensors.stream().map(TensorFile::toTensor).toList();
    MessageDigest digest = Sha256.digest();
    long[] bytes = {0};
    DurableFile.write(
        path,
        channel -> {
          WritableByteChannel digesting =
              Channels.newChannel(
                  new DigestOutputStream(Channels.newOutputStream(channel), digest));
          SafetensorsWriter.write(digesting, Map.of("format", "sequor"), stored);
          bytes[0] = channel.position();
        });
    return new StoredFile(String.valueOf(path.getFileName()), bytes[0], Sha256.hex(digest));
  }

  /** A tensor as it stands in a file. */
  static Tensor toTensor(NamedTensor tensor) {
    return Tensor.ofFloats(
        tensor.name(),
        tensor.values(),
        tensor.shape().stream().mapToLong(Integer::longValue).toArray());
  }

  /**
   * The tensors of a file. Its length and its header are compared with what is expected before any
   * data is read.
   *
   * @throws MalformedFileException if anything is not as it should be
   */
  static List<NamedTensor> read(Path directory, StoredFile expected, TensorShapes shapes)
      throws IOException {
    Path path = directory.resolve(expected.file());
    if (!Files.isRegularFile(path)) {
      throw new MalformedFileException(
          path, Files.exists(path) ? "is no file with data" : "is missing");
    }
    try {
      long bytes = Files.size(path);
      if (bytes != expected.bytes()) {
        throw new MalformedFileException(
            path, "has " + bytes + " bytes; " + ConfigFile.NAME + " needs " + expected.bytes());
      }
      // The structure first: it says more about a damaged file than that its SHA-256 differs.
      List<NamedTensor> tensors = tensors(path, shapes);
      String sha256 = Sha256.of(path);
      if (!sha256.equals(expected.sha256())) {
        throw new MalformedFileException(
            path, "has SHA-256 " + sha256 + "; " + ConfigFile.NAME + " needs " + expected.sha256());
      }
      return tensors;
    } catch (MalformedFileException e) {
      throw e;
    } catch (IOException e) {
      throw new MalformedFileException(path, FileFault.reason(e), e);
    }
  }

  private static List<NamedTensor> tensors(Path path, TensorShapes shapes) throws IOException {
    try (SafetensorsFile file = SafetensorsFile.open(path)) {
      return tensors(path, file, shapes);
    }
  }

  /**
   * The tensors of a file that is open, whose header is compared with {@code shapes} first.
   *
   * @throws MalformedFileException if it has others, or one that is not finite
   */
  static List<NamedTensor> tensors(Path path, SafetensorsFile file, TensorShapes shapes)
      throws IOException {
    requireShapes(path, file, shapes);
    List<NamedTensor> tensors = new ArrayList<>();
    for (SafetensorsFile.Entry entry : file.entries().values()) {
      float[] values = file.readFloats(entry.name());
      requireFinite(path, entry.name(), values);
      List<Integer> shape = entry.shape().stream().map(Math::toIntExact).toList();
      tensors.add(new NamedTensor(entry.name(), shape, values));
    }
    return tensors;
  }

  private static void requireShapes(Path path, SafetensorsFile file, TensorShapes shapes)
      throws MalformedFileException {
    for (Map.Entry<String, List<Integer>> expected : shapes.byName().entrySet()) {
      SafetensorsFile.@Nullable Entry entry = file.entries().get(expected.getKey());
      if (entry == null) {
        throw new MalformedFileException(
            path, "has no tensor '" + expected.getKey() + "' " + expected.getValue());
      }
      if (!entry.shape().equals(expected.getValue().stream().map(Integer::longValue).toList())) {
        throw new MalformedFileException(
            path,
            "tensor '"
                + entry.name()
                + "' has shape "
                + entry.shape()
                + "; the model needs "
                + expected.getValue());
      }
    }
    for (String name : file.entries().keySet()) {
      if (!shapes.byName().containsKey(name)) {
        throw new MalformedFileException(path, "tensor '" + name + "' is none of the model's");
      }
    }
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

  /** Of a text, and the elements of all tensors, one after the other; in hexadecimal. */
  static String sha256(String text, List<Tensor> tensors) {
    MessageDigest digest = Sha256.digest();
    digest.update(text.getBytes(StandardCharsets.UTF_8));
    tensors.forEach(tensor -> digest.update(tensor.data().duplicate()));
    return Sha256.hex(digest);
  }
}
