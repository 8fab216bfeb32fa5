package dev.sequor.cli;

import dev.sequor.io.TrainingRun.Curve;
import dev.sequor.io.TrainingRun.Point;
import dev.sequor.report.BoundedSeries;
import java.util.ArrayList;
import java.util.List;

/**
 * The loss of a run: means over some steps each, few enough to be stored and plotted however long
 * the run is.
 */
final class LossCurve {
  private static final int MAX_POINTS = 1000;

  /** Enough that the figure shown does not flicker. */
  private static final int DISPLAYED_STEPS = 20;

  private final BoundedSeries<Mean> training;
  private final BoundedSeries<Point> heldOut;
  private final long interval;
  private double sum;
  private long count;
  private long step;

  /** The mean loss of the steps after {@code before}. */
  private record Mean(long before, Point point) {
    private long steps() {
      return point.step() - before;
    }

    private double weighted() {
      return steps() * point.loss();
    }

    private Mean and(Mean later) {
      double loss = (weighted() + later.weighted()) / (later.point.step() - before);
      return new Mean(before, new Point(later.point.step(), loss));
    }
  }

  /**
   * Goes on from {@code start}.
   *
   * @param totalSteps what the run is to reach
   */
  LossCurve(Curve start, long totalSteps) {
    List<Mean> means = new ArrayList<>();
    long before = 0;
    for (Point point : start.training()) {
      means.add(new Mean(before, point));
      before = point.step();
    }
    this.training = new BoundedSeries<>(MAX_POINTS, Mean::and, means);
    // Of a run that was extended very often, half will do.
    this.heldOut = new BoundedSeries<>(MAX_POINTS, (first, second) -> second, start.heldOut());
    this.interval = Math.max(1, totalSteps / 100);
    this.step = lastPoint();
  }

  /** Takes the loss of one step. */
  void addStep(long step, double loss) {
    if (!Double.isFinite(loss)) {
      return; // The trainer skipped this step, and gives up where that goes on.
    }
    this.step = step;
    sum += Math.max(0, loss); // What is below is rounding.
    count++;
    if (step - lastPoint() >= interval) {
      endInterval();
    }
  }

  private long lastPoint() {
    return training.isEmpty() ? 0 : training.last().point().step();
  }

  private void endInterval() {
    if (count == 0) {
      return;
    }
    training.add(new Mean(lastPoint(), new Point(step, sum / count)));
    sum = 0;
    count = 0;
  }

  /** Takes a loss on held-out data. */
  void addHeldOut(long step, double loss) {
    heldOut.add(new Point(step, Math.max(0, loss)));
  }

  /** Whether the held-out loss after {@code step} is known. */
  boolean hasHeldOut(long step) {
    return !heldOut.isEmpty() && heldOut.last().step() >= step;
  }

  /** The mean of the last steps, for display; NaN before the first. */
  double recent() {
    double total = sum;
    long means = count;
    List<Mean> known = training.values();
    for (int i = known.size() - 1; i >= 0 && means < DISPLAYED_STEPS; i--) {
      total += known.get(i).weighted();
      means += known.get(i).steps();
    }
    return total / means;
  }

  /**
   * The curve up to the last step. Ends the mean that is being taken, so that a run resumed from
   * what is stored here continues like one that was not stopped.
   */
  Curve toStore() {
    endInterval();
    return new Curve(training.values().stream().map(Mean::point).toList(), heldOut.values());
  }

  /** The mean over the last tenth of the steps taken; NaN before the first. */
  double lastTenth() {
    endInterval();
    long from = step - Math.max(1, step / 10);
    double weighted = 0;
    long weight = 0;
    for (Mean mean : training.values()) {
      if (mean.point().step() > from) {
        weighted += mean.weighted();
        weight += mean.steps();
      }
    }
    return weighted / weight;
  }
}
