package dev.sequor.picture;

/** What stands where a point is, so that series are told apart without colours. */
public enum Marker {
  /** Nothing; for lines of many points. */
  NONE,
  /** A circle. */
  CIRCLE,
  /** A square. */
  SQUARE,
  /** A triangle. */
  TRIANGLE,
  /** A diamond. */
  DIAMOND;

  /** The marker of the series with this number from 0; they come round again. */
  public static Marker series(int number) {
    return values()[1 + Math.floorMod(number, values().length - 1)];
  }

  /** The mark around a place; nothing to see for {@link #NONE}. */
  SvgElement at(double x, double y, Ink ink) {
    SvgElement mark =
        switch (this) {
          case NONE -> circle(x, y, 5);
          case CIRCLE -> circle(x, y, 4);
          case SQUARE -> SvgElement.rect(x - 3.6, y - 3.6, 7.2, 7.2);
          case TRIANGLE ->
              new SvgPath()
                  .moveTo(x, y - 5)
                  .lineTo(x + 4.8, y + 3.6)
                  .lineTo(x - 4.8, y + 3.6)
                  .close()
                  .element();
          case DIAMOND ->
              new SvgPath()
                  .moveTo(x, y - 5)
                  .lineTo(x + 5, y)
                  .lineTo(x, y + 5)
                  .lineTo(x - 5, y)
                  .close()
                  .element();
        };
    // What is seen of a NONE is its title, under the pointer.
    return this == NONE
        ? mark.with("fill", "none").with("pointer-events", "all")
        : mark.fill(ink).stroke(Ink.PAGE).with("stroke-width", 1);
  }

  private static SvgElement circle(double x, double y, double radius) {
    return SvgElement.of("circle").with("cx", x).with("cy", y).with("r", radius);
  }
}
