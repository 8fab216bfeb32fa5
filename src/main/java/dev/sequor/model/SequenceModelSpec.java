package dev.sequor.model;

import dev.sequor.backend.Activation;
import dev.sequor.backend.CellType;
import dev.sequor.backend.LossFunction;
import dev.sequor.rnn.RnnSpec;
import java.util.ArrayList;
import java.util.List;

/**
 * Everything that fixes a sequence model apart from its weights: input → recurrent stack → hidden
 * dense layers → linear output layer → loss. Plain records, numbers and enums throughout, so that
 * any record serialiser can write it.
 *
 * @param input what the model reads
 * @param cell the cell of every recurrent layer
 * @param hiddenSize {@code H}, the units of one direction of one recurrent layer
 * @param layers {@code L}, recurrent layers
 * @param bidirectional whether a second direction reads each sequence from its end
 * @param dropout probability of zeroing an element between two recurrent layers while training
 * @param denseLayers hidden layers between the recurrent stack and the output layer, often none
 * @param outputSize {@code N}, the outputs: classes for softmax, values otherwise
 * @param readout which hidden states are read
 * @param loss what training minimises, from the outputs before any squashing
 */
public record SequenceModelSpec(
    InputSpec input,
    CellType cell,
    int hiddenSize,
    int layers,
    boolean bidirectional,
    float dropout,
    List<DenseSpec> denseLayers,
    int outputSize,
    Readout readout,
    LossFunction loss) {

  /**
   * Checks every part.
   *
   * @throws IllegalArgumentException naming the first value that is out of range
   */
  public SequenceModelSpec {
    denseLayers = List.copyOf(denseLayers);
    new RnnSpec(cell, input.width(), hiddenSize, layers, bidirectional, dropout);
    if (outputSize < 1) {
      throw new IllegalArgumentException("outputSize is " + outputSize + "; needed at least 1");
    }
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

  /** The recurrent stack. */
  public RnnSpec rnn() {
    return new RnnSpec(cell, input.width(), hiddenSize, layers, bidirectional, dropout);
  }

  /** Collects a spec; {@link #build()} checks it. */
  public static final class Builder {
    private final InputSpec input;
    private final int outputSize;
    private final List<DenseSpec> denseLayers = new ArrayList<>();
    private CellType cell = CellType.LSTM;
    private int hiddenSize = 128;
    private int layers = 1;
    private boolean bidirectional;
    private float dropout;
    private Readout readout = Readout.EVERY_STEP;
    private LossFunction loss = LossFunction.SOFTMAX_CROSS_ENTROPY;

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
      this.bidirectional = bidirectional;
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
    public Builder loss(LossFunction loss) {
      this.loss = loss;
      return this;
    }

    /**
     * The spec.
     *
     * @throws IllegalArgumentException naming the first value that is out of range
     */
    public SequenceModelSpec build() {
      return new SequenceModelSpec(
          input,
          cell,
          hiddenSize,
          layers,
          bidirectional,
          dropout,
          denseLayers,
          outputSize,
          readout,
          loss);
    }
  }
}
