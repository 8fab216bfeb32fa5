package dev.sequor.backend.cuda;

import java.util.function.IntFunction;
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
 * <p>Of a long sequence each chunk is a {@link Stretch}, so that what is recorded of it does not
 * grow with the length.
 *
 * <p>Sources of the scheme: Appleyard, Kočiský, Blunsom, "Optimizing Performance of Recurrent
 * Neural Networks on GPUs" (arXiv:1604.01946).
 */
final class StepPath implements LayerPath {
  private final LayerSizes sizes;
  private final LayerMemory memory;
  private final long savedBytes;
  private final StepAddresses at;
  private final PackedWeights weights;
  private final InputProducts inputProducts;
  private final StepForward forward;
  private final StepBackward backward;
  private final WeightGradients weightGradients;

  /** Null where each step is recorded by itself. */
  private final @Nullable Stretch stretch;

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
    LayerSpec steps = sizes.stretched() ? layer.ofStretch() : layer;
    this.at = new StepAddresses(steps, memory);
    this.weights = new PackedWeights(layer, memory);
    this.inputProducts = new InputProducts(layer, memory);
    this.forward = new StepForward(steps, memory, at);
    this.backward = new StepBackward(steps, memory, at);
    this.weightGradients = new WeightGradients(layer, memory);
    this.stretch = sizes.stretched() ? new Stretch(layer, memory, at) : null;
    this.savedBytes = SavedLayout.of(layer.cell(), sizes, layer.math()).bytes();
  }

  @Override
  public boolean takesApart() {
    return stretch != null;
  }

  @Override
  public long savedBytes() {
    return savedBytes;
  }

  @Override
  public void pack(WorkQueue queue, long parameters) {
    weights.pack(queue, parameters);
  }

  @Override
  public void forward(WorkQueue queue, Forward f) {
    if (stretch != null) {
      forward(queue, f, stretch);
      return;
    }
    forward.begin(queue, f);
    for (int k0 = 0; k0 < sizes.timeSteps(); k0 += sizes.chunkSteps()) {
      int k1 = Math.min(k0 + sizes.chunkSteps(), sizes.timeSteps());
      inputProducts.forward(queue, f, k0, k1);
      for (int k = k0; k < k1; k++) {
        forward.step(queue, f, k);
      }
    }
  }

  private void forward(WorkQueue queue, Forward f, Stretch stretch) {
    Forward inside = stretch.inside(f);
    IntFunction<Runnable> recorded =
        steps ->
            queue
                .recorder()
                .repeated(
                    queue.stream(),
                    () -> {
                      for (int k = 0; k < steps; k++) {
                        forward.step(queue, inside, k);
                      }
                    });
    int chunk = sizes.chunkSteps();
    Runnable whole = recorded.apply(chunk);
    for (int from = 0; from < sizes.timeSteps(); from += chunk) {
      int k0 = from;
      int k1 = Math.min(k0 + chunk, sizes.timeSteps());
      queue
          .recorder()
          .calls(
              () -> {
                stretch.enter(queue, f.lengths(), k0);
                if (k0 == 0) {
                  forward.begin(queue, inside);
                } else {
                  stretch.goOn(queue, chunk);
                }
                inputProducts.forward(queue, f, k0, k1);
              });
      (k1 - k0 == chunk ? whole : recorded.apply(k1 - k0)).run();
      queue
          .recorder()
          .calls(
              () -> {
                stretch.putOutputs(queue, f, k0, k1);
                if (sizes.training()) {
                  stretch.putSaved(queue, f.saved(), k0, k1);
                }
              });
    }
  }

  @Override
  public void backward(WorkQueue queue, Backward b) {
    if (stretch != null) {
      backward(queue, b, stretch);
      return;
    }
    backward.begin(queue);
    int chunk = sizes.chunkSteps();
    for (int k0 = (sizes.timeSteps() - 1) / chunk * chunk; k0 >= 0; k0 -= chunk) {
      int k1 = Math.min(k0 + chunk, sizes.timeSteps());
      for (int k = k1 - 1; k >= k0; k--) {
        backward.step(queue, b, k);
      }
      addGradients(queue, b, k0, k1, at.operand(b.saved(), k0), at.gated(b.saved(), k0));
    }
    weightGradients.addPeepholes(queue, b.dParameters());
    backward.end(queue, b);
  }

  private void backward(WorkQueue queue, Backward b, Stretch stretch) {
    Backward inside = stretch.inside(b);
    IntFunction<Runnable> recorded =
        steps ->
            queue
                .recorder()
                .repeated(
                    queue.stream(),
                    () -> {
                      for (int k = steps - 1; k >= 0; k--) {
                        backward.step(queue, inside, k);
                      }
                    });
    int chunk = sizes.chunkSteps();
    Runnable whole = recorded.apply(chunk);
    queue.recorder().calls(() -> backward.begin(queue));
    for (int from = (sizes.timeSteps() - 1) / chunk * chunk; from >= 0; from -= chunk) {
      int k0 = from;
      int k1 = Math.min(k0 + chunk, sizes.timeSteps());
      queue
          .recorder()
          .calls(
              () -> {
                stretch.enter(queue, b.lengths(), k0);
                stretch.takeSaved(queue, b.saved(), k0, k1);
                stretch.takeOutputGradients(queue, b, k0, k1);
              });
      (k1 - k0 == chunk ? whole : recorded.apply(k1 - k0)).run();
      queue
          .recorder()
          .calls(
              () ->
                  addGradients(
                      queue,
                      b,
                      k0,
                      k1,
                      at.operand(inside.saved(), 0),
                      at.gated(inside.saved(), 0)));
    }
    queue
        .recorder()
        .calls(
            () -> {
              weightGradients.addPeepholes(queue, b.dParameters());
              backward.end(queue, inside);
            });
  }

  /** What the gate gradients of the chunk {@code [k0, k1)} add to those of parameters and input. */
  private void addGradients(WorkQueue queue, Backward b, int k0, int k1, long operand, long gated) {
    weightGradients.add(
        queue,
        k1 - k0,
        inputProducts.rows(queue, b.x(), b.lengths(), k0, k1),
        operand,
        gated,
        b.dParameters());
    if (b.dx() != 0) {
      inputProducts.backward(queue, b.dx(), k0, k1);
    }
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
