package dev.sequor.spark;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** {@code --name value} pairs of a command line; what is not asked for is refused by name. */
final class CommandOptions {
  private final Map<String, String> given = new LinkedHashMap<>();
  private final List<String> known = new ArrayList<>();

  /**
   * Those of a command line.
   *
   * @throws IllegalArgumentException naming the first that is no option, is twice there or has no
   *     value
   */
  CommandOptions(List<String> arguments) {
    for (int i = 0; i < arguments.size(); i += 2) {
      String name = arguments.get(i);
      if (!name.startsWith("--")) {
        throw new IllegalArgumentException("'" + name + "' is no option; needed --name value");
      }
      if (i + 1 == arguments.size()) {
        throw new IllegalArgumentException("option " + name + " has no value; needed one");
      }
      if (given.put(name, arguments.get(i + 1)) != null) {
        throw new IllegalArgumentException("option " + name + " is there twice; needed once");
      }
    }
  }

  @Nullable String text(String name) {
    known.add(name);
    return given.get(name);
  }

  String required(String name) {
    @Nullable String value = text(name);
    if (value == null) {
      throw new IllegalArgumentException("option " + name + " is missing; needed one");
    }
    return Required.present(name, value);
  }

  int whole(String name, int usual) {
    return parsed(name, usual, Integer::valueOf, "a whole number");
  }

  float real(String name, float usual) {
    return parsed(name, usual, Float::valueOf, "a number");
  }

  private <T> T parsed(String name, T usual, Function<String, T> parser, String needed) {
    @Nullable String value = text(name);
    if (value == null) {
      return usual;
    }
    try {
      return parser.apply(value);
    } catch (NumberFormatException e) {
      throw new IllegalArgumentException(
          "option " + name + " is '" + value + "'; needed " + needed, e);
    }
  }

  <E extends Enum<E>> E choice(String name, Class<E> type, E usual) {
    @Nullable String value = text(name);
    if (value == null) {
      return usual;
    }
    List<String> names = new ArrayList<>();
    for (E each : type.getEnumConstants()) {
      String own = each.name().toLowerCase(java.util.Locale.ROOT).replace('_', '-');
      if (own.equals(value)) {
        return each;
      }
      names.add(own);
    }
    throw new IllegalArgumentException(
        "option " + name + " is '" + value + "'; needed one of " + String.join(", ", names));
  }

  /** Refuses what nobody has asked for. */
  void requireAllKnown() {
    for (String name : given.keySet()) {
      if (!known.contains(name)) {
        throw new IllegalArgumentException(
            "there is no option " + name + "; there are " + String.join(", ", known));
      }
    }
  }
}
