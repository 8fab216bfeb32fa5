package dev.sequor.benchmarks.peers;

import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.RnnSpec;
import java.util.Locale;
import org.bytedeco.pytorch.GRUImpl;
import org.bytedeco.pytorch.GRUOptions;
import org.bytedeco.pytorch.LSTMImpl;
import org.bytedeco.pytorch.LSTMOptions;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.RNNImpl;
import org.bytedeco.pytorch.RNNOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.kReLU;
import org.bytedeco.pytorch.kTanh;

/**
 * Which recurrent layers of PyTorch.
 *
 * @param cell one that PyTorch has
 * @param projection the width that an LSTM's hidden state is projected to; 0 for none
 * @param batchFirst whether tensors are {@code [B,T,…]} instead of {@code [T,B,…]}
 */
record TorchStack(
    CellType cell,
    int inputSize,
    int hiddenSize,
    int projection,
    int layers,
    boolean bidirectional,
    boolean biases,
    boolean batchFirst) {

  /** The layers as LibTorch makes them, with weights that it draws. */
  interface Layers {
    /** With the parameters, under PyTorch's names. */
    Module module();

    /** The outputs of all steps, from states of zeros. */
    Tensor forward(Tensor x);
  }

  Layers make() {
    return switch (cell) {
      case RNN_TANH, RNN_RELU -> rnn();
      case GRU_RESET_AFTER -> gru();
      case LSTM -> lstm();
      default -> throw new IllegalArgumentException("PyTorch has no " + cell);
    };
  }

  /** The same in Sequor, which has biases always. */
  RnnSpec spec() {
    CellOptions options =
        projection > 0
            ? CellOptions.builder().projectionSize(projection).build()
            : CellOptions.NONE;
    return RnnSpec.of(cell, inputSize, hiddenSize)
        .withLayers(layers)
        .withDirection(bidirectional ? Direction.BIDIRECTIONAL : Direction.FORWARD)
        .withOptions(options);
  }

  private Layers rnn() {
    RNNOptions options = new RNNOptions(inputSize, hiddenSize);
    options.num_layers().put(layers);
    options.bidirectional().put(bidirectional);
    options.bias().put(biases);
    options.batch_first().put(batchFirst);
    if (cell == CellType.RNN_RELU) {
      options.nonlinearity().put(new kReLU());
    } else {
      options.nonlinearity().put(new kTanh());
    }
    RNNImpl rnn = new RNNImpl(options);
    return new Layers() {
      @Override
      public Module module() {
        return rnn;
      }

      @Override
      public Tensor forward(Tensor x) {
        return rnn.forward(x).get0();
      }
    };
  }

  private Layers gru() {
    GRUOptions options = new GRUOptions(inputSize, hiddenSize);
    options.num_layers().put(layers);
    options.bidirectional().put(bidirectional);
    options.bias().put(biases);
    options.batch_first().put(batchFirst);
    GRUImpl gru = new GRUImpl(options);
    return new Layers() {
      @Override
      public Module module() {
        return gru;
      }

      @Override
      public Tensor forward(Tensor x) {
        return gru.forward(x).get0();
      }
    };
  }

  private Layers lstm() {
    LSTMOptions options = new LSTMOptions(inputSize, hiddenSize);
    options.num_layers().put(layers);
    options.bidirectional().put(bidirectional);
    options.bias().put(biases);
    options.batch_first().put(batchFirst);
    options.proj_size().put(projection);
    LSTMImpl lstm = new LSTMImpl(options);
    return new Layers() {
      @Override
      public Module module() {
        return lstm;
      }

      @Override
      public Tensor forward(Tensor x) {
        return lstm.forward(x).get0();
      }
    };
  }

  @Override
  public String toString() {
    return String.format(
        Locale.ROOT,
        "%s%s, %d layers, %s, %s, %s",
        cell,
        projection > 0 ? " projected" : "",
        layers,
        bidirectional ? "both directions" : "one direction",
        biases ? "biases" : "no biases",
        batchFirst ? "batch first" : "time first");
  }
}
