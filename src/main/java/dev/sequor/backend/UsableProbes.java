package dev.sequor.backend;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * The probes of one kind of device that found it usable, by what was set; for all instances of its
 * provider, as a service loader makes one each time. Failures are not kept: settings may be
 * corrected, and memory may become free.
 */
public final class UsableProbes {
  /** Few programs open backends that are set in more ways. */
  private static final int MOST = 16;

  private final Map<List<String>, Availability> usable =
      new LinkedHashMap<>(MOST, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<List<String>, Availability> eldest) {
          return size() > MOST;
        }
      };

  /** None yet. */
  public UsableProbes() {}

  /** What an earlier probe with such settings found, or else what {@code probe} finds now. */
  public synchronized Availability of(
      BackendSettings settings, Function<BackendSettings, Availability> probe) {
    List<String> set = settings.inEffect();
    Availability known = usable.get(set);
    if (known != null) {
      return known;
    }
    Availability found = probe.apply(settings);
    if (found.usable()) {
      usable.put(set, found);
    }
    return found;
  }
}
