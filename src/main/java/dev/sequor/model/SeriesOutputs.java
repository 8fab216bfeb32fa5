package dev.sequor.model;

import dev.sequor.backend.Buffer;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.TableSeries;
import dev.sequor.data.TableSpec;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkState;
import dev.sequor.module.ValueShape;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What a model says of the rows of whole series, each from a zero state before its first row. All
 * windows have one shape, so that one pass does for them.
 */
final class SeriesOutputs {
  /** Series side by side, at most. */
  private static final int MOST_SERIES = 64;

  /** Rows of a window of a model that carries its state, at most. */
  private static final int MOST_STEPS = 256;

  /** Rows of all series of a window, unless a single series is longer. */
  private static final int MOST_ROWS = 1 << 16;

  /** Takes the outputs of a row, or of a whole series after its last row. */
  interface Sink {
    /**
     * The outputs stand in {@code outputs} from {@code at} on.
     *
     * @param row of the series; its last for outputs of whole series
     */
    void take(TableSeries series, int row, float[] outputs, int at);
  }

  private SeriesOutputs() {}

  /**
   * Refuses a model that does not fit.
   *
   * @param wholeSeries whether there is to be one output a series
   */
  static void requireFit(ModelSpec model, TableSpec spec, boolean wholeSeries) {
    List<Network.Input> inputs = model.network().inputs();
    if (inputs.size() != 1) {
      throw new IllegalArgumentException(
          "the model has " + inputs.size() + " inputs; one that reads a table needs 1");
    }
    ValueShape input = model.network().shapes().get(inputs.get(0).name());
    int columns = spec.inputs().size();
    if (!(input instanceof ValueShape.Sequence vectors) || vectors.width() != columns) {
      throw new IllegalArgumentException(
          "the model reads "
              + input
              + "; the table's "
              + columns
              + " input columns need vectors of width "
              + columns);
    }
    ValueShape output = model.outputShape();
    boolean oneEach = output instanceof ValueShape.Vector;
    if (oneEach != wholeSeries || output.width() != spec.goal().outputs()) {
      throw new IllegalArgumentException(
          "the model puts out "
              + output
              + "; needed "
              + spec.goal().outputs()
              + " numbers after every "
              + (wholeSeries ? "series" : "row")
              + " for column '"
              + spec.goal().targetName()
              + "'");
    }
  }

  /** Runs {@code model}, which fits, over {@code series}, in their order batch by batch. */
  static void run(SequenceModel model, List<TableSeries> series, boolean wholeSeries, Sink sink) {
    if (series.isEmpty()) {
      return;
    }
    int longest = series.stream().mapToInt(TableSeries::rows).max().orElseThrow();
    boolean inPieces = model.carriesState() && !wholeSeries;
    int timeSteps = inPieces ? Math.min(longest, MOST_STEPS) : longest;
    int batchSize =
        Math.min(series.size(), Math.max(1, Math.min(MOST_SERIES, MOST_ROWS / timeSteps)));
    try (NetworkState state = inPieces ? model.newState(batchSize) : null) {
      for (int first = 0; first < series.size(); first += batchSize) {
        List<TableSeries> some = series.subList(first, Math.min(series.size(), first + batchSize));
        if (state != null) {
          state.zero();
        }
        int rows = some.stream().mapToInt(TableSeries::rows).max().orElseThrow();
        for (int from = 0; from < rows; from += timeSteps) {
          run(model, some, wholeSeries, from, timeSteps, batchSize, state, sink);
        }
      }
    }
  }

  private static void run(
      SequenceModel model,
      List<TableSeries> series,
      boolean wholeSeries,
      int from,
      int timeSteps,
      int batchSize,
      @Nullable NetworkState state,
      Sink sink) {
    int width = series.get(0).inputWidth();
    float[] inputs = new float[Math.multiplyExact(timeSteps * batchSize, width)];
    int[] lengths = new int[batchSize];
    for (int b = 0; b < series.size(); b++) {
      lengths[b] = Math.max(0, Math.min(timeSteps, series.get(b).rows() - from));
      series.get(b).inputs(from, lengths[b], inputs, b, batchSize);
    }
    Values reals = new Values.Reals(inputs);
    Window window = new SeriesWindow(timeSteps, batchSize, reals, reals, lengths, true);
    Buffer out = model.forward(window, state);
    float[] outputs = out.readFloats();
    int outputSize = model.spec().outputShape().width();
    for (int b = 0; b < series.size(); b++) {
      TableSeries one = series.get(b);
      if (wholeSeries) {
        sink.take(one, one.rows() - 1, outputs, b * outputSize);
        continue;
      }
      for (int t = 0; t < lengths[b]; t++) {
        sink.take(one, from + t, outputs, (t * batchSize + b) * outputSize);
      }
    }
  }
}
