package dev.sequor.io;

import com.fasterxml.jackson.annotation.JsonSetter;
import com.fasterxml.jackson.annotation.Nulls;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.data.FileFault;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** The bytes of {@code config.json}, from and to its records. */
final class ConfigFile {
  static final String NAME = "config.json";

  /**
   * All of Unicode as a vocabulary, a million words, a thousand layers and the longest curve take
   * less; bounds what a hostile file can cost.
   */
  static final int MAX_BYTES = 32_000_000;

  private static final JsonMapper JSON = builder().build();

  /** How records and JSON are bound. */
  static JsonMapper.Builder builder() {
    JsonMapper.Builder builder =
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
            // Half the length of a pair of escapes, and what the pair stands for.
            .enable(JsonWriteFeature.COMBINE_UNICODE_SURROGATES_IN_UTF8)
            .disable(SerializationFeature.FAIL_ON_EMPTY_BEANS)
            .defaultSetterInfo(JsonSetter.Value.construct(Nulls.FAIL, Nulls.FAIL));
    StoredTypes.addTo(builder);
    return builder;
  }

  private ConfigFile() {}

  /**
   * What is to be written.
   *
   * @throws IllegalArgumentException if it is longer than what {@link #parse} takes
   */
  static byte[] bytes(CheckpointConfig config) {
    byte[] json;
    try {
      json = JSON.writeValueAsBytes(config);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "the checkpoint cannot be written as JSON: " + e.getOriginalMessage(), e);
    }
    if (json.length > MAX_BYTES) {
      throw new IllegalArgumentException(
          NAME + " would have " + json.length + " bytes; needed at most " + MAX_BYTES);
    }
    return json;
  }

  /**
   * The bytes in {@code directory}.
   *
   * @throws MalformedFileException if there is no such file, or it is too long
   */
  static byte[] read(Path directory) throws IOException {
    Path file = directory.resolve(NAME);
    if (!Files.isRegularFile(file)) {
      throw new MalformedFileException(
          directory, "holds no checkpoint; needed a directory with a " + NAME);
    }
    try {
      long bytes = Files.size(file);
      if (bytes > MAX_BYTES) {
        throw new MalformedFileException(
            file, "has " + bytes + " bytes; needed at most " + MAX_BYTES);
      }
      return Files.readAllBytes(file);
    } catch (MalformedFileException e) {
      throw e;
    } catch (IOException e) {
      throw new MalformedFileException(file, FileFault.reason(e), e);
    }
  }

  /**
   * What a file says of its own form.
   *
   * @param version of the format
   * @param earlier whether it is of version 2 and has an {@link EarlierVocabulary}
   */
  private record Form(int version, boolean earlier) {}

  /**
   * The version that {@code json}, from {@code directory}, says it has.
   *
   * @throws MalformedFileException if it is no checkpoint, or of a version that is not known
   */
  static int version(Path directory, byte[] json) throws IOException {
    return form(directory, json).version();
  }

  private static Form form(Path directory, byte[] json) throws IOException {
    Path file = directory.resolve(NAME);
    try {
      return readForm(file, json);
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(file, JsonFault.describe(e), e);
    }
  }

  /** All that {@code json} says, of whatever version. */
  static CheckpointConfig whole(Path directory, byte[] json) throws IOException {
    Form form = form(directory, json);
    if (form.version == FirstVersion.VERSION) {
      return parse(directory, json, FirstVersion.Config.class).now();
    }
    return form.earlier
        ? parse(directory, json, EarlierVocabulary.Config.class).now()
        : parse(directory, json, CheckpointConfig.class);
  }

  /** What {@code json} says of the model alone, of whatever version. */
  static CheckpointConfig.ModelPart modelPart(Path directory, byte[] json) throws IOException {
    Form form = form(directory, json);
    if (form.version == FirstVersion.VERSION) {
      return parse(directory, json, FirstVersion.ModelPart.class).now();
    }
    return form.earlier
        ? parse(directory, json, EarlierVocabulary.ModelPart.class).now()
        : parse(directory, json, CheckpointConfig.ModelPart.class);
  }

  private static <T> T parse(Path directory, byte[] json, Class<T> type) throws IOException {
    Path file = directory.resolve(NAME);
    try {
      @Nullable T config = JSON.readValue(json, type);
      if (config == null) {
        throw new MalformedFileException(file, "is null; needed an object in braces");
      }
      return config;
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(file, JsonFault.describe(e), e);
    }
  }

  /** Before anything else is looked at: another version has every right to look different. */
  private static Form readForm(Path file, byte[] json) throws IOException {
    @Nullable String format = null;
    @Nullable String version = null;
    boolean vocabulary = false;
    boolean data = false;
    try (JsonParser parser = JSON.createParser(json)) {
      if (parser.nextToken() == JsonToken.START_OBJECT) {
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String field = parser.currentName();
          JsonToken value = parser.nextToken();
          if (field.equals("format") && value == JsonToken.VALUE_STRING) {
            format = parser.getText();
          } else if (field.equals("version") && value.isScalarValue()) {
            version = parser.getText();
          }
          vocabulary |= field.equals(EarlierVocabulary.FIELD);
          data |= field.equals("data");
          parser.skipChildren();
        }
      }
    }
    if (!CheckpointConfig.FORMAT.equals(format)) {
      throw new MalformedFileException(
          file, "is no checkpoint; needed \"format\": \"" + CheckpointConfig.FORMAT + "\"");
    }
    for (int readable : new int[] {FirstVersion.VERSION, CheckpointConfig.VERSION}) {
      if (String.valueOf(readable).equals(version)) {
        return new Form(readable, vocabulary && !data);
      }
    }
    throw new MalformedFileException(
        file,
        "has checkpoint version "
            + (version == null ? "unknown" : version)
            + "; this program reads versions "
            + FirstVersion.VERSION
            + " and "
            + CheckpointConfig.VERSION);
  }
}
