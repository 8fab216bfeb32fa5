package dev.sequor.exchange.keras;

import java.util.HashMap;
import java.util.Map;

/**
 * Which inputs have one time axis. Keras does not say so; that their sequences are added, for
 * example, does. Each time two more are found to have one, the translation begins anew.
 */
final class SharedAxes {
  /** That two inputs have one time axis. */
  @SuppressWarnings("serial") // never serialised
  static final class Found extends RuntimeException {
    private final String one;
    private final String other;

    Found(String one, String other) {
      super("'" + one + "' and '" + other + "' have one time axis", null, false, false);
      this.one = one;
      this.other = other;
    }
  }

  private final Map<String, String> groups = new HashMap<>();

  /** The same for inputs whose axis is one. */
  String group(String input) {
    return groups.getOrDefault(input, input);
  }

  void join(Found found) {
    String to = group(found.one);
    String from = group(found.other);
    groups.replaceAll((input, group) -> group.equals(from) ? to : group);
    groups.put(from, to);
    groups.put(found.other, to);
  }
}
