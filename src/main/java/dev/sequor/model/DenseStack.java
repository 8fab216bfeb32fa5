package dev.sequor.model;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.LinearShape;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The hidden dense layers and the linear output layer over a fixed number of rows, with the memory
 * of their outputs and, for training, of the gradients by them.
 */
final class DenseStack {
  private final Backend backend;
  private final List<Layer> layers = new ArrayList<>();

  /**
   * One layer; {@code dWeights} and {@code dBias} are null in inference. The gradient by a hidden
   * layer's output has memory of its own, because the output is still needed when it is written:
   * for the weights' gradient of the layer above and the activation's derivative. Nothing reads the
   * output layer's output again, so the loss writes its gradient over it.
   */
  private record Layer(
      LinearShape shape,
      Buffer weights,
      Buffer bias,
      @Nullable Buffer dWeights,
      @Nullable Buffer dBias,
      Buffer y,
      Buffer dy) {}

  DenseStack(SequenceModel model, int rows, boolean training, BatchMemory memory) {
    this.backend = model.backend();
    SequenceModelSpec spec = model.spec();
    int width = spec.rnn().outputSize();
    for (int i = 0; i < spec.denseLayers().size(); i++) {
      DenseSpec dense = spec.denseLayers().get(i);
      add(
          model,
          "dense." + i,
          rows,
          width,
          dense.size(),
          dense.activation(),
          training,
          memory,
          !training);
      width = dense.size();
    }
    add(model, "output", rows, width, spec.outputSize(), Activation.NONE, training, memory, true);
  }

  private void add(
      SequenceModel model,
      String name,
      int rows,
      int inputs,
      int outputs,
      Activation activation,
      boolean training,
      BatchMemory memory,
      boolean gradientOverOutput) {
    Buffer y = memory.floats((long) rows * outputs);
    layers.add(
        new Layer(
            new LinearShape(rows, inputs, outputs, activation),
            model.parameter(name + ".weights"),
            model.parameter(name + ".bias"),
            training ? model.gradient(name + ".weights") : null,
            training ? model.gradient(name + ".bias") : null,
            y,
            gradientOverOutput ? y : memory.floats((long) rows * outputs)));
  }

  /** Before {@link #backward}, the place of the gradient by the outputs as well. */
  Buffer outputs() {
    return layers.get(layers.size() - 1).y();
  }

  void forward(Buffer x) {
    Buffer below = x;
    for (Layer layer : layers) {
      backend.linearForward(layer.shape(), below, layer.weights(), layer.bias(), layer.y());
      below = layer.y();
    }
  }

  /** Adds to the parameters' gradients and overwrites {@code dx}. */
  void backward(Buffer x, Buffer dx) {
    for (int i = layers.size() - 1; i >= 0; i--) {
      Layer layer = layers.get(i);
      if (layer.dWeights() == null) {
        throw new IllegalStateException("the batch was made for inference");
      }
      backend.linearBackward(
          layer.shape(),
          i == 0 ? x : layers.get(i - 1).y(),
          layer.weights(),
          layer.y(),
          layer.dy(),
          i == 0 ? dx : layers.get(i - 1).dy(),
          layer.dWeights(),
          layer.dBias());
    }
  }
}
