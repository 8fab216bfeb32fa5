package dev.sequor.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.Reader;
import java.math.BigInteger;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The header of a safetensors file, parsed as a stream: {@code {"name": {"dtype": "F32", "shape":
 * [2, 3], "data_offsets": [0, 24]}, …}}, and {@code "__metadata__"} with free text.
 */
final class SafetensorsHeader {
  private static final JsonFactory JSON =
      JsonFactory.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  private final Path path;
  private final JsonParser parser;
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final Map<String, SafetensorsFile.Entry> entries = new LinkedHashMap<>();

  private SafetensorsHeader(Path path, JsonParser parser) {
    this.path = path;
    this.parser = parser;
  }

  /**
   * Parses and checks a whole header.
   *
   * @param dataBytes the bytes that follow the header
   * @throws MalformedFileException if anything is wrong with it
   */
  static SafetensorsHeader parse(Path path, byte[] bytes, long dataBytes) throws IOException {
    if (bytes.length == 0 || bytes[0] != '{') {
      throw new MalformedFileException(path, "header does not start with '{'");
    }
    // Decoded as it is parsed, but not by the parser, which would also accept UTF-16.
    Reader text =
        new InputStreamReader(new ByteArrayInputStream(bytes), StandardCharsets.UTF_8.newDecoder());
    try (JsonParser parser = JSON.createParser(text)) {
      SafetensorsHeader header = new SafetensorsHeader(path, parser);
      header.parse();
      header.checkCoverage(dataBytes);
      return header;
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(path, "header: " + JsonFault.syntax(e), e);
    } catch (CharacterCodingException e) {
      throw new MalformedFileException(path, "header is not UTF-8", e);
    }
  }

  Map<String, String> metadata() {
    return metadata;
  }

  Map<String, SafetensorsFile.Entry> entries() {
    return entries;
  }

  private MalformedFileException malformed(String problem) {
    return new MalformedFileException(path, "header: " + problem);
  }

  private void parse() throws IOException {
    parser.nextToken();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      JsonToken start = parser.nextToken();
      if (start != JsonToken.START_OBJECT) {
        throw malformed("'" + name + "' is " + start + "; needed an object");
      }
      if (name.equals(SafetensorsFile.METADATA)) {
        parseMetadata();
      } else {
        entries.put(name, parseEntry(name));
      }
    }
    if (parser.nextToken() != null) {
      throw malformed("goes on after its end");
    }
  }

  private void parseMetadata() throws IOException {
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      if (parser.nextToken() != JsonToken.VALUE_STRING) {
        throw malformed(SafetensorsFile.METADATA + " '" + name + "' is no string");
      }
      metadata.put(name, parser.getText());
    }
  }

  private SafetensorsFile.Entry parseEntry(String name) throws IOException {
    TensorType type = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String key = parser.currentName();
      parser.nextToken();
      switch (key) {
        case "dtype" -> type = parseType(name);
        case "shape" -> shape = parseIntegers(name, key);
        case "data_offsets" -> offsets = parseIntegers(name, key);
        default -> throw malformed("tensor '" + name + "' has the unknown key '" + key + "'");
      }
    }
    return checkedEntry(
        name,
        required(name, "dtype", type),
        required(name, "shape", shape),
        required(name, "data_offsets", offsets));
  }

  private <T> T required(String name, String key, @Nullable T value) throws IOException {
    if (value == null) {
      throw malformed("tensor '" + name + "' has no " + key);
    }
    return value;
  }

  private TensorType parseType(String name) throws IOException {
    if (parser.currentToken() == JsonToken.VALUE_STRING) {
      for (TensorType type : TensorType.values()) {
        if (type.name().equals(parser.getText())) {
          return type;
        }
      }
    }
    throw malformed("tensor '" + name + "' has the unknown dtype " + parser.getText());
  }

  private List<Long> parseIntegers(String name, String key) throws IOException {
    if (parser.currentToken() != JsonToken.START_ARRAY) {
      throw malformed("tensor '" + name + "': " + key + " is no array");
    }
    List<Long> values = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      if (parser.currentToken() != JsonToken.VALUE_NUMBER_INT
          || parser.getNumberType() == JsonParser.NumberType.BIG_INTEGER
          || parser.getLongValue() < 0) {
        throw malformed(
            "tensor '"
                + name
                + "': "
                + key
                + " has "
                + parser.getText()
                + "; needed integers from 0 to 2^63 - 1");
      }
      values.add(parser.getLongValue());
    }
    return values;
  }

  private SafetensorsFile.Entry checkedEntry(
      String name, TensorType type, List<Long> shape, List<Long> offsets) throws IOException {
    if (offsets.size() != 2 || offsets.get(0) > offsets.get(1)) {
      throw malformed("tensor '" + name + "': data_offsets is " + offsets + "; needed begin, end");
    }
    BigInteger bytes = BigInteger.valueOf(type.bytes());
    for (long size : shape) {
      bytes = bytes.multiply(BigInteger.valueOf(size));
    }
    long begin = offsets.get(0);
    long end = offsets.get(1);
    if (!bytes.equals(BigInteger.valueOf(end - begin))) {
      throw malformed(
          "tensor '"
              + name
              + "' has "
              + (end - begin)
              + " bytes; "
              + type
              + " "
              + shape
              + " needs "
              + bytes);
    }
    return new SafetensorsFile.Entry(name, type, List.copyOf(shape), begin, end);
  }

  /** Every byte of the data belongs to exactly one tensor. */
  private void checkCoverage(long dataBytes) throws IOException {
    List<SafetensorsFile.Entry> sorted = new ArrayList<>(entries.values());
    sorted.sort(
        Comparator.comparingLong(SafetensorsFile.Entry::begin)
            .thenComparingLong(SafetensorsFile.Entry::end));
    long covered = 0;
    for (SafetensorsFile.Entry entry : sorted) {
      if (entry.begin() != covered) {
        throw malformed(
            "tensor '"
                + entry.name()
                + "' begins at byte "
                + entry.begin()
                + (entry.begin() < covered
                    ? ", inside another; needed "
                    : ", after a hole; needed ")
                + covered);
      }
      covered = entry.end();
    }
    if (covered != dataBytes) {
      throw malformed(
          "its tensors need "
              + covered
              + " bytes of data, but "
              + dataBytes
              + " follow; the file is "
              + (covered > dataBytes ? "truncated" : "too long"));
    }
  }
}
