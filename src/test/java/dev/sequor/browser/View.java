package dev.sequor.browser;

/**
 * What a page is shown on.
 *
 * @param width in CSS pixels
 * @param height in CSS pixels
 * @param dark whether the reader wants dark pages
 * @param paper whether it is printed
 */
public record View(int width, int height, boolean dark, boolean paper) {
  /** A screen. */
  public static final View DESKTOP = new View(1100, 800, false, false);

  /** A screen of a reader who wants dark pages. */
  public static final View DARK = new View(1100, 800, true, false);

  /** A small phone. */
  public static final View PHONE = new View(360, 740, false, false);

  /** Paper of a reader who wants dark screens. */
  public static final View PAPER = new View(794, 1123, true, true);

  /** As high as a page is, so that all of it is in sight. */
  View height(int pixels) {
    return new View(width, Math.max(1, pixels), dark, paper);
  }
}
