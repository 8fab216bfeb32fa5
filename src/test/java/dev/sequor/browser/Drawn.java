package dev.sequor.browser;

import java.util.ArrayList;
import java.util.List;

/**
 * A picture that was put into a page.
 *
 * @param title what voices say begins with it
 * @param series what is drawn in it, in order
 */
public record Drawn(String title, List<Series> series) {
  /** A series and how many points it has. */
  public record Series(String name, int points) {}

  /** Copies the list. */
  public Drawn {
    series = List.copyOf(series);
  }

  /** A picture without series. */
  public static Drawn of(String title) {
    return new Drawn(title, List.of());
  }

  /** It has another series. */
  public Drawn with(String name, int points) {
    List<Series> more = new ArrayList<>(series);
    more.add(new Series(name, points));
    return new Drawn(title, more);
  }
}
