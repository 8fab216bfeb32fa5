package dev.sequor.data;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Training windows of a table: every one a batch of {@code B} sequences from zero states, drawn
 * from (seed, epoch, index) alone, whatever was drawn before.
 *
 * <p>For a forecast and for labels of rows each sequence is a run of {@code T} rows that lies in
 * the training part of one series, drawn with replacement from all there are; a series with fewer
 * such rows is one sequence, shorter. A row is of use if its targets are in the training part too:
 * of {@code n} training rows, the first {@code n − K} for a horizon {@code K}. An epoch has as many
 * windows as it takes to draw as many rows as there are.
 *
 * <p>For labels of whole series, each window has {@code B} series of the training part, padded to
 * the longest of them all; in an epoch each is in one window at most, and of {@code S} series
 * {@code S mod B}, others in each epoch, in none.
 */
public final class TableWindows implements WindowSource {
  private final TableSpec spec;
  private final TableSeries[] series;

  /** Of each series, how many sequences of the table begin before it; then how many in all. */
  private final long[] starts;

  private final int timeSteps;
  private final int batchSize;
  private final long seed;
  private final long windows;
  private final boolean padded;
  private final int unused;

  private int[] order = {};
  private long orderedEpoch = -1;

  /**
   * Over the training part of {@code table}.
   *
   * @param timeSteps {@code T}, the most: where no series has as many rows, the longest has; not
   *     looked at for labels of whole series
   * @param batchSize {@code B}; for labels of whole series at most as many as train
   * @param seed what the windows are drawn from
   * @throws IllegalArgumentException if a size is less than 1, the table does not fit {@code spec},
   *     or has nothing to learn from
   */
  public TableWindows(Table table, TableSpec spec, int timeSteps, int batchSize, long seed) {
    WindowShape.check(timeSteps, batchSize, null);
    this.spec = spec;
    this.seed = seed;
    List<TableSeries> all = spec.series(table);
    this.series = all.stream().filter(one -> usable(one) > 0).toArray(TableSeries[]::new);
    this.unused = (int) all.stream().filter(one -> one.trainingRows() > 0).count() - series.length;
    int longest = Arrays.stream(series).mapToInt(this::usable).max().orElse(0);
    if (longest == 0) {
      throw new IllegalArgumentException(
          table.source() + ": no series has rows to learn from; needed one with more");
    }
    if (spec.labelsWholeSeries()) {
      if (batchSize > series.length) {
        throw new IllegalArgumentException(
            "batchSize is "
                + batchSize
                + "; "
                + table.source()
                + " has "
                + series.length
                + " sequences to learn from, which need at most as many");
      }
      this.timeSteps = longest;
    } else {
      this.timeSteps = Math.min(timeSteps, longest);
    }
    this.batchSize = batchSize;
    WindowShape.check(this.timeSteps, batchSize, null);
    this.starts = new long[series.length + 1];
    long rows = 0;
    boolean shorter = false;
    for (int s = 0; s < series.length; s++) {
      int usable = usable(series[s]);
      rows += usable;
      shorter |= usable < this.timeSteps;
      starts[s + 1] = starts[s] + Math.max(1, usable - this.timeSteps + 1);
    }
    this.padded = shorter;
    long drawn = (long) this.timeSteps * batchSize;
    this.windows =
        spec.labelsWholeSeries() ? series.length / batchSize : (rows + drawn - 1) / drawn;
  }

  /** The first rows of a series that have all their targets in its training part. */
  private int usable(TableSeries one) {
    return spec.goal() instanceof TableGoal.Forecast forecast
        ? one.trainingRows() - forecast.horizon()
        : one.trainingRows();
  }

  /** {@code T}, the padded length of every window. */
  public int timeSteps() {
    return timeSteps;
  }

  /** The series that train, but are too short for a single target. */
  public int unusedSeries() {
    return unused;
  }

  @Override
  public long windowsPerEpoch() {
    return windows;
  }

  @Override
  public Window window(long epoch, long index) {
    WindowShape.requireIndex(windows, epoch, index);
    int width = spec.inputs().size();
    float[] inputs = new float[timeSteps * batchSize * width];
    int[] lengths = padded ? new int[batchSize] : null;
    Targets targets = new Targets();
    for (int b = 0; b < batchSize; b++) {
      long which = index * batchSize + b;
      TableSeries one;
      int first = 0;
      if (spec.labelsWholeSeries()) {
        one = series[order(epoch)[(int) which]];
      } else {
        long start = EpochOrder.drawn(seed, epoch, which, starts[series.length]);
        // Of equal ends of the searched array there are none: every series has a start.
        int found = Arrays.binarySearch(starts, start);
        int s = found >= 0 ? found : -found - 2;
        one = series[s];
        first = (int) (start - starts[s]);
      }
      int rows = Math.min(timeSteps, usable(one) - first);
      one.inputs(first, rows, inputs, b, batchSize);
      targets.take(one, first, rows, b);
      if (lengths != null) {
        lengths[b] = rows;
      }
    }
    return new SeriesWindow(
        timeSteps, batchSize, new Values.Reals(inputs), targets.values(), lengths, true);
  }

  /** The series in the order of an epoch, kept for its other windows. */
  private int[] order(long epoch) {
    if (orderedEpoch != epoch) {
      int[] shuffled = IntStream.range(0, series.length).toArray();
      EpochOrder.shuffle(shuffled, seed, epoch);
      order = shuffled;
      orderedEpoch = epoch;
    }
    return order;
  }

  /** The targets of a window, of whatever kind. */
  private final class Targets {
    private final float @Nullable [] numbers;
    private final int @Nullable [] classes;
    private final int outputs = spec.goal().outputs();

    Targets() {
      boolean forecast = spec.goal() instanceof TableGoal.Forecast;
      int rows = spec.labelsWholeSeries() ? batchSize : timeSteps * batchSize;
      numbers = forecast ? new float[Math.multiplyExact(rows, outputs)] : null;
      classes = forecast ? null : new int[rows];
    }

    void take(TableSeries one, int first, int rows, int b) {
      if (numbers != null && spec.goal() instanceof TableGoal.Forecast forecast) {
        for (int t = 0; t < rows; t++) {
          for (int k = 0; k < outputs; k++) {
            numbers[(t * batchSize + b) * outputs + k] =
                (float) forecast.target().scaled(one.target(first + t + 1 + k));
          }
        }
      } else if (classes != null && spec.labelsWholeSeries()) {
        classes[b] = one.labelClass(first);
      } else if (classes != null) {
        for (int t = 0; t < rows; t++) {
          classes[t * batchSize + b] = one.labelClass(first + t);
        }
      }
    }

    Values values() {
      return numbers != null
          ? new Values.Reals(numbers)
          : new Values.Tokens(classes == null ? new int[0] : classes);
    }
  }
}
