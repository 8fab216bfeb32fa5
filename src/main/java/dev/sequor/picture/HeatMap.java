package dev.sequor.picture;

import dev.sequor.backend.Required;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Numbers in rows and columns as colours, with what the colours mean below. A number that is NaN is
 * left blank.
 *
 * <pre>{@code
 * Svg picture = HeatMap.of("Gate activity", ColourScale.SEQUENTIAL, values)
 *     .rows("unit", names)
 *     .columns("time step", steps)
 *     .draw();
 * }</pre>
 */
public final class HeatMap {
  /** More cells than this are not seen apart, and would make a large file. */
  public static final int MOST_CELLS = 100_000;

  private final String title;
  private final ColourScale scale;
  private final double[][] values;
  private double width = Chart.WIDTH;
  private String rowsLabel = "";
  private String columnsLabel = "";
  private List<String> rows;
  private List<String> columns;
  private String unit = "";
  private double least = Double.NaN;
  private double most = Double.NaN;
  private boolean numbers;

  private HeatMap(String title, ColourScale scale, double[][] values) {
    this.title = title;
    this.scale = scale;
    this.values = values;
    this.rows = numbered(values.length);
    this.columns = numbered(values[0].length);
  }

  private static List<String> numbered(int count) {
    return Stream.iterate(0, i -> i + 1).limit(count).map(String::valueOf).toList();
  }

  /**
   * A map whose rows and columns are numbered from 0.
   *
   * @param values [rows][columns], copied; all rows as long
   * @throws IllegalArgumentException if there is no cell, rows are not as long as each other, there
   *     are more than {@link #MOST_CELLS}, or a number is infinite
   */
  public static HeatMap of(String title, ColourScale scale, double[][] values) {
    Required.present("title", title);
    Required.present("scale", scale);
    if (Required.present("values", values).length == 0 || values[0].length == 0) {
      throw new IllegalArgumentException("values has no cell; needed at least 1");
    }
    if ((long) values.length * values[0].length > MOST_CELLS) {
      throw new IllegalArgumentException(
          "values has "
              + values.length
              + " by "
              + values[0].length
              + " cells; needed at most "
              + MOST_CELLS);
    }
    double[][] copy = new double[values.length][];
    for (int i = 0; i < copy.length; i++) {
      if (values[i].length != values[0].length) {
        throw new IllegalArgumentException(
            "row " + i + " has " + values[i].length + " cells; needed " + values[0].length);
      }
      for (double value : values[i]) {
        if (Math.abs(value) > Axis.MOST_VALUE) {
          throw new IllegalArgumentException(
              "row " + i + " holds " + value + "; needed at most 10^300 in size");
        }
      }
      copy[i] = values[i].clone();
    }
    return new HeatMap(title, scale, copy);
  }

  /**
   * What rows are, and their names from the top down.
   *
   * @throws IllegalArgumentException if there are not as many names as rows
   */
  public HeatMap rows(String label, List<String> names) {
    rowsLabel = Required.present("label", label);
    rows = requireCount("rows", names, values.length);
    return this;
  }

  /**
   * What columns are, and their names from left to right.
   *
   * @throws IllegalArgumentException if there are not as many names as columns
   */
  public HeatMap columns(String label, List<String> names) {
    columnsLabel = Required.present("label", label);
    columns = requireCount("columns", names, values[0].length);
    return this;
  }

  private static List<String> requireCount(String what, List<String> names, int count) {
    List<String> copy = List.copyOf(Required.present(what, names));
    if (copy.size() != count) {
      throw new IllegalArgumentException(
          "there are " + copy.size() + " names of " + what + "; needed " + count);
    }
    return copy;
  }

  /** What the numbers are in; stands at the legend. */
  public HeatMap unit(String words) {
    unit = Required.present("words", words);
    return this;
  }

  /**
   * What the ends of the colours stand for; if not said, the least and the largest number, or for
   * {@link ColourScale#DIVERGING} the largest size on both sides of 0.
   *
   * @throws IllegalArgumentException if they do not rise
   */
  public HeatMap range(double least, double most) {
    if (!(least < most) || Math.abs(least) > Axis.MOST_VALUE || most > Axis.MOST_VALUE) {
      throw new IllegalArgumentException(
          "the range is " + least + " to " + most + "; needed two numbers that rise");
    }
    this.least = least;
    this.most = most;
    return this;
  }

  /** Writes its number into each cell, if all cells have room for theirs. */
  public HeatMap numbers() {
    numbers = true;
    return this;
  }

  /**
   * How wide it is, {@link Chart#WIDTH} if not said; the height follows.
   *
   * @throws IllegalArgumentException if that is less than 120
   */
  public HeatMap width(double units) {
    if (!(units >= 120)) {
      throw new IllegalArgumentException("width is " + units + "; needed at least 120");
    }
    width = units;
    return this;
  }

  /** The picture. */
  public Svg draw() {
    HeatMapDrawing.Plan plan =
        new HeatMapDrawing.Plan(
            title, scale, width, rowsLabel, columnsLabel, rows, columns, unit, ends(), numbers);
    return new HeatMapDrawing(plan, values).svg();
  }

  private Axis ends() {
    if (!Double.isNaN(least)) {
      return Axis.of(AxisScale.LINEAR, least, most, false);
    }
    List<Double> there = new ArrayList<>();
    for (double[] row : values) {
      for (double value : row) {
        if (!Double.isNaN(value)) {
          there.add(value);
        }
      }
    }
    double low = there.stream().min(Double::compare).orElse(0.0);
    double high = there.stream().max(Double::compare).orElse(1.0);
    if (scale == ColourScale.DIVERGING) {
      high = Math.max(Math.abs(low), Math.abs(high));
      low = -high;
    }
    return Axis.of(AxisScale.LINEAR, low, high, false);
  }
}
