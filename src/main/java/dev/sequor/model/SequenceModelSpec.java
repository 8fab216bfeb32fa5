package dev.sequor.model;

import dev.sequor.backend.Activation;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Embedding;
import dev.sequor.module.InitialState;
import dev.sequor.module.LastStep;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.NetworkLayout;
import dev.sequor.module.OneHot;
import dev.sequor.module.Recurrent;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The usual sequence model: input → recurrent stack → hidden dense layers → output layer → loss. A
 * composition of modules ({@link #network()}) and nothing else.
 *
 * @param input what the model reads
 * @param stack the recurrent layers, at most {@value #MAX_LAYERS}; reads vectors of the input's
 *     width
 * @param denseLayers hidden layers between the recurrent stack and the output layer, often none, at
 *     most {@value #MAX_LAYERS}
 * @param outputSize {@code N}, the outputs: classes for softmax, values otherwise
 * @param readout which hidden states are read
 * @param loss what training minimises, from the outputs before any squashing
 * @param learnedInitialState whether sequences start from a state that is learned; from zero if not
 * @param clusters how the output layer cuts its classes: {@link OutputClusters#NONE} for a linear
 *     layer, otherwise an {@linkplain AdaptiveSoftmax adaptive softmax}, whose loss is softmax
 *     cross-entropy; {@link SequenceModel#forward} then gives features
 */
public record SequenceModelSpec(
    InputSpec input,
    RnnSpec stack,
    List<DenseSpec> denseLayers,
    int outputSize,
    Readout readout,
    Loss loss,
    boolean learnedInitialState,
    OutputClusters clusters)
    implements ModelSpec {

  /** The name of the only input, and of its time axis. */
  public static final String INPUT = "input";

  private static final String OUTPUT = "output";
  private static final String INITIAL_STATE = "initial_state";

  /** The most recurrent layers, and the most hidden dense layers. */
  public static final int MAX_LAYERS = RnnSpec.MOST_LAYERS;

  /** The most weights: what one Java array, or one transfer of less than 2 GiB, can hold. */
  public static final long MAX_WEIGHTS = NetworkLayout.MAX_WEIGHTS;

  /**
   * Checks every part.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public SequenceModelSpec {
    denseLayers = List.copyOf(denseLayers);
    if (stack.inputSize() != input.width()) {
      throw new IllegalArgumentException(
          "the stack's inputSize is "
              + stack.inputSize()
              + "; an input of width "
              + input.width()
              + " needs the same");
    }
    if (outputSize < 1) {
      throw new IllegalArgumentException("outputSize is " + outputSize + "; needed at least 1");
    }
    loss.requireOutputs(outputSize);
    if (!clusters.isNone()) {
      requireClusters(input, width(stack, denseLayers), outputSize, loss, clusters);
    } else if (input.kind() == InputKind.TIED_EMBEDDING) {
      requireTied(input, width(stack, denseLayers), outputSize);
    }
    atMost("the number of denseLayers", denseLayers.size());
    LabelTargets.requireFit(loss, outputSize, readout == Readout.EVERY_STEP);
    requireWeights(weights(input, stack, denseLayers, outputSize, learnedInitialState, clusters));
  }

  /** What the output layer reads. */
  private static int width(RnnSpec stack, List<DenseSpec> denseLayers) {
    return denseLayers.isEmpty()
        ? stack.outputSize()
        : denseLayers.get(denseLayers.size() - 1).size();
  }

  private static void requireClusters(
      InputSpec input, int width, int outputSize, Loss loss, OutputClusters clusters) {
    clusters.module(width, outputSize);
    AdaptiveOutput.requireLoss(loss);
    if (input.kind() == InputKind.TIED_EMBEDDING) {
      throw new IllegalArgumentException(
          "the embedding is tied to the output layer, which is an adaptive softmax with cutoffs "
              + clusters.cutoffs()
              + " and has no weights of that shape; needed an embedding of its own, or no cutoffs");
    }
  }

  private static void requireTied(InputSpec input, int width, int outputSize) {
    if (input.width() != width || input.vocabularySize() != outputSize) {
      throw new IllegalArgumentException(
          "the output layer's weights are ["
              + outputSize
              + ", "
              + width
              + "], and the embedding that they are to be ["
              + input.vocabularySize()
              + ", "
              + input.width()
              + "]; needed the same");
    }
  }

  private static BigInteger weights(
      InputSpec input,
      RnnSpec stack,
      List<DenseSpec> denseLayers,
      int outputSize,
      boolean learnedInitialState,
      OutputClusters clusters) {
    return weights(
        input,
        stack.cell(),
        stack.hiddenSize(),
        stack.layers(),
        stack.direction(),
        stack.options(),
        denseLayers,
        outputSize,
        learnedInitialState,
        clusters);
  }

  private static void requireWeights(BigInteger weights) {
    if (weights.compareTo(BigInteger.valueOf(MAX_WEIGHTS)) > 0) {
      throw new IllegalArgumentException(
          "the model has " + weights + " weights; needed at most " + MAX_WEIGHTS);
    }
  }

  private static void atMost(String name, int layers) {
    if (layers > MAX_LAYERS) {
      throw new IllegalArgumentException(name + " is " + layers + "; needed at most " + MAX_LAYERS);
    }
  }

  /** Without limits, so that sizes that are too large are said as they are. */
  private static BigInteger weights(
      InputSpec input,
      CellType cell,
      int hiddenSize,
      int layers,
      Direction direction,
      CellOptions options,
      List<DenseSpec> denseLayers,
      int outputSize,
      boolean learnedInitialState,
      OutputClusters clusters) {
    BigInteger hidden = BigInteger.valueOf(hiddenSize);
    int gates = cell.gates() - (options.coupledGates() ? 1 : 0);
    int peepholes = Math.max(0, cell.peepholes() - (options.coupledGates() ? 1 : 0));
    BigInteger gateRows = hidden.multiply(BigInteger.valueOf(gates));
    BigInteger directions = BigInteger.valueOf(direction.count());
    BigInteger projection = BigInteger.valueOf(options.projectionSize());
    BigInteger state = projection.signum() > 0 ? projection : hidden;
    BigInteger outputs = state.multiply(directions);
    // Of one layer and direction, but for its input weights: R, two biases, peepholes, the
    // options'.
    BigInteger apart =
        gateRows
            .multiply(state.add(BigInteger.TWO))
            .add(hidden.multiply(BigInteger.valueOf(peepholes)))
            .add(hidden.multiply(projection));
    if (options.layerNorm()) {
      apart = apart.add(gateRows.multiply(BigInteger.TWO));
      apart = cell.states() == 2 ? apart.add(hidden.multiply(BigInteger.TWO)) : apart;
    }
    if (learnedInitialState) {
      apart = apart.add(hidden.multiply(BigInteger.valueOf(cell.states())));
    }
    BigInteger inputs =
        outputs.multiply(BigInteger.valueOf(layers - 1L)).add(BigInteger.valueOf(input.width()));
    BigInteger sum =
        apart
            .multiply(BigInteger.valueOf(layers))
            .add(gateRows.multiply(inputs))
            .multiply(directions);
    if (input.kind().hasTable()) {
      sum =
          sum.add(
              BigInteger.valueOf(input.vocabularySize())
                  .multiply(BigInteger.valueOf(input.width())));
    }
    BigInteger width = outputs;
    for (DenseSpec dense : denseLayers) {
      BigInteger size = BigInteger.valueOf(dense.size());
      sum = sum.add(size.multiply(width.add(BigInteger.ONE)));
      width = size;
    }
    if (!clusters.isNone()) {
      return sum.add(weights(clusters, width, outputSize));
    }
    BigInteger shared = input.kind() == InputKind.TIED_EMBEDDING ? width : BigInteger.ZERO;
    return sum.add(
        BigInteger.valueOf(outputSize).multiply(width.add(BigInteger.ONE).subtract(shared)));
  }

  /** Of an adaptive softmax that reads vectors of {@code width}. */
  private static BigInteger weights(OutputClusters clusters, BigInteger width, int outputSize) {
    List<Integer> cutoffs = clusters.cutoffs();
    BigInteger sum = width.multiply(BigInteger.valueOf(cutoffs.get(0) + (long) cutoffs.size()));
    BigInteger features = width;
    for (int i = 0; i < cutoffs.size(); i++) {
      int end = i + 1 < cutoffs.size() ? cutoffs.get(i + 1) : outputSize;
      features = features.divide(BigInteger.valueOf(clusters.divisor()));
      BigInteger rows = width.add(BigInteger.valueOf((long) end - cutoffs.get(i)));
      sum = sum.add(features.max(BigInteger.ONE).multiply(rows));
    }
    return sum;
  }

  /** Trainable weights, at most {@value #MAX_WEIGHTS}. */
  public long weights() {
    return weights(input, stack, denseLayers, outputSize, learnedInitialState, clusters)
        .longValueExact();
  }

  @Override
  public String output() {
    return OUTPUT;
  }

  /**
   * The composition: {@code embedding} or {@code one_hot}, {@code initial_state} if that is
   * learned, {@code recurrent}, {@code last_step} if only that is read, {@code dense.0}, {@code
   * dense.1}, …, and {@code output}.
   */
  @Override
  public Network network() {
    Network.Builder network = Network.builder();
    String below = INPUT;
    switch (input.kind()) {
      case EMBEDDING, TIED_EMBEDDING -> {
        network.tokens(INPUT, input.vocabularySize());
        network.add("embedding", new Embedding(input.vocabularySize(), input.width()), below);
        below = "embedding";
      }
      case ONE_HOT -> {
        network.tokens(INPUT, input.vocabularySize());
        network.add("one_hot", new OneHot(input.vocabularySize()), below);
        below = "one_hot";
      }
      case DENSE -> network.vectors(INPUT, input.width());
    }
    if (learnedInitialState) {
      network.add(INITIAL_STATE, InitialState.of(stack));
      network.add("recurrent", new Recurrent(stack), below, INITIAL_STATE);
    } else {
      network.add("recurrent", new Recurrent(stack), below);
    }
    below = "recurrent";
    if (readout == Readout.LAST_STEP) {
      network.add("last_step", new LastStep(stack.direction()), below);
      below = "last_step";
    }
    int width = stack.outputSize();
    for (int i = 0; i < denseLayers.size(); i++) {
      DenseSpec dense = denseLayers.get(i);
      network.add("dense." + i, new Linear(width, dense.size(), dense.activation()), below);
      below = "dense." + i;
      width = dense.size();
    }
    if (!clusters.isNone()) {
      return network.add(OUTPUT, clusters.module(width, outputSize), below).build();
    }
    network.add(OUTPUT, new Linear(width, outputSize), below);
    if (input.kind() == InputKind.TIED_EMBEDDING) {
      network.sharing("weights", "embedding.weights");
    }
    return network.build();
  }

  /**
   * A language model: an embedding, one LSTM layer of 128 units, and a softmax over the next token
   * at every step; change what you like.
   */
  public static Builder languageModel(int vocabularySize, int embeddingWidth) {
    return new Builder(InputSpec.embedding(vocabularySize, embeddingWidth), vocabularySize);
  }

  /** A model of {@code input} with {@code outputSize} outputs; one LSTM layer of 128 units. */
  public static Builder builder(InputSpec input, int outputSize) {
    return new Builder(input, outputSize);
  }

  /** Collects a spec; {@link #build()} checks it. */
  public static final class Builder {
    private final InputSpec input;
    private final int outputSize;
    private final List<DenseSpec> denseLayers = new ArrayList<>();
    private CellType cell = CellType.LSTM;
    private int hiddenSize = 128;
    private int layers = 1;
    private Direction direction = Direction.FORWARD;
    private CellOptions options = CellOptions.NONE;
    private float dropout;
    private Readout readout = Readout.EVERY_STEP;
    private Loss loss = Loss.softmaxCrossEntropy();
    private boolean learnedInitialState;
    private OutputClusters clusters = OutputClusters.NONE;

    private Builder(InputSpec input, int outputSize) {
      this.input = input;
      this.outputSize = outputSize;
    }

    /** The cell of every recurrent layer. */
    public Builder cell(CellType cell) {
      this.cell = cell;
      return this;
    }

    /** Units of one direction of one recurrent layer. */
    public Builder hiddenSize(int hiddenSize) {
      this.hiddenSize = hiddenSize;
      return this;
    }

    /** Recurrent layers. */
    public Builder layers(int layers) {
      this.layers = layers;
      return this;
    }

    /** Whether a second direction reads each sequence from its end. */
    public Builder bidirectional(boolean bidirectional) {
      return direction(bidirectional ? Direction.BIDIRECTIONAL : Direction.FORWARD);
    }

    /** In which order the recurrent layers read the steps. */
    public Builder direction(Direction direction) {
      this.direction = direction;
      return this;
    }

    /** What is changed inside the recurrent cell. */
    public Builder options(CellOptions options) {
      this.options = options;
      return this;
    }

    /** Dropout between recurrent layers. */
    public Builder dropout(float dropout) {
      this.dropout = dropout;
      return this;
    }

    /** Adds a hidden dense layer above those already added. */
    public Builder dense(int size, Activation activation) {
      denseLayers.add(new DenseSpec(size, activation));
      return this;
    }

    /** Which hidden states are read. */
    public Builder readout(Readout readout) {
      this.readout = readout;
      return this;
    }

    /** What training minimises. */
    public Builder loss(Loss loss) {
      this.loss = loss;
      return this;
    }

    /** Whether sequences, and streams, start from a state that is learned; from zero if not. */
    public Builder learnedInitialState(boolean learnedInitialState) {
      this.learnedInitialState = learnedInitialState;
      return this;
    }

    /**
     * Makes the output layer an adaptive softmax, for vocabularies of tens of thousands and more
     * that are sorted by falling frequency: the classes from the first cutoff on are in clusters,
     * each of which sees features narrower by {@code divisor}, usually 4, than those before it.
     */
    public Builder adaptiveSoftmax(int divisor, int... cutoffs) {
      return clusters(new OutputClusters(Arrays.stream(cutoffs).boxed().toList(), divisor));
    }

    /** How the output layer cuts its classes. */
    public Builder clusters(OutputClusters clusters) {
      this.clusters = clusters;
      return this;
    }

    /**
     * The spec.
     *
     * @throws IllegalArgumentException naming the first value that is out of range
     */
    public SequenceModelSpec build() {
      if (Math.min(hiddenSize, Math.min(layers, outputSize)) > 0) {
        // Before the limits of a stack, which are larger and do not name the model.
        atMost("layers", layers);
        requireWeights(
            weights(
                input,
                cell,
                hiddenSize,
                layers,
                direction,
                options,
                denseLayers,
                outputSize,
                learnedInitialState,
                clusters));
      }
      return new SequenceModelSpec(
          input,
          new RnnSpec(cell, input.width(), hiddenSize, layers, direction, dropout, options),
          denseLayers,
          outputSize,
          readout,
          loss,
          learnedInitialState,
          clusters);
    }
  }
}
