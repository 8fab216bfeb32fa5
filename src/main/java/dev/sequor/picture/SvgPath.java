package dev.sequor.picture;

/** The data of a path, point by point. */
final class SvgPath {
  private final StringBuilder data = new StringBuilder();

  SvgPath moveTo(double x, double y) {
    return append("M", x, y);
  }

  SvgPath lineTo(double x, double y) {
    return append("L", x, y);
  }

  /** A cubic Bézier curve. */
  SvgPath curveTo(double x1, double y1, double x2, double y2, double x, double y) {
    return append("C", x1, y1, x2, y2, x, y);
  }

  SvgPath close() {
    data.append('Z');
    return this;
  }

  private SvgPath append(String command, double... numbers) {
    data.append(command);
    for (int i = 0; i < numbers.length; i++) {
      data.append(i == 0 ? "" : " ").append(Numbers.plain("coordinate", numbers[i]));
    }
    return this;
  }

  SvgElement element() {
    return SvgElement.of("path").with("d", data.toString()).with("fill", "none");
  }
}
