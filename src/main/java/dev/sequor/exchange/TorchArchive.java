package dev.sequor.exchange;

import dev.sequor.exchange.Pickle.Storage;
import dev.sequor.exchange.Pickle.View;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TensorType;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipException;
import java.util.zip.ZipFile;
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

  private static final byte[] ZIP = {'P', 'K'};

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
  private final ZipFile zip;
  private final String folder;
  private final Map<String, ZipEntry> members = new HashMap<>();
  private final Map<String, View> tensors = new LinkedHashMap<>();

  private TorchArchive(Path path, ZipFile zip) throws IOException {
    this.path = path;
    this.zip = zip;
    this.folder = list();
    Object root = Pickle.read(path, bytes(member("data.pkl"), MOST_PICKLE_BYTES));
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
    requireZip(path);
    ZipFile zip;
    try {
      zip = new ZipFile(path.toFile());
    } catch (ZipException | EOFException | IllegalArgumentException e) {
      throw new MalformedFileException(path, "is no whole zip: " + e.getMessage(), e);
    }
    try {
      return new TorchArchive(path, zip);
    } catch (ZipException | EOFException | IllegalArgumentException e) {
      zip.close();
      throw new MalformedFileException(path, "is no whole zip: " + e.getMessage(), e);
    } catch (IOException | RuntimeException | Error e) {
      zip.close();
      throw e;
    }
  }

  private static void requireZip(Path path) throws IOException {
    byte[] begin;
    try (InputStream in = Files.newInputStream(path)) {
      begin = in.readNBytes(ZIP.length);
    }
    if (begin.length < ZIP.length) {
      throw new MalformedFileException(path, "has " + begin.length + " bytes; needed a zip");
    }
    if (begin[0] != ZIP[0] || begin[1] != ZIP[1]) {
      throw new MalformedFileException(
          path,
          "is no zip; a file of PyTorch before 1.6 is to be loaded and saved anew by a newer one");
    }
  }

  /** Takes note of the members; returns the folder that all are in. */
  private String list() throws IOException {
    Set<String> seen = new HashSet<>();
    @Nullable String common = null;
    for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
      ZipEntry entry = all.nextElement();
      String name = entry.getName();
      if (!seen.add(name)) {
        throw new MalformedFileException(path, "has two members '" + name + "'");
      }
      int slash = name.indexOf('/');
      if (slash > 0 && name.endsWith("/data.pkl") && name.indexOf('/', slash + 1) < 0) {
        common = name.substring(0, slash + 1);
      }
    }
    if (common == null) {
      throw new MalformedFileException(path, "has no member 'NAME/data.pkl'; it has " + seen);
    }
    for (Enumeration<? extends ZipEntry> all = zip.entries(); all.hasMoreElements(); ) {
      ZipEntry entry = all.nextElement();
      if (entry.getName().startsWith(common)) {
        members.put(entry.getName().substring(common.length()), entry);
      }
    }
    return common;
  }

  private ZipEntry member(String name) throws MalformedFileException {
    ZipEntry entry = members.get(name);
    if (entry == null) {
      throw new MalformedFileException(path, "has no member '" + folder + name + "'");
    }
    if (entry.getMethod() != ZipEntry.STORED) {
      throw new MalformedFileException(
          path,
          "its member '" + folder + name + "' is compressed; PyTorch stores them as they are");
    }
    return entry;
  }

  private byte[] bytes(ZipEntry entry, long most) throws IOException {
    long size = entry.getSize();
    if (size < 0 || size > most || size > Files.size(path)) {
      throw new MalformedFileException(
          path,
          "its member '" + entry.getName() + "' has " + size + " bytes; needed at most " + most);
    }
    byte[] bytes;
    try (InputStream in = zip.getInputStream(entry)) {
      bytes = in.readNBytes((int) size);
    } catch (IOException | IllegalArgumentException e) { // the end of the file, among others
      throw new MalformedFileException(
          path, "its member '" + entry.getName() + "' cannot be read: " + e.getMessage(), e);
    }
    CRC32 crc = new CRC32();
    crc.update(bytes);
    if (bytes.length != size || crc.getValue() != entry.getCrc()) {
      throw new MalformedFileException(
          path, "its member '" + entry.getName() + "' is damaged: its CRC-32 is another");
    }
    return bytes;
  }

  private void requireLittleEndian() throws IOException {
    if (members.containsKey("byteorder")) {
      String order = new String(bytes(member("byteorder"), 16), StandardCharsets.US_ASCII).strip();
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
    ZipEntry entry = member("data/" + storage.key());
    if (view.shape().size() != view.strides().size()) {
      throw new MalformedFileException(
          path,
          "tensor '" + name + "' has the sizes " + view.shape() + " and strides " + view.strides());
    }
    try {
      long bytes = Math.multiplyExact(storage.elements(), (long) type.bytes());
      if (bytes != entry.getSize()) {
        throw new MalformedFileException(
            path,
            "member '"
                + entry.getName()
                + "' has "
                + entry.getSize()
                + " bytes; tensor '"
                + name
                + "' needs "
                + bytes);
      }
      long elements = 1;
      long last = view.offset();
      for (int axis = 0; axis < view.shape().size(); axis++) {
        long size = view.shape().get(axis);
        elements = Math.multiplyExact(elements, size);
        last =
            Math.addExact(
                last, Math.multiplyExact(Math.max(0, size - 1), (long) view.strides().get(axis)));
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
        ByteBuffer.wrap(bytes(member("data/" + view.storage().key()), Integer.MAX_VALUE - 16))
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
