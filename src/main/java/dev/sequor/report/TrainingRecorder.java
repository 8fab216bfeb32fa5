package dev.sequor.report;

import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.Sample;
import dev.sequor.report.TrainingRecord.State;

/**
 * Collects the record of a training, as long as that is: of many points it keeps means, of many
 * judgements and samples some. {@link #record} may be called on any thread.
 */
public final class TrainingRecorder implements TrainingObserver {
  private final TrainingRecord start;
  private final BoundedSeries<Point> points;
  private final BoundedSeries<Judgement> judgements;
  private final BoundedSeries<Sample> samples;
  private final BoundedSeries<Event> events;
  private final double secondsBefore;
  private State state = State.RUNNING;

  /** Goes on from {@code start}. */
  public TrainingRecorder(TrainingRecord start) {
    this.start = start;
    this.points = TrainingRecord.bounded(start.points());
    this.judgements = TrainingRecord.boundedJudgements(start.judgements());
    // The first ones show most.
    this.samples = new BoundedSeries<>(TrainingRecord.MAX_SAMPLES, (a, b) -> a, start.samples());
    this.events = new BoundedSeries<>(TrainingRecord.MAX_EVENTS, (a, b) -> b, start.events());
    double seconds = start.last().map(Point::seconds).orElse(0.0);
    this.secondsBefore = Double.isNaN(seconds) ? 0 : seconds;
  }

  /** {@inheritDoc} Its seconds are those since this recorder goes on. */
  @Override
  public synchronized void progressed(Point point) {
    points.add(
        new Point(
            point.step(),
            point.steps(),
            point.reports(),
            point.loss(),
            point.gradientNorm(),
            point.learningRate(),
            point.clipped(),
            point.skipped(),
            point.perSecond(),
            secondsBefore + point.seconds()));
  }

  @Override
  public synchronized void judged(Judgement judgement) {
    if (!judgements.isEmpty() && judgements.last().step() == judgement.step()) {
      judgements.replaceLast(judgements.last().and(judgement));
    } else {
      judgements.add(judgement);
    }
  }

  @Override
  public synchronized void sampled(Sample sample) {
    if (!samples.isEmpty() && samples.last().step() == sample.step()) {
      samples.replaceLast(sample);
    } else {
      samples.add(sample);
    }
  }

  @Override
  public boolean wantsSamples() {
    return true;
  }

  @Override
  public synchronized void happened(Event event) {
    events.add(event);
  }

  @Override
  public synchronized void ended(State end) {
    state = end;
  }

  /** What is known by now. */
  public synchronized TrainingRecord record() {
    return start.with(
        state, points.values(), judgements.values(), samples.values(), events.values());
  }
}
