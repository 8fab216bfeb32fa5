package dev.sequor.backend.host;

import dev.sequor.backend.Memory;

/** What a {@link StackedPlan} is composed from. */
public interface LayerEngine {
  /** Prepares one direction of one layer. */
  LayerPlan layer(LayerShape shape);

  /**
   * {@code y[i] = 0} if the Philox word {@code i} of (seed, stream, offset) is below {@code p·2³²},
   * else {@code x[i]/(1−p)}. {@code y} may be {@code x}.
   */
  void dropout(long elements, float p, long seed, int stream, long offset, Memory x, Memory y);
}
