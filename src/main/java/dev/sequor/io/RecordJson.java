package dev.sequor.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.backend.Required;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Records as JSON, bound field by field: nothing may be missing, unknown or of another type. NaN is
 * written as {@code "NaN"}.
 */
public final class RecordJson {
  private static final JsonMapper JSON =
      ConfigFile.builder().disable(SerializationFeature.INDENT_OUTPUT).build();

  private RecordJson() {}

  /**
   * A record in one line of JSON.
   *
   * @throws IllegalArgumentException if it holds what has no form in JSON
   */
  public static String write(Record record) {
    try {
      return JSON.writeValueAsString(Required.present("record", record));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "the record cannot be written as JSON: " + e.getOriginalMessage(), e);
    }
  }

  /**
   * Reads a record that has a component {@code version}.
   *
   * @param file where it is from, for messages
   * @param what the record is, for messages: {@code a model}
   * @param version that this program reads
   * @throws MalformedFileException naming what is not as needed
   */
  public static <T> T read(Path file, String what, String json, int version, Class<T> type)
      throws MalformedFileException {
    try {
      int found = JSON.readTree(json).path("version").asInt(-1);
      if (found != version) {
        throw new MalformedFileException(
            file,
            "has " + what + " of version " + found + "; this program reads version " + version);
      }
      @Nullable T record = JSON.readValue(json, type);
      if (record == null) {
        throw new MalformedFileException(file, "has null for " + what);
      }
      return record;
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(file, JsonFault.describe(e), e);
    }
  }

  /**
   * All that a record says, one entry for each field of it and of what it holds: {@code model stack
   * hidden size} is 128.
   *
   * @param name of the record, which names begin with; {@code ""} for none
   * @throws IllegalArgumentException if it holds what has no form in JSON
   */
  public static Map<String, String> settings(String name, Object record) {
    Map<String, String> settings = new LinkedHashMap<>();
    JsonNode tree = JSON.valueToTree(Required.present("record", record));
    flatten(Required.present("name", name), tree, settings);
    return settings;
  }

  private static void flatten(String name, JsonNode node, Map<String, String> settings) {
    if (node.isObject()) {
      node.properties()
          .forEach(
              field -> flatten(join(name, inWords(field.getKey())), field.getValue(), settings));
    } else if (node.isArray() && node.size() > 0 && node.get(0).isContainerNode()) {
      for (int i = 0; i < node.size(); i++) {
        flatten(join(name, String.valueOf(i + 1)), node.get(i), settings);
      }
    } else if (node.isArray()) {
      List<String> values = new ArrayList<>();
      node.forEach(value -> values.add(value.asText()));
      settings.put(name, String.join(", ", values));
    } else {
      settings.put(name, node.asText());
    }
  }

  private static String join(String name, String part) {
    return name.isEmpty() ? part : name + " " + part;
  }

  /** Of {@code hiddenSize}, say, {@code hidden size}. */
  private static String inWords(String field) {
    return field.replaceAll("(?<=[a-z0-9])(?=[A-Z])", " ").toLowerCase(Locale.ROOT);
  }
}
