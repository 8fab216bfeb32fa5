package dev.sequor.serve;

import dev.sequor.backend.Required;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.util.concurrent.TimeUnit;

/**
 * What a {@link Predictor} does, in a Micrometer registry; needs {@code
 * io.micrometer:micrometer-core}, which a program that does not use this class can be without. The
 * meters are {@code sequor.predictor.wait} and {@code sequor.predictor.compute} (timers of a
 * request's two parts), {@code sequor.predictor.batch} (sequences of a request's batch), {@code
 * sequor.predictor.failed} (requests) and {@code sequor.predictor.waiting} (a gauge).
 *
 * <pre>{@code
 * PredictorMetrics metrics = new PredictorMetrics(registry, Tags.of("model", "churn"));
 * Predictor predictor = Predictor.builder(model).listener(metrics).build();
 * metrics.watch(predictor);
 * }</pre>
 */
public final class PredictorMetrics implements PredictorListener {
  private final MeterRegistry registry;
  private final Tags tags;
  private final Timer wait;
  private final Timer compute;
  private final DistributionSummary batch;
  private final Counter failed;

  /**
   * Meters of one predictor.
   *
   * @param tags tell it from others in the same registry
   */
  public PredictorMetrics(MeterRegistry registry, Tags tags) {
    this.registry = Required.present("registry", registry);
    this.tags = Required.present("tags", tags);
    this.wait = Timer.builder("sequor.predictor.wait").tags(tags).register(registry);
    this.compute = Timer.builder("sequor.predictor.compute").tags(tags).register(registry);
    this.batch =
        DistributionSummary.builder("sequor.predictor.batch").tags(tags).register(registry);
    this.failed = Counter.builder("sequor.predictor.failed").tags(tags).register(registry);
  }

  /** Shows how many requests of {@code predictor} wait, as long as it is in use. */
  public void watch(Predictor predictor) {
    Gauge.builder(
            "sequor.predictor.waiting",
            Required.present("predictor", predictor),
            known -> known.stats().waiting())
        .tags(tags)
        .register(registry);
  }

  @Override
  public void answered(long waitedNanos, long computedNanos, int batchSize) {
    wait.record(waitedNanos, TimeUnit.NANOSECONDS);
    compute.record(computedNanos, TimeUnit.NANOSECONDS);
    batch.record(batchSize);
  }

  @Override
  public void failed(int batchSize, Throwable cause) {
    failed.increment(batchSize);
  }
}
