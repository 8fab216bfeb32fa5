package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;

/**
 * A chart with two axes: lines, points with bars, steps. Lines have their names at their ends, or
 * where there are too many, in a legend.
 *
 * <pre>{@code
 * Svg picture = Chart.of("The loss falls")
 *     .x("training step", AxisScale.INTEGER)
 *     .y("nats a character", AxisScale.LINEAR)
 *     .add(Series.line("training", 0, points))
 *     .draw();
 * }</pre>
 */
public final class Chart {
  /** As wide as fits any phone with letters that can be read. */
  public static final double WIDTH = 340;

  /** Seven to five. */
  public static final double HEIGHT = 245;

  private static final double WIDTH_ALONE = 560;
  private static final double HEIGHT_ALONE = 300;

  /** With less there may be no room beside names and numbers. */
  private static final double LEAST_WIDTH = 240;

  private static final double LEAST_HEIGHT = 160;

  private final String title;
  private double width = WIDTH;
  private double height = HEIGHT;
  private String xLabel = "";
  private String yLabel = "";
  private AxisScale xScale = AxisScale.LINEAR;
  private AxisScale yScale = AxisScale.LINEAR;
  private final List<Double> shown = new ArrayList<>();
  private final List<Series> series = new ArrayList<>();
  private String description = "";
  private String watermark = "";
  private boolean legend;

  private Chart(String title) {
    this.title = title;
  }

  /** An empty chart; its title stands above it. */
  public static Chart of(String title) {
    return new Chart(Required.present("title", title));
  }

  /**
   * How large it is; {@link #WIDTH} and {@link #HEIGHT} if not said. Letters keep their size, 12 to
   * 15 units, and a legend comes on top of the height.
   *
   * @throws IllegalArgumentException if it is less than 240 by 160
   */
  public Chart size(double width, double height) {
    if (!(width >= LEAST_WIDTH && height >= LEAST_HEIGHT)) {
      throw new IllegalArgumentException(
          "the chart's size is " + width + " by " + height + "; needed at least 240 by 160");
    }
    this.width = width;
    this.height = height;
    return this;
  }

  /** As large as is well for a picture without a page around it: 560 by 300. */
  public Chart alone() {
    return size(WIDTH_ALONE, HEIGHT_ALONE);
  }

  /** What the horizontal axis shows, with its unit. */
  public Chart x(String label, AxisScale scale) {
    xLabel = Required.present("label", label);
    xScale = Required.present("scale", scale);
    return this;
  }

  /** What the vertical axis shows, with its unit. */
  public Chart y(String label, AxisScale scale) {
    yLabel = Required.present("label", label);
    yScale = Required.present("scale", scale);
    return this;
  }

  /** A value that the horizontal axis has room for, whatever the points are, for example 0. */
  public Chart showing(double x) {
    shown.add(Series.Point.of(x, 0).x());
    return this;
  }

  /** Draws a series over those there are. */
  public Chart add(Series one) {
    series.add(Required.present("one", one));
    return this;
  }

  /**
   * What those hear who do not see it; if not said, how many points each series has and its ends.
   */
  public Chart description(String words) {
    description = Required.present("words", words);
    return this;
  }

  /** Words across the whole picture that nobody overlooks. */
  public Chart watermark(String words) {
    watermark = Required.present("words", words);
    return this;
  }

  /** Names all series in a legend below, even where there is room at their ends. */
  public Chart legend() {
    legend = true;
    return this;
  }

  /**
   * The picture. Without any point it says that there is none.
   *
   * @throws IllegalArgumentException if a value on a logarithmic axis is not above 0; names the
   *     series and the value
   */
  public Svg draw() {
    requirePositive();
    return new ChartDrawing(
            new ChartDrawing.Plan(
                title,
                width,
                height,
                xLabel,
                yLabel,
                xAxis(),
                yAxis(),
                List.copyOf(series),
                description,
                watermark,
                legend))
        .svg();
  }

  private void requirePositive() {
    for (Series each : series) {
      for (Series.Point point : each.present()) {
        requirePositive(each, "x", xScale, point.x());
        requirePositive(each, "y", yScale, Math.min(point.y(), point.least()));
      }
    }
  }

  private static void requirePositive(Series of, String name, AxisScale scale, double value) {
    if (scale == AxisScale.LOGARITHMIC && !(value > 0)) {
      throw new IllegalArgumentException(
          "series '"
              + of.name()
              + "' has a point whose "
              + name
              + " is "
              + value
              + "; needed more than 0 on a logarithmic axis");
    }
  }

  private Axis xAxis() {
    List<Double> values = new ArrayList<>(shown);
    series.forEach(each -> each.present().forEach(point -> values.add(point.x())));
    boolean hasMarksAlone = series.stream().anyMatch(each -> each.kind() == Series.Kind.POINTS);
    return around(xScale, values, hasMarksAlone || xScale == AxisScale.LOGARITHMIC);
  }

  private Axis yAxis() {
    List<Double> values = new ArrayList<>();
    for (Series each : series) {
      for (Series.Point point : each.present()) {
        values.add(point.least());
        values.add(point.largest());
      }
      if (each.kind() == Series.Kind.STEPS && yScale != AxisScale.LOGARITHMIC) {
        values.add(0.0); // What is filled reaches down to it.
      }
    }
    return around(yScale, values, true);
  }

  private static Axis around(AxisScale scale, List<Double> values, boolean hasRoom) {
    double least = values.stream().mapToDouble(Double::doubleValue).min().orElse(1);
    double most = values.stream().mapToDouble(Double::doubleValue).max().orElse(1);
    return Axis.of(scale, least, most, hasRoom);
  }
}
