package dev.sequor.exchange;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Writes what {@code torch.save} writes of a dict of tensors, instruction by instruction. */
public final class TorchFiles {
  private final ByteArrayOutputStream code = new ByteArrayOutputStream();
  private final Map<String, byte[]> storages = new LinkedHashMap<>();

  private TorchFiles() {}

  /** The bytes of a pickle that holds float tensors. */
  static byte[] archive(Map<String, float[]> tensors, Map<String, long[]> shapes) {
    TorchFiles files = new TorchFiles();
    files.bytes(0x80, 2);
    files.global("collections", "OrderedDict");
    files.bytes(')', 'R', '(');
    for (Map.Entry<String, float[]> each : tensors.entrySet()) {
      files.text(each.getKey());
      files.tensor(each.getValue(), Objects.requireNonNull(shapes.get(each.getKey())));
    }
    files.bytes('u', '.');
    return zip(files.code.toByteArray(), files.storages);
  }

  /** A zip around a pickle, with storages. */
  static byte[] zip(byte[] pickle, Map<String, byte[]> storages) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      store(zip, "archive/data.pkl", pickle);
      store(zip, "archive/byteorder", "little".getBytes(StandardCharsets.US_ASCII));
      for (Map.Entry<String, byte[]> each : storages.entrySet()) {
        store(zip, "archive/data/" + each.getKey(), each.getValue());
      }
      store(zip, "archive/version", "3\n".getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void store(ZipOutputStream zip, String name, byte[] content) throws IOException {
    ZipEntry entry = new ZipEntry(name);
    entry.setMethod(ZipEntry.STORED);
    entry.setSize(content.length);
    CRC32 crc = new CRC32();
    crc.update(content);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }

  private void bytes(int... all) {
    for (int each : all) {
      code.write(each);
    }
  }

  private void text(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    code.write('X');
    code.writeBytes(
        ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(utf8.length).array());
    code.writeBytes(utf8);
  }

  private void integer(long value) {
    code.write('J');
    code.writeBytes(
        ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt((int) value).array());
  }

  private void global(String module, String name) {
    code.write('c');
    code.writeBytes((module + "\n" + name + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private void tensor(float[] values, long... shape) {
    String key = String.valueOf(storages.size());
    ByteBuffer bytes =
        ByteBuffer.allocate(values.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    storages.put(key, bytes.array());
    global("torch._utils", "_rebuild_tensor_v2");
    bytes('(', '(');
    text("storage");
    global("torch", "FloatStorage");
    text(key);
    text("cpu");
    integer(values.length);
    bytes('t', 'Q');
    integer(0);
    bytes('(');
    for (long size : shape) {
      integer(size);
    }
    bytes('t', '(');
    for (int axis = 0; axis < shape.length; axis++) {
      long stride = 1;
      for (int inner = axis + 1; inner < shape.length; inner++) {
        stride *= shape[inner];
      }
      integer(stride);
    }
    bytes('t', 0x89);
    global("collections", "OrderedDict");
    bytes(')', 'R', 't', 'R');
  }

  public static Path write(Path file, byte[] bytes) throws IOException {
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write(bytes);
    }
    return file;
  }

  static long[] shape(List<Integer> shape) {
    return shape.stream().mapToLong(Integer::longValue).toArray();
  }
}
