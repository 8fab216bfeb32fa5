package dev.sequor.model;

import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.NetworkState;
import dev.sequor.module.TensorShapes;
import java.util.List;

/**
 * Everything a trainer needs to continue bit for bit, in host memory. It does not hold the
 * configuration (model spec, optimiser, clipping) nor the data.
 *
 * @param progress the numbers
 * @param parameters one tensor for each of {@link NetworkLayout#regions()}, under its name
 * @param lossScale where loss scaling stands
 * @param moments the optimiser's moments, {@code moments.0.<name>} then {@code moments.1.<name>},
 *     as many as the rule has, each shaped as its parameter
 * @param carriedState {@code state.<node> [blocks,S,B,H]} of each node that carries one, and {@code
 *     state_mark.<node> [1]} of those that start from a state they are given, 0 if the streams are
 *     yet to start, 1 if not; or empty if no state is carried
 */
public record TrainerSnapshot(
    TrainerProgress progress,
    LossScale lossScale,
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
  public void requireFit(ModelSpec spec, Optimizer optimizer) {
    Network network = spec.network();
    new GroupedTensors(optimizer.groups(), network.layout()); // refuses groups that do not fit
    TensorShapes.ofParameters(network).requireFit(parameters);
    TensorShapes.ofMoments(network, optimizer.rule()).requireFit(moments);
    for (int moment = 0; moment < optimizer.rule().moments(); moment++) {
      String prefix = TensorShapes.momentPrefix(moment);
      if (optimizer.isNeverNegative(moment)) {
        moments.stream()
            .filter(tensor -> tensor.name().startsWith(prefix))
            .forEach(NamedTensor::requireNoNegative);
      }
    }
    int streams = progress.carriedBatchSize();
    if (streams > 0 && !spec.carriesState()) {
      throw new IllegalArgumentException(
          "carriedBatchSize is " + streams + "; a model that needs whole sequences needs 0");
    }
    TensorShapes state = TensorShapes.ofCarriedStates(network, streams);
    if (carriedState.size() != state.byName().size()) {
      throw new IllegalArgumentException(
          "the snapshot carries "
              + streams
              + " streams and the tensors "
              + carriedState.stream().map(NamedTensor::name).toList()
              + "; needed "
              + state.byName().keySet());
    }
    state.requireFit(carriedState);
    for (NamedTensor tensor : carriedState) {
      if (tensor.name().startsWith(TensorShapes.STATE_MARK)) {
        float mark = tensor.values()[0];
        if (mark != NetworkState.STARTS && mark != NetworkState.GOES_ON) {
          throw new IllegalArgumentException(
              "tensor '" + tensor.name() + "' holds " + mark + "; needed 0 or 1");
        }
      }
    }
  }
}
