package dev.sequor.backend;

import org.jspecify.annotations.Nullable;

/** What callers without a null checker may leave out, and must not. */
public final class Required {
  private Required() {}

  /**
   * The value itself.
   *
   * @param name of the argument, for the message
   * @throws IllegalArgumentException if it is missing
   */
  public static <T> T present(String name, @Nullable T value) {
    if (value == null) {
      throw new IllegalArgumentException(name + " is missing; needed one");
    }
    return value;
  }
}
