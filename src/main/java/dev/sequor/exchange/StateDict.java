package dev.sequor.exchange;

import dev.sequor.io.DurableFile;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.io.SafetensorsWriter;
import dev.sequor.io.Tensor;
import dev.sequor.io.TensorType;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Named tensors in a file, as PyTorch keeps the weights of a model: safetensors, or what {@code
 * torch.save(model.state_dict(), …)} writes. Opening reads what the file says of its tensors; each
 * is read when it is asked for. Tensors of nested dicts, as in the checkpoints of training scripts,
 * have names with dots, for example {@code model_state_dict.lstm.weight_ih_l0}.
 */
public final class StateDict implements AutoCloseable {
  private final Path path;
  private final TensorSource source;

  private StateDict(Path path, TensorSource source) {
    this.path = path;
    this.source = source;
  }

  /**
   * Opens a file of either kind, which its first bytes tell.
   *
   * @throws MalformedFileException if it is of neither kind, or not as it should be; names the file
   *     and what is wrong
   * @throws IOException if it cannot be read
   */
  public static StateDict open(Path path) throws IOException {
    return new StateDict(path, isSafetensors(path) ? safetensors(path) : TorchArchive.open(path));
  }

  /**
   * Whether a file begins as safetensors do: eight bytes of a length, and a brace.
   *
   * @throws IOException if it cannot be read
   */
  public static boolean isSafetensors(Path path) throws IOException {
    try (InputStream in = Files.newInputStream(path)) {
      byte[] begin = in.readNBytes(9);
      return begin.length == 9 && begin[8] == '{' && begin[6] == 0 && begin[7] == 0;
    }
  }

  private static TensorSource safetensors(Path path) throws IOException {
    SafetensorsFile file = SafetensorsFile.open(path);
    return new TensorSource() {
      @Override
      public List<String> names() {
        return List.copyOf(file.entries().keySet());
      }

      private SafetensorsFile.Entry entry(String name) throws IOException {
        SafetensorsFile.Entry entry = file.entries().get(name);
        if (entry == null) {
          throw new MalformedFileException(path, "has no tensor '" + name + "'");
        }
        return entry;
      }

      @Override
      public TensorType type(String name) throws IOException {
        return entry(name).type();
      }

      @Override
      public List<Long> shape(String name) throws IOException {
        return entry(name).shape();
      }

      @Override
      public ByteBuffer bytes(String name) throws IOException {
        return file.readBytes(name);
      }

      @Override
      public void close() throws IOException {
        file.close();
      }
    };
  }

  /**
   * Those tensors whose names begin with {@code prefix}, under names without it, for example {@code
   * "model_state_dict."} of a training script's checkpoint. It reads from this one, which is the
   * one to be closed.
   *
   * @throws MalformedFileException if there is none
   */
  public StateDict under(String prefix) throws IOException {
    List<String> names =
        names().stream()
            .filter(name -> name.startsWith(prefix))
            .map(name -> name.substring(prefix.length()))
            .toList();
    if (names.isEmpty()) {
      throw new MalformedFileException(path, "has no tensor '" + prefix + "…'; it has " + names());
    }
    TensorSource all = source;
    return new StateDict(
        path,
        new TensorSource() {
          @Override
          public List<String> names() {
            return names;
          }

          @Override
          public TensorType type(String name) throws IOException {
            return all.type(prefix + name);
          }

          @Override
          public List<Long> shape(String name) throws IOException {
            return all.shape(prefix + name);
          }

          @Override
          public ByteBuffer bytes(String name) throws IOException {
            return all.bytes(prefix + name);
          }

          @Override
          public void close() {
            // the other one's
          }
        });
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** The names of the tensors, in the order of the file. */
  public List<String> names() {
    return source.names();
  }

  /**
   * The element type of a tensor.
   *
   * @throws MalformedFileException if there is no such tensor
   */
  public TensorType type(String name) throws IOException {
    return source.type(name);
  }

  /**
   * The sizes of a tensor.
   *
   * @throws MalformedFileException if there is no such tensor
   */
  public List<Long> shape(String name) throws IOException {
    return source.shape(name);
  }

  /**
   * The elements of a tensor of F32, F16, BF16 or F64. The first three convert without a loss, the
   * last is rounded to the nearest.
   *
   * @throws MalformedFileException if there is no such tensor, or it is of another type
   */
  public float[] floats(String name) throws IOException {
    TensorType type = source.type(name);
    ByteBuffer bytes = source.bytes(name);
    if (!type.isReal()) {
      throw new MalformedFileException(
          path, "tensor '" + name + "' is " + type + "; needed F32, F16, BF16 or F64");
    }
    return type.floats(bytes);
  }

  /** A tensor with its sizes; otherwise as {@link #floats}. */
  public NamedTensor tensor(String name) throws IOException {
    List<Integer> shape;
    try {
      shape = shape(name).stream().map(Math::toIntExact).toList();
    } catch (ArithmeticException e) {
      throw new MalformedFileException(
          path, "tensor '" + name + "' has the sizes " + shape(name) + ", too large", e);
    }
    return new NamedTensor(name, shape, floats(name));
  }

  /**
   * Writes tensors to a safetensors file, which PyTorch's {@code safetensors.torch.load_file}
   * reads.
   *
   * @throws IllegalArgumentException if two have one name
   * @throws IOException if it cannot be written; what was there is intact then
   */
  public static void write(Path file, List<NamedTensor> tensors) throws IOException {
    List<Tensor> stored =
        tensors.stream()
            .map(
                tensor ->
                    Tensor.ofFloats(
                        tensor.name(),
                        tensor.values(),
                        tensor.shape().stream().mapToLong(Integer::longValue).toArray()))
            .toList();
    DurableFile.write(
        file, channel -> SafetensorsWriter.write(channel, Map.of("format", "pt"), stored));
  }

  /**
   * Writes all tensors to a safetensors file as they are, with their types: what a {@code .pt}
   * holds becomes a file that needs no pickle.
   *
   * @throws IOException if it cannot be written; what was there is intact then
   */
  public void copy(Path file) throws IOException {
    List<Tensor> all = new ArrayList<>();
    for (String name : names()) {
      all.add(new Tensor(name, type(name), shape(name), source.bytes(name)));
    }
    DurableFile.write(
        file, channel -> SafetensorsWriter.write(channel, Map.of("format", "pt"), all));
  }

  @Override
  public void close() throws IOException {
    source.close();
  }
}
