package dev.sequor.exchange;

import dev.sequor.exchange.Pickle.Storage;
import dev.sequor.exchange.Pickle.View;
import dev.sequor.exchange.files.ZipMembers;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A file of {@code torch.save} (PyTorch 1.6 and newer): a zip whose members are stored as they are,
 * {@code NAME/data.pkl}, which says what there is, and {@code NAME/data/KEY} with the numbers of a
 * storage.
 */
final class TorchArchive implements TensorSource {
  /** A pickle of some 100,000 tensors. */
  private static final int MOST_PICKLE_BYTES = 64_000_000;

  /** Dicts in dicts: more than any checkpoint has, and none that contains itself. */
  private static final int MOST_DEPTH = 16;

  private static final Map<String, TensorType> TYPES =
      Map.of(
          "FloatStorage", TensorType.F32,
          "DoubleStorage", TensorType.F64,
          "HalfStorage", TensorType.F16,
          "BFloat16Storage", TensorType.BF16,
          "LongStorage", TensorType.I64,
          "IntStorage", TensorType.I32,
          "ShortStorage", TensorType.I16,
          "CharStorage", TensorType.I8,
          "ByteStorage", TensorType.U8,
          "BoolStorage", TensorType.BOOL);

  private final Path path;
  private final ZipMembers zip;
  private final String folder;
  private final Map<String, View> tensors = new LinkedHashMap<>();

  private TorchArchive(Path path, ZipMembers zip) throws IOException {
    this.path = path;
    this.zip = zip;
    this.folder = folder();
    Object root = Pickle.read(path, bytes("data.pkl", MOST_PICKLE_BYTES));
    requireLittleEndian();
    collect("", root, 0);
    if (tensors.isEmpty()) {
      throw new MalformedFileException(path, "holds no tensor; needed a state dict");
    }
  }

  /**
   * Opens a file, and reads what it says of its tensors; none is read.
   *
   * @throws MalformedFileException if it is no such file, or anything in it is not as it should be
   * @throws IOException if it cannot be read
   */
  static TorchArchive open(Path path) throws IOException {
    if (!ZipMembers.isZip(path)) {
      throw new MalformedFileException(
          path,
          "is no zip; a file of PyTorch before 1.6 is to be loaded and saved anew by a newer one");
    }
    ZipMembers zip = ZipMembers.open(path);
    try {
      return new TorchArchive(path, zip);
    } catch (IOException | RuntimeException | Error e) {
      zip.close();
      throw e;
    }
  }

  /** The folder that all members are in. */
  private String folder() throws IOException {
    @Nullable String common = null;
    for (String name : zip.names()) {
      int slash = name.indexOf('/');
      if (slash > 0 && name.endsWith("/data.pkl") && name.indexOf('/', slash + 1) < 0) {
        common = name.substring(0, slash + 1);
      }
    }
    if (common == null) {
      throw new MalformedFileException(
          path, "has no member 'NAME/data.pkl'; it has " + zip.names());
    }
    return common;
  }

  /** The whole name of a member, which must be there. */
  private String member(String name) throws MalformedFileException {
    String whole = folder + name;
    if (!zip.isStored(whole)) {
      throw new MalformedFileException(
          path, "its member '" + whole + "' is compressed; PyTorch stores them as they are");
    }
    return whole;
  }

  private byte[] bytes(String name, long most) throws IOException {
    return zip.bytes(member(name), most);
  }

  private void requireLittleEndian() throws IOException {
    if (zip.names().contains(folder + "byteorder")) {
      String order = new String(bytes("byteorder", 16), StandardCharsets.US_ASCII).strip();
      if (!order.equals("little")) {
        throw new MalformedFileException(
            path, "was written on a machine with byte order '" + order + "'; needed little");
      }
    }
  }

  /** Puts the tensors in dicts, and in dicts and lists in them, under their names with dots. */
  private void collect(String name, Object value, int depth) throws MalformedFileException {
    if (depth > MOST_DEPTH) {
      throw new MalformedFileException(
          path, "'" + name + "' is nested deeper than " + MOST_DEPTH + " dicts");
    }
    if (value instanceof View view) {
      if (name.isEmpty()) {
        throw new MalformedFileException(
            path, "holds a tensor without a name; needed a state dict");
      }
      requireWithin(name, view);
      tensors.put(name, view);
    } else if (value instanceof Map<?, ?> dict) {
      for (Map.Entry<?, ?> item : dict.entrySet()) {
        collect(joined(name, String.valueOf(item.getKey())), item.getValue(), depth + 1);
      }
    } else if (value instanceof List<?> list) {
      for (int i = 0; i < list.size(); i++) {
        collect(joined(name, String.valueOf(i)), list.get(i), depth + 1);
      }
    }
  }

  private static String joined(String prefix, String name) {
    return prefix.isEmpty() ? name : prefix + "." + name;
  }

  private void requireWithin(String name, View view) throws MalformedFileException {
    Storage storage = view.storage();
    TensorType type = TYPES.get(storage.type());
    if (type == null) {
      throw new MalformedFileException(
          path, "tensor '" + name + "' is of a " + storage.type() + "; needed " + TYPES.keySet());
    }
    String member = member("data/" + storage.key());
    long size = zip.size(member);
    if (view.shape().size() != view.strides().size()) {
      throw new MalformedFileException(
          path,
          "tensor '" + name + "' has the sizes " + view.shape() + " and strides " + view.strides());
    }
    try {
      long bytes = Math.multiplyExact(storage.elements(), (long) type.bytes());
      if (bytes != size) {
        throw new MalformedFileException(
            path,
            "member '" + member + "' has " + size + " bytes; tensor '" + name + "' needs " + bytes);
      }
      long elements = 1;
      long last = view.offset();
      for (int axis = 0; axis < view.shape().size(); axis++) {
        long along = view.shape().get(axis);
        elements = Math.multiplyExact(elements, along);
        last =
            Math.addExact(
                last, Math.multiplyExact(Math.max(0, along - 1), (long) view.strides().get(axis)));
      }
      // A view that repeats its storage could be of any size.
      if (elements > storage.elements() || (elements > 0 && last >= storage.elements())) {
        throw new MalformedFileException(
            path,
            "tensor '"
                + name
                + "' with sizes "
                + view.shape()
                + ", strides "
                + view.strides()
                + " and offset "
                + view.offset()
                + " is not within its storage of "
                + storage.elements());
      }
    } catch (ArithmeticException e) {
      throw new MalformedFileException(
          path, "tensor '" + name + "' has sizes out of any range: " + view.shape(), e);
    }
  }

  @Override
  public List<String> names() {
    return List.copyOf(tensors.keySet());
  }

  private View view(String name) throws MalformedFileException {
    View view = tensors.get(name);
    if (view == null) {
      throw new MalformedFileException(path, "has no tensor '" + name + "'");
    }
    return view;
  }

  @Override
  public List<Long> shape(String name) throws MalformedFileException {
    return view(name).shape();
  }

  @Override
  public TensorType type(String name) throws MalformedFileException {
    return Objects.requireNonNull(TYPES.get(view(name).storage().type()));
  }

  /** Whatever the strides are. */
  @Override
  public ByteBuffer bytes(String name) throws IOException {
    View view = view(name);
    int width = type(name).bytes();
    ByteBuffer storage =
        ByteBuffer.wrap(bytes("data/" + view.storage().key(), Integer.MAX_VALUE - 16))
            .order(ByteOrder.LITTLE_ENDIAN);
    long elements = view.shape().stream().reduce(1L, (a, b) -> a * b);
    ByteBuffer to =
        ByteBuffer.allocate(Math.toIntExact(elements * width)).order(ByteOrder.LITTLE_ENDIAN);
    long[] index = new long[view.shape().size()];
    for (long i = 0; i < elements; i++) {
      long at = view.offset();
      for (int axis = 0; axis < index.length; axis++) {
        at += index[axis] * view.strides().get(axis);
      }
      to.put(storage.slice((int) at * width, width));
      for (int axis = index.length - 1; axis >= 0; axis--) {
        if (++index[axis] < view.shape().get(axis)) {
          break;
        }
        index[axis] = 0;
      }
    }
    return to.flip();
  }

  @Override
  public void close() throws IOException {
    zip.close();
  }
}
