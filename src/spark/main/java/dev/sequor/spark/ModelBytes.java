package dev.sequor.spark;

import dev.sequor.backend.Sha256;
import dev.sequor.io.TrainedModel;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;

/** A model in the form of its file, as it travels to executors and lies in a pipeline. */
final class ModelBytes {
  private static final String FILE = "model.safetensors";

  private ModelBytes() {}

  static byte[] of(TrainedModel model) {
    try (TemporaryFolder folder = new TemporaryFolder()) {
      Path file = folder.path().resolve(FILE);
      model.save(file);
      return Files.readAllBytes(file);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * The model.
   *
   * @throws IllegalArgumentException if this version of the library does not read it, or it is
   *     damaged; says what is wrong
   */
  static TrainedModel read(byte[] bytes) {
    try (TemporaryFolder folder = new TemporaryFolder()) {
      Path file = folder.path().resolve(FILE);
      Files.write(file, bytes);
      try {
        return TrainedModel.load(file);
      } catch (IOException e) {
        // Where it lay for the moment of reading is nobody's concern, in the cause neither.
        throw new IllegalArgumentException(
            String.valueOf(e.getMessage()).replace(file.toString(), "the model"));
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static String sha256(byte[] bytes) {
    MessageDigest digest = Sha256.digest();
    digest.update(bytes);
    return Sha256.hex(digest);
  }
}
