package dev.sequor.spark;

import java.util.Collections;
import java.util.Map;
import java.util.WeakHashMap;
import org.apache.spark.SparkContext;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;

/**
 * Closes what tasks have left in this process when its Spark application ends. With master local
 * that is all there is; an executor elsewhere is a process, which ends.
 */
final class SessionEnd extends SparkListener {
  private static final Map<SparkContext, SessionEnd> KNOWN =
      Collections.synchronizedMap(new WeakHashMap<>());

  private SessionEnd() {}

  /** Sees to it once for each application. */
  static void watch(SparkContext context) {
    KNOWN.computeIfAbsent(
        context,
        each -> {
          SessionEnd listener = new SessionEnd();
          each.addSparkListener(listener);
          return listener;
        });
  }

  @Override
  public void onApplicationEnd(SparkListenerApplicationEnd end) {
    ExecutorCache.closeAll();
  }
}
