package dev.sequor.task;

import dev.sequor.backend.Required;
import java.util.List;

/**
 * How good a model is at a task, on examples that training never yields.
 *
 * @param figures what it is judged by, the one that counts most first; at least one
 */
public record Score(List<Figure> figures) {
  /**
   * Copies the list.
   *
   * @throws IllegalArgumentException if it is empty
   */
  public Score {
    figures = List.copyOf(Required.present("figures", figures));
    if (figures.isEmpty()) {
      throw new IllegalArgumentException("figures is empty; needed at least 1");
    }
  }

  static Score of(Figure... figures) {
    return new Score(List.of(figures));
  }

  /** The figure that counts most. */
  public Figure main() {
    return figures.get(0);
  }

  /** Whether all of them are as good as they are to be. */
  public boolean reached() {
    return figures.stream().allMatch(Figure::reached);
  }
}
