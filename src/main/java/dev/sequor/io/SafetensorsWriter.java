package dev.sequor.io;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes the safetensors format: the length of the header (8 bytes, little-endian), the header
 * (JSON), the tensors' elements back to back. The same tensors give the same bytes.
 */
public final class SafetensorsWriter {
  private static final int ALIGNMENT = 8;
  private static final ObjectMapper JSON = new ObjectMapper();

  private SafetensorsWriter() {}

  /**
   * Writes a whole file. The header is padded with spaces so that the data starts at a multiple of
   * 8 bytes.
   *
   * @param metadata free text by name; left out if empty
   * @param tensors in the order in which their data is to lie in the file
   * @throws IllegalArgumentException if two tensors have the same name or one has the reserved name
   *     {@code __metadata__}, or the header gets longer than readers take
   */
  public static void write(
      WritableByteChannel out, Map<String, String> metadata, List<Tensor> tensors)
      throws IOException {
    byte[] header = header(metadata, tensors);
    ByteBuffer length = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    length.putLong(header.length).flip();
    writeFully(out, length);
    writeFully(out, ByteBuffer.wrap(header));
    for (Tensor tensor : tensors) {
      writeFully(out, tensor.data().duplicate());
    }
  }

  private static byte[] header(Map<String, String> metadata, List<Tensor> tensors)
      throws IOException {
    ObjectNode root = JSON.createObjectNode();
    if (!metadata.isEmpty()) {
      ObjectNode texts = root.putObject(SafetensorsFile.METADATA);
      new TreeMap<>(metadata).forEach(texts::put);
    }
    long end = 0;
    for (Tensor tensor : tensors) {
      if (tensor.name().equals(SafetensorsFile.METADATA) || root.has(tensor.name())) {
        throw new IllegalArgumentException(
            "tensor name '" + tensor.name() + "' is taken; needed a name of its own");
      }
      ObjectNode info = root.putObject(tensor.name());
      info.put("dtype", tensor.type().name());
      ArrayNode shape = info.putArray("shape");
      tensor.shape().forEach(shape::add);
      ArrayNode offsets = info.putArray("data_offsets");
      offsets.add(end);
      end += tensor.data().remaining();
      offsets.add(end);
    }
    byte[] json = JSON.writeValueAsBytes(root);
    if (json.length > SafetensorsFile.MAX_HEADER_BYTES - ALIGNMENT) {
      throw new IllegalArgumentException(
          "the header of "
              + tensors.size()
              + " tensors has "
              + json.length
              + " bytes; needed at most "
              + (SafetensorsFile.MAX_HEADER_BYTES - ALIGNMENT));
    }
    int padded = (json.length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    byte[] header = Arrays.copyOf(json, padded);
    Arrays.fill(header, json.length, padded, (byte) ' ');
    return header;
  }

  private static void writeFully(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
