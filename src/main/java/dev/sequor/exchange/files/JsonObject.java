package dev.sequor.exchange.files;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.io.MalformedFileException;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * An object of a JSON that another library has written, whose form is not ours to say: what is
 * needed of it is asked for by name, and what is absent or of another type is refused by where it
 * stands.
 *
 * @param path the file
 * @param where the JSON's name in it, and the names and indices that lead here
 * @param node an object
 */
public record JsonObject(Path path, String where, JsonNode node) {
  /** A network of some thousand layers. */
  public static final int MOST_BYTES = 16_000_000;

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS) // Python writes NaN and Infinity
          .build();

  /**
   * Reads a whole JSON.
   *
   * @param name what it is called in {@code path}
   * @throws MalformedFileException if it is no JSON, or no object, or longer than {@link
   *     #MOST_BYTES}
   */
  public static JsonObject parse(Path path, String name, byte[] utf8) throws IOException {
    if (utf8.length > MOST_BYTES) {
      throw new MalformedFileException(
          path, name + " has " + utf8.length + " bytes; needed at most " + MOST_BYTES);
    }
    JsonNode root;
    try {
      root = JSON.readTree(utf8);
    } catch (JsonProcessingException e) {
      throw new MalformedFileException(path, name + " is no JSON: " + e.getOriginalMessage(), e);
    } catch (IOException e) { // bytes that are not UTF-8
      throw new MalformedFileException(path, name + " is no JSON: " + e.getMessage(), e);
    }
    if (root.isMissingNode()) {
      throw new MalformedFileException(path, name + " is empty; needed an object in braces");
    }
    return of(path, name, root);
  }

  private static JsonObject of(Path path, String where, JsonNode node)
      throws MalformedFileException {
    if (!node.isObject()) {
      throw refused(path, where, node, "an object in braces");
    }
    return new JsonObject(path, where, node);
  }

  private static MalformedFileException refused(
      Path path, String where, JsonNode node, String needed) {
    String is =
        node.isMissingNode()
            ? "missing"
            : node.isContainerNode()
                ? "of type " + node.getNodeType().name().toLowerCase(Locale.ROOT)
                : shortened(node.toString());
    return new MalformedFileException(path, where + " is " + is + "; needed " + needed);
  }

  private static String shortened(String text) {
    return text.length() <= 80 ? text : text.substring(0, 80) + "…";
  }

  private String whereIs(String name) {
    return where + (where.endsWith(".json") ? ": " : ".") + name;
  }

  /** That {@code needed} is not what {@code name} holds. */
  public MalformedFileException refused(String name, String needed) {
    return refused(path, whereIs(name), node.path(name), needed);
  }

  /** The names of its members, in their order. */
  public List<String> names() {
    return node.properties().stream().map(Map.Entry::getKey).toList();
  }

  /** Whether there is such a member, other than null. */
  public boolean has(String name) {
    return node.hasNonNull(name);
  }

  /**
   * A text.
   *
   * @throws MalformedFileException if it is none
   */
  public String text(String name) throws MalformedFileException {
    JsonNode value = node.path(name);
    if (!value.isTextual()) {
      throw refused(name, "a text");
    }
    return value.textValue();
  }

  /**
   * An integer of 32 bits.
   *
   * @throws MalformedFileException if it is none, or less than {@code least}
   */
  public int integer(String name, int least) throws MalformedFileException {
    JsonNode value = node.path(name);
    if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < least) {
      throw refused(name, "an integer of at least " + least);
    }
    return value.intValue();
  }

  /**
   * True or false.
   *
   * @throws MalformedFileException if it is neither
   */
  public boolean flag(String name) throws MalformedFileException {
    JsonNode value = node.path(name);
    if (!value.isBoolean()) {
      throw refused(name, "true or false");
    }
    return value.booleanValue();
  }

  /**
   * True or false.
   *
   * @param otherwise what it is if it is absent or null
   * @throws MalformedFileException if it is there and neither
   */
  public boolean flag(String name, boolean otherwise) throws MalformedFileException {
    return has(name) ? flag(name) : otherwise;
  }

  /**
   * A real number, finite.
   *
   * @throws MalformedFileException if it is none
   */
  public double number(String name) throws MalformedFileException {
    JsonNode value = node.path(name);
    if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
      throw refused(name, "a finite number");
    }
    return value.doubleValue();
  }

  /**
   * A real number, finite.
   *
   * @param otherwise what it is if it is absent or null
   * @throws MalformedFileException if it is there and none
   */
  public double number(String name, double otherwise) throws MalformedFileException {
    return has(name) ? number(name) : otherwise;
  }

  /**
   * An object.
   *
   * @throws MalformedFileException if it is none
   */
  public JsonObject object(String name) throws MalformedFileException {
    return of(path, whereIs(name), node.path(name));
  }

  /**
   * A list of objects.
   *
   * @throws MalformedFileException if it is none
   */
  public List<JsonObject> objects(String name) throws MalformedFileException {
    JsonNode list = node.path(name);
    if (!list.isArray()) {
      throw refused(name, "a list");
    }
    List<JsonObject> objects = new ArrayList<>(list.size());
    for (int i = 0; i < list.size(); i++) {
      objects.add(of(path, whereIs(name) + "[" + i + "]", list.get(i)));
    }
    return objects;
  }
}
