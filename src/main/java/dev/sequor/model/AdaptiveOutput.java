package dev.sequor.model;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Buffer;
import dev.sequor.backend.ColumnCopy;
import dev.sequor.backend.DType;
import dev.sequor.backend.LinearShape;
import dev.sequor.backend.Loss;
import dev.sequor.backend.LossShape;
import dev.sequor.backend.Mode;
import dev.sequor.backend.StepInput;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkPass;
import dev.sequor.module.NetworkWeights;
import dev.sequor.rnn.TensorRegion;
import java.nio.ByteBuffer;
import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The loss of a network that ends in an {@link AdaptiveSoftmax}, and the logits of a single row. Of
 * a cluster only those rows are computed whose targets are in it: they are gathered in chunks of a
 * fixed number of rows, of which there are as many as needed, so that a recorded step depends on
 * {@link #chunks()} alone. Its memory is the pass's.
 */
final class AdaptiveOutput {
  /** Rows of a chunk: enough for a product, and their logits small beside the tail's weights. */
  private static final int MOST_CHUNK_ROWS = 128;

  private final AdaptiveSoftmax module;
  private final Backend backend;
  private final boolean training;
  private final int rows;
  private final int chunkRows;
  private final Matrix head;
  private final List<Cluster> clusters = new ArrayList<>();
  private final Buffer headLogits;
  private final Buffer headTargets;
  private final ByteBuffer headStaging;

  /** {@code [rows,H]} by all; {@code [R,H]} of a chunk. */
  private final Buffer dFeatures;

  private final Buffer chunk;
  private final Buffer dChunk;
  private final Buffer partial;

  /** {@code [V]}, of one row; null if there are more. */
  private final @Nullable Buffer logits;

  /** One number. */
  private final Buffer shift;

  /** A factor of one for each class; only where there are {@link #logits}. */
  private final @Nullable Buffer ones;

  private final Buffer zeroTarget;

  private boolean staged;

  /** A tensor with its gradient. */
  private record Matrix(Buffer values, Buffer gradients) {}

  /** A cluster, with memory for one chunk of its rows. */
  private static final class Cluster {
    final int first;
    final int size;
    final Matrix projection;
    final Matrix tail;
    final LinearShape project;
    final LinearShape score;
    final Buffer features;
    final Buffer dFeatures;
    final Buffer scores;

    /**
     * {@code [chunks·R]}: rows of features, and what their targets are in the cluster; −1: none.
     */
    final Buffer rows;

    final Buffer targets;
    final ByteBuffer rowStaging;
    final ByteBuffer targetStaging;
    int count;

    Cluster(
        AdaptiveSoftmax module,
        int i,
        int chunkRows,
        int room,
        NetworkPass pass,
        Matrix projection,
        Matrix tail) {
      this.first = module.cutoffs().get(i);
      this.size = module.clusterSize(i);
      this.projection = projection;
      this.tail = tail;
      int width = module.features(i);
      this.project = new LinearShape(chunkRows, module.inputSize(), width, Activation.NONE);
      this.score = new LinearShape(chunkRows, width, size, Activation.NONE);
      this.features = pass.allocate(DType.FLOAT32, (long) chunkRows * width);
      this.dFeatures = pass.allocate(DType.FLOAT32, (long) chunkRows * width);
      this.scores = pass.allocate(DType.FLOAT32, (long) chunkRows * size);
      this.rows = pass.allocate(DType.INT32, room);
      this.targets = pass.allocate(DType.INT32, room);
      this.rowStaging = Backend.hostMemory(DType.INT32, room);
      this.targetStaging = Backend.hostMemory(DType.INT32, room);
    }
  }

  private AdaptiveOutput(
      AdaptiveSoftmax module,
      String node,
      NetworkWeights weights,
      NetworkPass pass,
      int rows,
      Mode mode) {
    this.module = module;
    this.backend = pass.backend();
    this.training = mode == Mode.TRAINING;
    this.rows = rows;
    this.chunkRows = Math.min(MOST_CHUNK_ROWS, rows);
    int room = (rows + chunkRows - 1) / chunkRows * chunkRows;
    int width = module.inputSize();
    this.head = matrix(weights, node + ".head");
    for (int i = 0; i < module.clusters(); i++) {
      clusters.add(
          new Cluster(
              module,
              i,
              chunkRows,
              room,
              pass,
              matrix(weights, node + ".projection." + i),
              matrix(weights, node + ".tail." + i)));
    }
    this.headLogits = pass.allocate(DType.FLOAT32, (long) rows * module.headSize());
    this.headTargets = pass.allocate(DType.INT32, rows);
    this.headStaging = Backend.hostMemory(DType.INT32, rows);
    this.chunk = pass.allocate(DType.FLOAT32, (long) chunkRows * width);
    this.dFeatures = pass.allocate(DType.FLOAT32, training ? (long) rows * width : 0);
    this.dChunk = pass.allocate(DType.FLOAT32, training ? (long) chunkRows * width : 0);
    this.partial = pass.allocate(DType.FLOAT32, 2);
    this.shift = pass.allocate(DType.FLOAT32, 1);
    this.logits = rows == 1 && !training ? pass.allocate(DType.FLOAT32, module.classes()) : null;
    this.ones = logits == null ? null : pass.allocate(DType.FLOAT32, module.classes());
    if (ones != null) {
      backend.fill(ones, 1f);
    }
    this.zeroTarget = pass.allocate(DType.INT32, chunkRows); // zeros
  }

  private static Matrix matrix(NetworkWeights weights, String name) {
    TensorRegion region = weights.layout().region(name);
    return new Matrix(
        weights.parameters().slice(region.offset(), region.elements()),
        weights.gradients().slice(region.offset(), region.elements()));
  }

  /** The classes of a model that ends in an adaptive softmax; otherwise the width of its output. */
  static int classes(ModelSpec spec) {
    AdaptiveSoftmax module = last(spec.network(), spec.output());
    return module == null ? spec.outputShape().width() : module.classes();
  }

  /** Whether a model ends in one. */
  static boolean isOf(ModelSpec spec) {
    return last(spec.network(), spec.output()) != null;
  }

  private static @Nullable AdaptiveSoftmax last(Network network, String output) {
    for (Network.Node node : network.nodes()) {
      if (node.name().equals(output) && node.module() instanceof AdaptiveSoftmax adaptive) {
        return adaptive;
      }
    }
    return null;
  }

  /**
   * What the output of a pass needs; null if it is no adaptive softmax.
   *
   * @param rows {@code T·B}
   */
  static @Nullable AdaptiveOutput of(
      String output, NetworkWeights weights, NetworkPass pass, int rows, Mode mode) {
    AdaptiveSoftmax module = last(weights.network(), output);
    return module == null ? null : new AdaptiveOutput(module, output, weights, pass, rows, mode);
  }

  /**
   * Throws unless a loss can be of such a network.
   *
   * @throws IllegalArgumentException if it has an adaptive softmax that is not its output, or the
   *     loss is not that of one
   */
  static void requireFit(Network network, String output, Loss loss) {
    for (Network.Node node : network.nodes()) {
      if (node.module() instanceof AdaptiveSoftmax && !node.name().equals(output)) {
        throw new IllegalArgumentException(
            "node '"
                + node.name()
                + "' is an adaptive softmax; needed as the output of the network, which is '"
                + output
                + "'");
      }
    }
    if (last(network, output) != null) {
      requireLoss(loss);
    }
  }

  /**
   * Throws unless a loss is one of an adaptive softmax.
   *
   * @throws IllegalArgumentException if not
   */
  static void requireLoss(Loss loss) {
    if (!(loss instanceof Loss.SoftmaxCrossEntropy)) {
      throw new IllegalArgumentException(
          "the loss of an adaptive softmax is "
              + loss.function()
              + "; needed SOFTMAX_CROSS_ENTROPY");
    }
  }

  /** {@code V}. */
  int classes() {
    return module.classes();
  }

  /** Stages targets that have been checked, {@code [rows]}, negative for none. */
  void take(IntBuffer targets) {
    IntBuffer toHead = headStaging.clear().asIntBuffer();
    for (Cluster cluster : clusters) {
      cluster.count = 0;
    }
    for (int row = 0; row < rows; row++) {
      int target = targets.get(row);
      int number = module.clusterOf(target);
      toHead.put(row, number < 0 ? target : module.cutoffs().get(0) + number);
      if (number >= 0) {
        Cluster cluster = clusters.get(number);
        cluster.rowStaging.putInt(cluster.count * Integer.BYTES, row);
        cluster.targetStaging.putInt(cluster.count * Integer.BYTES, target - cluster.first);
        cluster.count++;
      }
    }
    for (Cluster cluster : clusters) {
      for (int i = cluster.count; i < cluster.rows.elements(); i++) {
        cluster.rowStaging.putInt(i * Integer.BYTES, -1);
        cluster.targetStaging.putInt(i * Integer.BYTES, -1);
      }
    }
    staged = true;
  }

  /** How many chunks of each cluster the loss computes. */
  List<Integer> chunks() {
    return clusters.stream().map(c -> (c.count + chunkRows - 1) / chunkRows).toList();
  }

  /** What was staged, for a step that begins with it. */
  List<StepInput> takeInputs() {
    if (!staged) {
      return List.of();
    }
    staged = false;
    List<StepInput> inputs = new ArrayList<>();
    inputs.add(new StepInput(headStaging, headTargets));
    for (Cluster cluster : clusters) {
      inputs.add(new StepInput(cluster.rowStaging.clear(), cluster.rows));
      inputs.add(new StepInput(cluster.targetStaging.clear(), cluster.targets));
    }
    return inputs;
  }

  private LinearShape headShape() {
    return new LinearShape(rows, module.inputSize(), module.headSize(), Activation.NONE);
  }

  /**
   * The loss, see {@link Backend#loss}; in training, the gradients by the tensors are added to, and
   * that by the features takes the place of {@code dOutputs}.
   */
  void loss(
      Buffer features,
      @Nullable Buffer gradientScale,
      @Nullable Buffer lossScale,
      @Nullable Buffer dOutputs,
      Buffer result) {
    backend.linearForward(headShape(), features, head.values, null, headLogits);
    backend.loss(
        new LossShape(Loss.softmaxCrossEntropy(), 1, rows, module.headSize()),
        headLogits,
        headTargets,
        null,
        gradientScale,
        lossScale,
        training ? headLogits : null,
        result);
    if (training) {
      backend.linearBackward(
          headShape(),
          features,
          head.values,
          headLogits,
          headLogits,
          dFeatures,
          head.gradients,
          null);
    }
    for (Cluster cluster : clusters) {
      for (int from = 0; from < cluster.count; from += chunkRows) {
        chunk(cluster, from, features, gradientScale, lossScale, result);
      }
    }
    if (dOutputs != null) {
      backend.copy(dFeatures, dOutputs.slice(0, dFeatures.elements()));
    }
  }

  private void chunk(
      Cluster cluster,
      int from,
      Buffer features,
      @Nullable Buffer gradientScale,
      @Nullable Buffer lossScale,
      Buffer result) {
    int width = module.inputSize();
    Buffer own = cluster.rows.slice(from, chunkRows);
    backend.embeddingForward(chunkRows, width, own, features, chunk);
    score(cluster, chunk);
    backend.loss(
        new LossShape(Loss.softmaxCrossEntropy(), 1, chunkRows, cluster.size),
        cluster.scores,
        cluster.targets.slice(from, chunkRows),
        null,
        gradientScale,
        lossScale,
        training ? cluster.scores : null,
        partial);
    backend.copyColumns(ColumnCopy.whole(1, 1, 1f, true), partial, result);
    if (!training) {
      return;
    }
    backend.linearBackward(
        cluster.score,
        cluster.features,
        cluster.tail.values,
        cluster.scores,
        cluster.scores,
        cluster.dFeatures,
        cluster.tail.gradients,
        null);
    backend.linearBackward(
        cluster.project,
        chunk,
        cluster.projection.values,
        cluster.features,
        cluster.dFeatures,
        dChunk,
        cluster.projection.gradients,
        null);
    backend.embeddingBackward(chunkRows, width, own, dChunk, dFeatures);
  }

  private void score(Cluster cluster, Buffer x) {
    backend.linearForward(cluster.project, x, cluster.projection.values, null, cluster.features);
    backend.linearForward(
        cluster.score, cluster.features, cluster.tail.values, null, cluster.scores);
  }

  /**
   * Logits {@code [V]} of the only row, to draw a token from: log-probabilities, but for one and
   * the same number. Of a cluster's classes they are {@code tail − log Σ exp(tail) + head[c₀ + i]}.
   *
   * @throws IllegalStateException if there are more rows
   */
  Buffer logits(Buffer features) {
    if (logits == null || ones == null) {
      throw new IllegalStateException(rows + " rows have no logits; needed 1, in inference");
    }
    backend.linearForward(headShape(), features, head.values, null, headLogits);
    int shortList = module.cutoffs().get(0);
    backend.copyColumns(
        ColumnCopy.whole(1, shortList, 1f, false), headLogits, logits.slice(0, shortList));
    ColumnCopy set = ColumnCopy.whole(1, 1, 1f, false);
    ColumnCopy subtract = ColumnCopy.whole(1, 1, -1f, true);
    for (int i = 0; i < clusters.size(); i++) {
      Cluster cluster = clusters.get(i);
      score(cluster, features);
      // The loss of the cluster's first class is log Σ exp(tail) − tail[0].
      backend.loss(
          new LossShape(Loss.softmaxCrossEntropy(), 1, 1, cluster.size),
          cluster.scores,
          zeroTarget,
          null,
          null,
          null,
          null,
          partial);
      backend.copyColumns(set, headLogits.slice(shortList + i, 1), shift);
      backend.copyColumns(subtract, partial, shift);
      backend.copyColumns(subtract, cluster.scores, shift);
      // 1·shift + tail, for each class
      backend.linearForward(
          new LinearShape(1, 1, cluster.size, Activation.NONE),
          shift,
          ones,
          cluster.scores,
          logits.slice(cluster.first, cluster.size));
    }
    return logits;
  }
}
