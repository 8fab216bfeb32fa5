package dev.sequor.browser;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A picture that was put into a page.
 *
 * @param title its name begins with it
 * @param points how many each series has, by name, in order
 */
public record Drawn(String title, Map<String, Integer> points) {
  /** Keeps the order. */
  public Drawn {
    points = Collections.unmodifiableMap(new LinkedHashMap<>(points));
  }

  /** A picture without series. */
  public static Drawn of(String title) {
    return new Drawn(title, Map.of());
  }

  /** It has another series. */
  public Drawn with(String series, int count) {
    Map<String, Integer> more = new LinkedHashMap<>(points);
    more.put(series, count);
    return new Drawn(title, more);
  }
}
