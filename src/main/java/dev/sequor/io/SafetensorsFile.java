package dev.sequor.io;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * An open safetensors file. Opening reads and checks the header only; nothing in a file is trusted
 * or run, and names of tensors are never taken for paths.
 *
 * <p>Stricter than some readers where the format's description is strict: the header must start
 * with a brace, names must be unique, sizes must be plain integers, and the tensors must cover the
 * data exactly, without holes or overlaps.
 */
public final class SafetensorsFile implements AutoCloseable {
  static final String METADATA = "__metadata__";

  /**
   * Some 50,000 tensors. The format itself allows 100,000,000, but parsed such a header can take
   * ten times as much memory.
   */
  static final int MAX_HEADER_BYTES = 8_000_000;

  private static final int LENGTH_BYTES = 8;

  private final Path path;
  private final FileChannel channel;
  private final long dataStart;
  private final Map<String, String> metadata;
  private final Map<String, Entry> entries;

  /**
   * What the header says of one tensor.
   *
   * @param name its name
   * @param type its element type
   * @param shape its sizes; empty for a scalar
   * @param begin its first byte, counted from the start of the data
   * @param end the byte after its last
   */
  public record Entry(String name, TensorType type, List<Long> shape, long begin, long end) {

    /** The number of elements. */
    public long elements() {
      return (end - begin) / type.bytes();
    }
  }

  private SafetensorsFile(
      Path path, FileChannel channel, long dataStart, SafetensorsHeader header) {
    this.path = path;
    this.channel = channel;
    this.dataStart = dataStart;
    this.metadata = Collections.unmodifiableMap(header.metadata());
    this.entries = Collections.unmodifiableMap(header.entries());
  }

  /**
   * Opens a file and checks its header.
   *
   * @throws MalformedFileException if it is no well-formed safetensors file; says what is wrong
   * @throws IOException if it cannot be read
   */
  public static SafetensorsFile open(Path path) throws IOException {
    FileChannel channel = FileChannel.open(path, StandardOpenOption.READ);
    try {
      long size = channel.size();
      if (size < LENGTH_BYTES) {
        throw new MalformedFileException(
            path, "has " + size + " bytes; a safetensors file starts with an 8-byte header length");
      }
      long headerBytes = readFully(path, channel, 0, LENGTH_BYTES).getLong();
      if (headerBytes < 0 || headerBytes > MAX_HEADER_BYTES) {
        throw new MalformedFileException(
            path,
            "says its header has "
                + Long.toUnsignedString(headerBytes)
                + " bytes; this reader takes at most "
                + MAX_HEADER_BYTES);
      }
      long dataStart = LENGTH_BYTES + headerBytes;
      if (dataStart > size) {
        throw new MalformedFileException(
            path,
            "says its header has "
                + headerBytes
                + " bytes, but only "
                + (size - LENGTH_BYTES)
                + " follow; the file is truncated or no safetensors file");
      }
      byte[] header = readFully(path, channel, LENGTH_BYTES, (int) headerBytes).array();
      return new SafetensorsFile(
          path, channel, dataStart, SafetensorsHeader.parse(path, header, size - dataStart));
    } catch (IOException | RuntimeException | Error e) {
      channel.close();
      throw e;
    }
  }

  private static ByteBuffer readFully(Path path, FileChannel channel, long position, int bytes)
      throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    while (buffer.hasRemaining()) {
      if (channel.read(buffer, position + buffer.position()) < 0) {
        throw new MalformedFileException(path, "ended while it was being read");
      }
    }
    return buffer.flip();
  }

  /** The file. */
  public Path path() {
    return path;
  }

  /** Free text by name; often empty. */
  public Map<String, String> metadata() {
    return metadata;
  }

  /** The tensors by name, in the order of the header. */
  public Map<String, Entry> entries() {
    return entries;
  }

  private Entry entry(String name) throws MalformedFileException {
    Entry entry = entries.get(name);
    if (entry == null) {
      throw new MalformedFileException(
          path, "has no tensor '" + name + "'; it has " + String.join(", ", entries.keySet()));
    }
    return entry;
  }

  /**
   * The elements of any tensor as they are, little-endian.
   *
   * @throws MalformedFileException if there is no such tensor or it has 2 GiB or more
   */
  public ByteBuffer readBytes(String name) throws IOException {
    Entry entry = entry(name);
    long bytes = entry.end() - entry.begin();
    if (bytes > Integer.MAX_VALUE - 16) {
      throw new MalformedFileException(
          path, "tensor '" + name + "' has " + bytes + " bytes; this reader takes up to 2 GiB");
    }
    return readFully(path, channel, dataStart + entry.begin(), (int) bytes);
  }

  /**
   * Any tensor, as it is.
   *
   * @throws MalformedFileException if there is no such tensor or it has 2 GiB or more
   */
  public Tensor read(String name) throws IOException {
    Entry entry = entry(name);
    return new Tensor(name, entry.type(), entry.shape(), readBytes(name));
  }

  /**
   * All tensors of a file, in its order.
   *
   * @throws MalformedFileException if it is no such file, or a tensor has 2 GiB or more
   */
  public static List<Tensor> readAll(Path path) throws IOException {
    List<Tensor> tensors = new ArrayList<>();
    try (SafetensorsFile file = open(path)) {
      for (String name : file.entries().keySet()) {
        tensors.add(file.read(name));
      }
    }
    return tensors;
  }

  /**
   * The elements of an F32, F16 or BF16 tensor; all conversions are exact.
   *
   * @throws MalformedFileException if there is no such tensor or its type is another
   */
  public float[] readFloats(String name) throws IOException {
    Entry entry = entry(name);
    if (!entry.type().isReal() || entry.type() == TensorType.F64) {
      throw new MalformedFileException(
          path, "tensor '" + name + "' is " + entry.type() + "; needed F32, F16 or BF16");
    }
    return entry.type().floats(readBytes(name));
  }

  /** IEEE 754 binary16 to binary32. */
  public static float halfToFloat(short half) {
    int sign = (half & 0x8000) << 16;
    int exponent = (half >>> 10) & 0x1F;
    int mantissa = half & 0x3FF;
    if (exponent == 0x1F) {
      return Float.intBitsToFloat(sign | 0x7F800000 | mantissa << 13);
    }
    if (exponent == 0) {
      float magnitude = mantissa * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    return Float.intBitsToFloat(sign | (exponent + 112) << 23 | mantissa << 13);
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
