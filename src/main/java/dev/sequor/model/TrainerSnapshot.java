package dev.sequor.model;

import dev.sequor.backend.UpdateRule;
import java.util.List;

/**
 * Everything a trainer needs to continue bit for bit, in host memory. It does not hold the
 * configuration (model spec, optimiser, clipping) nor the data.
 *
 * @param progress the numbers
 * @param parameters one tensor for each of {@link ModelLayout#regions()}, under its name
 * @param moments the optimiser's moments, {@code moments.0.<name>} then {@code moments.1.<name>},
 *     as many as the rule has, each shaped as its parameter
 * @param carriedState {@code state [L·D,S,B,H]}, or empty if no state is carried
 */
public record TrainerSnapshot(
    TrainerProgress progress,
    List<NamedTensor> parameters,
    List<NamedTensor> moments,
    List<NamedTensor> carriedState) {
  /** Copies the lists. */
  public TrainerSnapshot {
    parameters = List.copyOf(parameters);
    moments = List.copyOf(moments);
    carriedState = List.copyOf(carriedState);
  }

  /**
   * Throws unless a trainer of such a model can go on from this.
   *
   * @throws IllegalArgumentException naming the first tensor that is missing, unknown, there twice,
   *     of another shape, or not finite, or of Adam's second moments negative
   */
  public void requireFit(SequenceModelSpec spec, UpdateRule rule) {
    TensorShapes.ofParameters(spec).requireFit(parameters);
    TensorShapes.ofMoments(spec, rule).requireFit(moments);
    if (rule != UpdateRule.SGD) {
      moments.stream().filter(TensorShapes::isSecondMoment).forEach(NamedTensor::requireNoNegative);
    }
    int streams = progress.carriedBatchSize();
    TensorShapes state = TensorShapes.ofCarriedState(spec, streams);
    if (carriedState.size() != state.byName().size()) {
      throw new IllegalArgumentException(
          "the snapshot carries "
              + streams
              + " streams and the tensors "
              + carriedState.stream().map(NamedTensor::name).toList()
              + "; needed '"
              + TensorShapes.STATE
              + "' exactly if streams are carried");
    }
    state.requireFit(carriedState);
  }
}
