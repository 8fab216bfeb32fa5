package dev.sequor.module;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Required;
import dev.sequor.backend.Sizes;
import dev.sequor.rnn.Initialization;
import dev.sequor.rnn.TensorSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * The output layer of a very large vocabulary (Grave et al. 2017, arXiv:1609.04309; as PyTorch's
 * {@code AdaptiveLogSoftmaxWithLoss} without biases): classes are sorted by falling frequency and
 * cut into a short list and clusters of ever rarer ones, which get ever narrower features.
 *
 * <pre>
 * h = head·x                              the short list's classes, then a score for each cluster
 * log p(w) = log softmax(h)[w]                                                w in the short list
 * log p(w) = log softmax(h)[c₀ + i] + log softmax(tailᵢ·projectionᵢ·x)[w − cᵢ]    w in cluster i
 * </pre>
 *
 * <p>It stands last in a network and hands on what it reads, {@code y = x}: whoever knows the
 * targets ({@code dev.sequor.model}) multiplies only those rows with a tail whose targets are in
 * its cluster, and outputs {@code [T,B,V]} never exist.
 *
 * <p>Tensors: {@code head [c₀+K,H]}; for each cluster {@code projection.i [Hᵢ,H]} with {@code Hᵢ =
 * max(1, ⌊H / divisorⁱ⁺¹⌋)} and {@code tail.i [cᵢ₊₁−cᵢ,Hᵢ]}; all first uniform as Glorot and Bengio
 * (2010) have it.
 *
 * @param inputSize {@code H}
 * @param classes {@code V}
 * @param cutoffs {@code c₀ < c₁ < …}, the first class of each of the {@code K} clusters, at least
 *     one, less than V
 * @param divisor by which features narrow from cluster to cluster, at least 1; usually 4
 */
public record AdaptiveSoftmax(int inputSize, int classes, List<Integer> cutoffs, int divisor)
    implements Module {
  /**
   * Checks every number.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public AdaptiveSoftmax {
    Sizes.atLeastOne("inputSize", inputSize);
    Sizes.atLeastOne("classes", classes);
    Sizes.atLeastOne("divisor", divisor);
    cutoffs = Shapes.copy("cutoffs", cutoffs);
    if (cutoffs.isEmpty()) {
      throw new IllegalArgumentException("cutoffs is empty; needed at least 1");
    }
    int before = 0;
    for (int cutoff : cutoffs) {
      if (cutoff <= before || cutoff >= classes) {
        throw new IllegalArgumentException(
            "cutoffs is " + cutoffs + "; needed rising numbers, 1 to " + (classes - 1));
      }
      before = cutoff;
    }
    Sizes.product("classes · inputSize", Integer.MAX_VALUE, classes, inputSize);
  }

  /** {@code K}. */
  public int clusters() {
    return cutoffs.size();
  }

  /** {@code c₀ + K}. */
  public int headSize() {
    return cutoffs.get(0) + clusters();
  }

  private void requireCluster(int i) {
    if (i < 0 || i >= clusters()) {
      throw new IllegalArgumentException(
          "cluster " + i + " was asked for; needed 0 to " + (clusters() - 1));
    }
  }

  /**
   * How many classes cluster {@code i} has.
   *
   * @throws IllegalArgumentException if there is no such cluster
   */
  public int clusterSize(int i) {
    requireCluster(i);
    return (i + 1 < clusters() ? cutoffs.get(i + 1) : classes) - cutoffs.get(i);
  }

  /**
   * {@code Hᵢ}, the width of what the tail of cluster {@code i} reads.
   *
   * @throws IllegalArgumentException if there is no such cluster
   */
  public int features(int i) {
    requireCluster(i);
    int features = inputSize;
    for (int n = 0; n <= i; n++) {
      features /= divisor;
    }
    return Math.max(1, features);
  }

  /**
   * The cluster of a class; −1 for the short list, and for what is negative.
   *
   * @throws IllegalArgumentException if {@code target} is V or more
   */
  public int clusterOf(int target) {
    if (target >= classes) {
      throw new IllegalArgumentException(
          "class " + target + " was asked for; needed at most " + (classes - 1));
    }
    int cluster = -1;
    while (cluster + 1 < clusters() && target >= cutoffs.get(cluster + 1)) {
      cluster++;
    }
    return cluster;
  }

  @Override
  public List<Block> parameters() {
    List<Block> blocks = new ArrayList<>();
    blocks.add(matrix("head", headSize(), inputSize));
    for (int i = 0; i < clusters(); i++) {
      blocks.add(matrix("projection." + i, features(i), inputSize));
      blocks.add(matrix("tail." + i, clusterSize(i), features(i)));
    }
    return blocks;
  }

  private static Block matrix(String name, int rows, int columns) {
    return Block.of(
        new TensorSpec(name, List.of(rows, columns), Initialization.glorotUniform(columns, rows)));
  }

  @Override
  public List<Output> outputs(List<ValueShape> inputs) {
    ValueShape x = Shapes.only(this, inputs);
    Shapes.requireWidth(this, x, inputSize);
    return List.of(new Output("features", Shapes.withWidth(x, inputSize)));
  }

  @Override
  public boolean backwardReadsOutputs() {
    return false;
  }

  @Override
  public Pass bind(Binding binding) {
    Backend backend = Required.present("binding", binding).backend();
    return Pass.of(
        () -> backend.copy(binding.input(0), binding.output(0)),
        () -> {
          if (binding.inputGradient(0) != null) {
            backend.copy(binding.neededOutputGradient(0), binding.neededInputGradient(0));
          }
        });
  }
}
