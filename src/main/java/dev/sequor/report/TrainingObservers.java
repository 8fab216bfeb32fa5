package dev.sequor.report;

import dev.sequor.report.TrainingRecord.Event;
import dev.sequor.report.TrainingRecord.Judgement;
import dev.sequor.report.TrainingRecord.Point;
import dev.sequor.report.TrainingRecord.Sample;
import dev.sequor.report.TrainingRecord.State;
import java.util.List;

/** Several observers as one. */
record TrainingObservers(List<TrainingObserver> all) implements TrainingObserver {
  TrainingObservers {
    all = List.copyOf(all);
  }

  @Override
  public void progressed(Point point) {
    all.forEach(each -> each.progressed(point));
  }

  @Override
  public void judged(Judgement judgement) {
    all.forEach(each -> each.judged(judgement));
  }

  @Override
  public void sampled(Sample sample) {
    all.forEach(each -> each.sampled(sample));
  }

  @Override
  public boolean wantsSamples() {
    return all.stream().anyMatch(TrainingObserver::wantsSamples);
  }

  @Override
  public void happened(Event event) {
    all.forEach(each -> each.happened(event));
  }

  @Override
  public void ended(State state) {
    all.forEach(each -> each.ended(state));
  }
}
