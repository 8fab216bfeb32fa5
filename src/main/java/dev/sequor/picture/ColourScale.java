package dev.sequor.picture;

/** Colours for numbers, equally far apart to the eye; the same on light and on dark pages. */
public enum ColourScale {
  /** From pale yellow at the least value to dark blue at the largest. */
  SEQUENTIAL,
  /** From blue by a pale grey at zero to red, as far on both sides. */
  DIVERGING;

  private static final int[] PALE_TO_DARK = {
    0xFFFBDC, 0xC4E3C5, 0x6EBDBB, 0x2B8AAE, 0x1F5390, 0x1B1F58
  };

  private static final int[] BLUE_TO_RED = {
    0x0B4A8C, 0x3B84BF, 0x99C2E0, 0xF2F2F2, 0xF2AE8C, 0xD15B45, 0x8C1420
  };

  private static final Rgb BLACK = Rgb.of(0x000000);
  private static final Rgb WHITE = Rgb.of(0xFFFFFF);

  /**
   * The colour at a part of the way.
   *
   * @param fraction 0…1; what lies outside has the colour of the nearer end
   */
  public Rgb at(double fraction) {
    int[] stops = this == SEQUENTIAL ? PALE_TO_DARK : BLUE_TO_RED;
    double place = Math.max(0, Math.min(1, fraction)) * (stops.length - 1);
    int below = Math.min((int) place, stops.length - 2);
    return Rgb.of(stops[below]).towards(Rgb.of(stops[below + 1]), place - below);
  }

  /** Black or white, whichever can be read on {@code colour}. */
  static Rgb readableOn(Rgb colour) {
    return BLACK.contrast(colour) >= WHITE.contrast(colour) ? BLACK : WHITE;
  }
}
