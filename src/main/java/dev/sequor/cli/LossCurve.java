package dev.sequor.cli;

import dev.sequor.io.TrainingRun.Curve;
import dev.sequor.io.TrainingRun.Point;
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

  private final List<Point> training;
  private final List<Point> heldOut;
  private final long interval;
  private double sum;
  private long count;
  private long step;

  /**
   * Goes on from {@code start}.
   *
   * @param totalSteps what the run is to reach
   */
  LossCurve(Curve start, long totalSteps) {
    this.training = new ArrayList<>(start.training());
    this.heldOut = new ArrayList<>(start.heldOut());
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
    return training.isEmpty() ? 0 : training.get(training.size() - 1).step();
  }

  private void endInterval() {
    if (count == 0) {
      return;
    }
    training.add(new Point(step, sum / count));
    sum = 0;
    count = 0;
    if (training.size() > MAX_POINTS) {
      mergePairs();
    }
  }

  private void mergePairs() {
    List<Point> merged = new ArrayList<>();
    long before = 0;
    for (int i = 0; i + 1 < training.size(); i += 2) {
      Point a = training.get(i);
      Point b = training.get(i + 1);
      double mean =
          ((a.step() - before) * a.loss() + (b.step() - a.step()) * b.loss()) / (b.step() - before);
      merged.add(new Point(b.step(), mean));
      before = b.step();
    }
    if (training.size() % 2 == 1) {
      merged.add(training.get(training.size() - 1));
    }
    training.clear();
    training.addAll(merged);
  }

  /** Takes a loss on held-out data. */
  void addHeldOut(long step, double loss) {
    heldOut.add(new Point(step, Math.max(0, loss)));
    if (heldOut.size() > MAX_POINTS) {
      for (int i = heldOut.size() - 2; i >= 0; i -= 2) {
        heldOut.remove(i); // Of a run that was extended very often, half will do.
      }
    }
  }

  /** Whether the held-out loss after {@code step} is known. */
  boolean hasHeldOut(long step) {
    return !heldOut.isEmpty() && heldOut.get(heldOut.size() - 1).step() >= step;
  }

  /** The mean of the last steps, for display; NaN before the first. */
  double recent() {
    double total = sum;
    long means = count;
    for (int i = training.size() - 1; i >= 0 && means < DISPLAYED_STEPS; i--) {
      long steps = training.get(i).step() - (i == 0 ? 0 : training.get(i - 1).step());
      total += steps * training.get(i).loss();
      means += steps;
    }
    return total / means;
  }

  /**
   * The curve up to the last step. Ends the mean that is being taken, so that a run resumed from
   * what is stored here continues like one that was not stopped.
   */
  Curve toStore() {
    endInterval();
    return new Curve(training, heldOut);
  }

  /** The mean over the last tenth of the steps taken; NaN before the first. */
  double lastTenth() {
    endInterval();
    long from = step - Math.max(1, step / 10);
    double weighted = 0;
    long weight = 0;
    for (int i = training.size() - 1; i >= 0 && training.get(i).step() > from; i--) {
      long before = i == 0 ? 0 : training.get(i - 1).step();
      long steps = training.get(i).step() - before;
      weighted += steps * training.get(i).loss();
      weight += steps;
    }
    return weighted / weight;
  }
}
