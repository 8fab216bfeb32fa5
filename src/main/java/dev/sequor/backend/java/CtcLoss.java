package dev.sequor.backend.java;

import dev.sequor.backend.CtcShape;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The loss of sequences of labels without alignment; twin of {@code native/include/sequor/ctc.h},
 * where the equations stand, with all logarithms in double precision.
 */
final class CtcLoss {
  private final ThreadTeam team;

  CtcLoss(ThreadTeam team) {
    this.team = team;
  }

  void run(
      CtcShape shape,
      JavaMemory outputs,
      JavaMemory labels,
      JavaMemory labelLengths,
      @Nullable JavaMemory lengths,
      float scale,
      @Nullable JavaMemory dOutputs,
      JavaMemory workspace,
      JavaMemory result) {
    Batch batch = new Batch(shape, outputs, labels, labelLengths, lengths, workspace);
    int rows = shape.timeSteps() * shape.batchSize();
    team.run(
        thread -> {
          int end = team.share(rows, thread + 1);
          for (int row = team.share(rows, thread); row < end; row++) {
            if (batch.countsAt(row)) {
              batch.total(row);
            }
          }
          team.barrier();
          for (int b = thread; b < shape.batchSize(); b += team.size()) {
            if (batch.steps(b) > 0) {
              batch.sequence(b, dOutputs != null);
            }
          }
          if (dOutputs == null) {
            return;
          }
          team.barrier();
          for (int row = team.share(rows, thread); row < end; row++) {
            int at = dOutputs.offset() + row * shape.outputSize();
            if (batch.countsAt(row)) {
              batch.gradient(row, scale, dOutputs.floats(), at);
            } else {
              Arrays.fill(dOutputs.floats(), at, at + shape.outputSize(), 0f);
            }
          }
        });
    double sum = 0;
    int count = 0;
    for (int b = 0; b < shape.batchSize(); b++) {
      if (batch.steps(b) > 0) {
        sum -= batch.load(batch.likelihoods + b, shape.batchSize());
        count++;
      }
    }
    result.floats()[result.offset()] = (float) sum;
    result.floats()[result.offset() + 1] = count;
  }

  /** A call's arguments, and where things lie in the workspace. */
  private static final class Batch {
    private final CtcShape shape;
    private final int batchSize;
    private final int width;
    private final JavaMemory outputs;
    private final JavaMemory labels;
    private final JavaMemory labelLengths;
    private final @Nullable JavaMemory lengths;
    private final float[] work;

    /** From a symbol's step to the next. */
    private final int stride;

    /** {@code [B,T,2S+1]} twice: of {@code log α} the nearest float, and the rest. */
    private final int alphas;

    /** {@code [B,2,2S+1]} twice: {@code log g} of the steps t and t+1. */
    private final int gs;

    /** {@code [B]} twice: {@code log P}. */
    final int likelihoods;

    /** {@code [T,B]}: the largest output, then the logarithm of the sum of the powers. */
    private final int tops;

    Batch(
        CtcShape shape,
        JavaMemory outputs,
        JavaMemory labels,
        JavaMemory labelLengths,
        @Nullable JavaMemory lengths,
        JavaMemory workspace) {
      this.shape = shape;
      this.batchSize = shape.batchSize();
      this.width = shape.outputSize();
      this.outputs = outputs;
      this.labels = labels;
      this.labelLengths = labelLengths;
      this.lengths = lengths;
      this.work = workspace.floats();
      this.stride = 2 * shape.mostLabels() + 1;
      this.alphas = workspace.offset();
      this.gs = alphas + 2 * batchSize * shape.timeSteps() * stride;
      this.likelihoods = gs + 4 * batchSize * stride;
      this.tops = likelihoods + 2 * batchSize;
    }

    /** The steps of sequence {@code b}; 0 if it does not count. */
    int steps(int b) {
      if (labelLengths.ints()[labelLengths.offset() + b] < 0) {
        return 0;
      }
      return lengths == null ? shape.timeSteps() : lengths.ints()[lengths.offset() + b];
    }

    boolean countsAt(int row) {
      return row / batchSize < steps(row % batchSize);
    }

    void total(int row) {
      float[] a = outputs.floats();
      int at = outputs.offset() + row * width;
      float top = Float.NEGATIVE_INFINITY;
      for (int j = 0; j < width; j++) {
        top = Math.max(top, a[at + j]);
      }
      double total = 0;
      for (int j = 0; j < width; j++) {
        total += Math.exp(a[at + j] - top);
      }
      work[tops + row] = top;
      work[tops + batchSize * shape.timeSteps() + row] = (float) Math.log(total);
    }

    private int symbols(int b) {
      return 2 * labelLengths.ints()[labelLengths.offset() + b] + 1;
    }

    private int symbol(int b, int s) {
      return (s & 1) == 0
          ? shape.blank()
          : labels.ints()[labels.offset() + (s >> 1) * batchSize + b];
    }

    /** Whether a path may move from symbol s−2 to s. */
    private boolean skipsTo(int b, int s) {
      return (s & 1) == 1 && s > 1 && symbol(b, s) != symbol(b, s - 2);
    }

    private double logP(int b, int t, int s) {
      int row = t * batchSize + b;
      return (double) outputs.floats()[outputs.offset() + row * width + symbol(b, s)]
          - work[tops + row]
          - work[tops + batchSize * shape.timeSteps() + row];
    }

    private void store(double x, int at, int rest) {
      work[at] = (float) x;
      double missing = x - work[at];
      work[at + rest] = Double.isNaN(missing) ? 0f : (float) missing;
    }

    double load(int at, int rest) {
      return (double) work[at] + work[at + rest];
    }

    private static double logSum(double a, double b, double c) {
      double top = Math.max(a, Math.max(b, c));
      if (!(top > Double.NEGATIVE_INFINITY)) {
        return top; // nothing, or NaN
      }
      return top + Math.log(Math.exp(a - top) + Math.exp(b - top) + Math.exp(c - top));
    }

    void sequence(int b, boolean backward) {
      int steps = steps(b);
      int symbols = symbols(b);
      int from = alphas + b * shape.timeSteps() * stride;
      int rest = batchSize * shape.timeSteps() * stride;
      for (int t = 0; t < steps; t++) {
        int now = from + t * stride;
        int last = now - stride;
        for (int s = 0; s < symbols; s++) {
          double before = s < 2 ? 0 : Double.NEGATIVE_INFINITY;
          if (t > 0) {
            before =
                logSum(
                    load(last + s, rest),
                    s > 0 ? load(last + s - 1, rest) : Double.NEGATIVE_INFINITY,
                    skipsTo(b, s) ? load(last + s - 2, rest) : Double.NEGATIVE_INFINITY);
          }
          store(before + logP(b, t, s), now + s, rest);
        }
      }
      int end = from + (steps - 1) * stride + symbols - 1;
      double likelihood =
          logSum(
              load(end, rest),
              symbols > 1 ? load(end - 1, rest) : Double.NEGATIVE_INFINITY,
              Double.NEGATIVE_INFINITY);
      store(likelihood, likelihoods + b, batchSize);
      for (int t = steps - 1; backward && t >= 0; t--) {
        backward(b, t, likelihood, from + t * stride, rest);
      }
    }

    private void backward(int b, int t, double likelihood, int alpha, int alphaRest) {
      int symbols = symbols(b);
      int rest = 2 * batchSize * stride;
      int g = gs + (2 * b + (t & 1)) * stride;
      int next = gs + (2 * b + (t + 1 & 1)) * stride;
      boolean last = t == steps(b) - 1;
      for (int s = 0; s < symbols; s++) {
        double after = s >= symbols - 2 ? 0 : Double.NEGATIVE_INFINITY;
        if (!last) {
          boolean skips = s + 2 < symbols && skipsTo(b, s + 2);
          after =
              logSum(
                  load(next + s, rest),
                  s + 1 < symbols ? load(next + s + 1, rest) : Double.NEGATIVE_INFINITY,
                  skips ? load(next + s + 2, rest) : Double.NEGATIVE_INFINITY);
        }
        store(after + logP(b, t, s), g + s, rest);
        work[alpha + s] = (float) Math.exp(load(alpha + s, alphaRest) + after - likelihood);
      }
    }

    void gradient(int row, float scale, float[] d, int at) {
      int b = row % batchSize;
      float[] a = outputs.floats();
      int from = outputs.offset() + row * width;
      float top = work[tops + row];
      double factor = scale * Math.exp(-work[tops + batchSize * shape.timeSteps() + row]);
      for (int j = 0; j < width; j++) {
        d[at + j] = (float) (Math.exp(a[from + j] - top) * factor);
      }
      int shares = alphas + (b * shape.timeSteps() + row / batchSize) * stride;
      int symbols = symbols(b);
      double blanks = 0;
      for (int s = 0; s < symbols; s += 2) {
        blanks += work[shares + s];
      }
      d[at + shape.blank()] -= scale * (float) blanks;
      for (int s = 1; s < symbols; s += 2) {
        d[at + symbol(b, s)] -= scale * work[shares + s];
      }
    }
  }
}
