package dev.sequor.backend.host;

/** What a {@link StackedPlan} is composed from. */
public interface LayerEngine {
  /** Prepares one direction of one layer. */
  LayerPlan layer(LayerShape shape);
}
