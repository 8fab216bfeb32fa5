package dev.sequor.data;

import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One series of a table as a {@link TableSpec} reads it: {@code n} rows of scaled inputs, and what
 * is to be predicted where that is known. The first rows train; the others are held out.
 */
public final class TableSeries {
  private final int number;
  private final String name;
  private final long[] lines;
  private final int trainingRows;
  private final float[] inputs;
  private final double @Nullable [] targets;
  private final int @Nullable [] classes;

  TableSeries(
      int number,
      String name,
      long[] lines,
      int trainingRows,
      float[] inputs,
      double @Nullable [] targets,
      int @Nullable [] classes) {
    this.number = number;
    this.name = name;
    this.lines = lines;
    this.trainingRows = trainingRows;
    this.inputs = inputs;
    this.targets = targets;
    this.classes = classes;
  }

  /**
   * Rows {@code from} to {@code to − 1} as a series of the same number and name; those of them that
   * train here train there.
   *
   * @throws IndexOutOfBoundsException if there are not as many
   * @throws IllegalArgumentException if there are none
   */
  public TableSeries part(int from, int to) {
    Objects.checkFromToIndex(from, to, rows());
    if (from == to) {
      throw new IllegalArgumentException("rows " + from + " to " + to + " are none; needed 1");
    }
    int width = inputWidth();
    return new TableSeries(
        number,
        name,
        Arrays.copyOfRange(lines, from, to),
        Math.min(Math.max(0, trainingRows - from), to - from),
        Arrays.copyOfRange(inputs, from * width, to * width),
        targets == null ? null : Arrays.copyOfRange(targets, from, to),
        classes == null ? null : Arrays.copyOfRange(classes, from, to));
  }

  /** 0 for the first of the table. */
  public int number() {
    return number;
  }

  /** What tells it apart from other series; empty if it is the only one. */
  public String name() {
    return name;
  }

  /** {@code n}, at least 1. */
  public int rows() {
    return lines.length;
  }

  /** How many of the rows train; those from here on are held out. */
  public int trainingRows() {
    return trainingRows;
  }

  /** The row after which the first forecast of what is held out is made: the last that trained. */
  public int firstForecast() {
    return trainingRows == rows() ? rows() : Math.max(0, trainingRows - 1);
  }

  /** The line of the file in which a row begins. */
  public long line(int row) {
    return lines[row];
  }

  /** Numbers in each row of inputs. */
  public int inputWidth() {
    return inputs.length / lines.length;
  }

  /**
   * The inputs of rows {@code first} to {@code first + rows − 1} into one sequence of a batch.
   *
   * @param to {@code [T,B,I]}
   * @param batch which sequence
   * @param batchSize {@code B}
   */
  public void inputs(int first, int rows, float[] to, int batch, int batchSize) {
    int width = inputWidth();
    for (int t = 0; t < rows; t++) {
      System.arraycopy(inputs, (first + t) * width, to, (t * batchSize + batch) * width, width);
    }
  }

  /** Whether it is known what is to be predicted. */
  public boolean hasTargets() {
    return targets != null || classes != null;
  }

  /**
   * The forecast column in a row, in the units of the table.
   *
   * @throws IllegalStateException if it is not known
   */
  public double target(int row) {
    if (targets == null) {
      throw new IllegalStateException("the series was read without the numbers to forecast");
    }
    return targets[row];
  }

  /**
   * The class of a row: the place of its label among {@link TableGoal.RowLabels#labels}.
   *
   * @throws IllegalStateException if it is not known
   */
  public int labelClass(int row) {
    if (classes == null) {
      throw new IllegalStateException("the series was read without labels");
    }
    return classes[row];
  }
}
