package dev.sequor.exchange;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.BooleanNode;
import com.fasterxml.jackson.databind.node.ContainerNode;
import com.fasterxml.jackson.databind.node.DoubleNode;
import com.fasterxml.jackson.databind.node.LongNode;
import com.fasterxml.jackson.databind.node.NullNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Texts that still are JSON, but say something else: of some of their members, whatever they are,
 * other values, none, or elements twice, in another order or missing.
 */
final class MutatedJson {
  private static final JsonMapper MAPPER = new JsonMapper();

  /** Sizes and axes that something may go wrong with. */
  private static final long[] INTEGERS = {
    0,
    1,
    2,
    3,
    5,
    16,
    -1,
    -2,
    1 << 16,
    1 << 20,
    (1 << 24) + 1,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    1L << 32,
    Long.MAX_VALUE,
    Long.MIN_VALUE
  };

  private static final double[] REALS = {0, 0.5, -1, 1.5, 1e-30, 1e30, 1e300};

  private final JsonNode good;
  private final SplittableRandom random;

  /** All values that the text has, and names of members as texts. */
  private final List<JsonNode> values = new ArrayList<>();

  MutatedJson(byte[] good, SplittableRandom random) throws IOException {
    this.good = MAPPER.readTree(good);
    this.random = random;
    for (ContainerNode<?> each : containers(this.good)) {
      each.forEach(values::add);
      each.fieldNames().forEachRemaining(name -> values.add(TextNode.valueOf(name)));
    }
  }

  /** The next one. */
  byte[] next() {
    JsonNode root = good.deepCopy();
    int changes = 1 + random.nextInt(3);
    for (int i = 0; i < changes; i++) {
      List<ContainerNode<?>> all = containers(root);
      ContainerNode<?> one = all.get(random.nextInt(all.size()));
      if (one instanceof ObjectNode object) {
        change(object);
      } else {
        change((ArrayNode) one);
      }
    }
    try {
      return MAPPER.writeValueAsBytes(root);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static List<ContainerNode<?>> containers(JsonNode root) {
    List<ContainerNode<?>> all = new ArrayList<>(List.of((ContainerNode<?>) root));
    for (int next = 0; next < all.size(); next++) {
      for (JsonNode child : all.get(next)) {
        if (child instanceof ContainerNode<?> container) {
          all.add(container);
        }
      }
    }
    return all;
  }

  private void change(ObjectNode object) {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    if (names.isEmpty()) {
      return;
    }
    String name = names.get(random.nextInt(names.size()));
    switch (random.nextInt(6)) {
      case 0 -> object.remove(name);
      case 1 -> object.set(name, object.get(names.get(random.nextInt(names.size()))).deepCopy());
      default -> object.set(name, value(object.get(name)));
    }
  }

  private void change(ArrayNode array) {
    if (array.isEmpty()) {
      array.add(value(NullNode.getInstance()));
      return;
    }
    int at = random.nextInt(array.size());
    JsonNode one = array.get(at);
    switch (random.nextInt(5)) {
      case 0 -> array.remove(at);
      case 1 -> array.add(one.deepCopy());
      case 2 -> {
        int other = random.nextInt(array.size());
        array.set(at, array.get(other));
        array.set(other, one);
      }
      default -> array.set(at, value(one));
    }
  }

  /** Another value, mostly one of the same kind. */
  private JsonNode value(JsonNode old) {
    switch (random.nextInt(8)) {
      case 0 -> {
        return NullNode.getInstance();
      }
      case 1, 2 -> {
        return values.get(random.nextInt(values.size())).deepCopy();
      }
      default -> {
        if (old.isBoolean()) {
          return BooleanNode.valueOf(!old.booleanValue());
        } else if (old.isTextual()) {
          List<JsonNode> texts = values.stream().filter(JsonNode::isTextual).toList();
          return texts.get(random.nextInt(texts.size()));
        } else if (old.isIntegralNumber() && random.nextInt(3) == 0) {
          return LongNode.valueOf(old.longValue() + random.nextInt(-2, 3));
        }
        return random.nextInt(4) == 0
            ? DoubleNode.valueOf(REALS[random.nextInt(REALS.length)])
            : LongNode.valueOf(INTEGERS[random.nextInt(INTEGERS.length)]);
      }
    }
  }
}
