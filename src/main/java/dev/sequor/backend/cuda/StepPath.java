package dev.sequor.backend.cuda;

import org.jspecify.annotations.Nullable;

/**
 * Runs any layer, step by step: for every chunk of time steps one large input product, then per
 * step one recurrent product and one kernel that does all the rest; backward likewise, with the
 * weight gradients in large products after each chunk.
 *
 * <p>Processing step {@code k} is time {@code k}, or for the reverse direction time {@code length −
 * 1 − k} of each sequence. Everything inside is kept in the order of the steps, so that a step is
 * contiguous rows; {@code gather_input} and the cell kernels translate. Rows past a sequence's end
 * hold zeros, never the caller's padding, so products may run over them and lengths may change from
 * call to call without anything being recorded again.
 *
 * <p>Sources of the scheme: Appleyard, Kočiský, Blunsom, "Optimizing Performance of Recurrent
 * Neural Networks on GPUs" (arXiv:1604.01946).
 */
final class StepPath implements LayerPath {
  private final LayerSizes sizes;
  private final LayerMemory memory;
  private final StepAddresses at;
  private final PackedWeights weights;
  private final InputProducts inputProducts;
  private final StepForward forward;
  private final StepBackward backward;
  private final WeightGradients weightGradients;

  /** Accepts every layer. */
  static final class Factory implements LayerPath.Factory {
    @Override
    public String name() {
      return "step";
    }

    @Override
    public @Nullable String refusal(LayerSpec layer, CudaDevice device) {
      return null;
    }

    @Override
    public LayerPath open(LayerSpec layer, CudaDevice device, String holder) {
      return new StepPath(layer, device.memory(), holder);
    }
  }

  StepPath(LayerSpec layer, DeviceMemory device, String holder) {
    this.sizes = layer.sizes();
    this.memory = new LayerMemory(device, layer.cell(), sizes, layer.math(), holder);
    this.at = new StepAddresses(layer, memory);
    this.weights = new PackedWeights(layer, memory);
    this.inputProducts = new InputProducts(layer, memory);
    this.forward = new StepForward(layer, memory, at);
    this.backward = new StepBackward(layer, memory, at);
    this.weightGradients = new WeightGradients(layer, memory);
  }

  @Override
  public long savedBytes() {
    return at.savedBytes();
  }

  @Override
  public void pack(WorkQueue queue, long parameters) {
    weights.pack(queue, parameters);
  }

  @Override
  public void forward(WorkQueue queue, Forward f) {
    forward.begin(queue, f);
    for (int k0 = 0; k0 < sizes.timeSteps(); k0 += sizes.chunkSteps()) {
      int k1 = Math.min(k0 + sizes.chunkSteps(), sizes.timeSteps());
      inputProducts.forward(queue, f, k0, k1);
      for (int k = k0; k < k1; k++) {
        forward.step(queue, f, k);
      }
    }
  }

  @Override
  public void backward(WorkQueue queue, Backward b) {
    backward.begin(queue);
    int chunk = sizes.chunkSteps();
    for (int k0 = (sizes.timeSteps() - 1) / chunk * chunk; k0 >= 0; k0 -= chunk) {
      int k1 = Math.min(k0 + chunk, sizes.timeSteps());
      for (int k = k1 - 1; k >= k0; k--) {
        backward.step(queue, b, k);
      }
      weightGradients.add(
          queue,
          k1 - k0,
          inputProducts.rows(queue, b.x(), b.lengths(), k0, k1),
          at.operand(b.saved(), k0),
          at.gated(b.saved(), k0),
          b.dParameters());
      if (b.dx() != 0) {
        inputProducts.backward(queue, b.dx(), k0, k1);
      }
    }
    weightGradients.addPeepholes(queue, b.dParameters());
    backward.end(queue, b);
  }

  @Override
  public void addInputGradient(WorkQueue queue, long lengths, long dx) {
    inputProducts.addReverse(queue, lengths, dx);
  }

  @Override
  public void close() {
    memory.close();
  }
}
