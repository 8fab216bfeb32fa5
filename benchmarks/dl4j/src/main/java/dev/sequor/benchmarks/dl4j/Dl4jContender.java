package dev.sequor.benchmarks.dl4j;

import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Child;
import dev.sequor.benchmarks.Contender;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.Map;
import org.deeplearning4j.nn.conf.MultiLayerConfiguration;
import org.deeplearning4j.nn.conf.NeuralNetConfiguration;
import org.deeplearning4j.nn.conf.layers.LSTM;
import org.deeplearning4j.nn.gradient.Gradient;
import org.deeplearning4j.nn.multilayer.MultiLayerNetwork;
import org.deeplearning4j.nn.workspace.LayerWorkspaceMgr;
import org.nd4j.common.primitives.Pair;
import org.nd4j.linalg.activations.Activation;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;
import org.nd4j.linalg.learning.config.NoOp;

/** Deeplearning4j's LSTM layer in a network of its own, the way its users run one. */
public final class Dl4jContender implements Contender {
  // Which block of PyTorch's order (i, f, g, o) each of Deeplearning4j's comes from. It calls the
  // block input "i" and the
  // input gate "g": input, forget gate, output gate, input gate.
  private static final int[] ORDER = {2, 1, 3, 0};

  private Dl4jContender() {
    Nd4j.setDefaultDataTypes(DataType.FLOAT, DataType.FLOAT);
  }

  /** No arguments; {@code OMP_NUM_THREADS} sets the number of threads. */
  public static void main(String[] arguments) throws IOException {
    Child.serve(Dl4jContender::new);
  }

  @Override
  public String describe() {
    return "Deeplearning4j 1.0.0-M2.1 with nd4j-native, avx2";
  }

  @Override
  public Trial prepare(Case what, Problem numbers) {
    return new Dl4jTrial(what, numbers);
  }

  private static final class Dl4jTrial implements Trial {
    private final int timeSteps;
    private final int batchSize;
    private final int hiddenSize;
    private final boolean training;
    private final MultiLayerNetwork network;
    private final INDArray x;
    private final INDArray dy;
    private INDArray y;
    private Pair<Gradient, INDArray> gradients;

    Dl4jTrial(Case what, Problem numbers) {
      timeSteps = what.timeSteps();
      batchSize = what.batchSize();
      hiddenSize = what.hiddenSize();
      training = what.pass() == Case.Pass.FORWARD_BACKWARD;
      MultiLayerConfiguration configuration =
          new NeuralNetConfiguration.Builder()
              .updater(new NoOp())
              .list()
              .layer(
                  new LSTM.Builder()
                      .nIn(hiddenSize)
                      .nOut(hiddenSize)
                      .activation(Activation.TANH)
                      .gateActivationFunction(Activation.SIGMOID)
                      .build())
              .build();
      network = new MultiLayerNetwork(configuration);
      network.init();
      set("0_W", transposedBlocks(numbers.inputWeights(0, 0)), hiddenSize);
      set("0_RW", transposedBlocks(numbers.recurrentWeights(0, 0)), hiddenSize);
      float[] bias = numbers.inputBias(0, 0);
      float[] recurrentBias = numbers.recurrentBias(0, 0);
      for (int i = 0; i < bias.length; i++) {
        bias[i] += recurrentBias[i];
      }
      set("0_b", blocks(bias), 1);
      x = sequence(numbers.x());
      dy = training ? sequence(numbers.outputGradient()) : null;
    }

    private void set(String name, float[] values, int rows) {
      INDArray parameter = network.getParam(name);
      parameter.assign(Nd4j.createFromArray(values).reshape(rows, 4L * hiddenSize));
    }

    /** {@code [T,B,H]} to {@code [B,H,T]}, Deeplearning4j's layout. */
    private INDArray sequence(float[] timeMajor) {
      return Nd4j.createFromArray(timeMajor)
          .reshape(timeSteps, batchSize, hiddenSize)
          .permute(1, 2, 0)
          .dup('f');
    }

    private float[] timeMajor(INDArray sequence) {
      return sequence.permute(2, 0, 1).dup('c').data().asFloat();
    }

    private float[] blocks(float[] ours) {
      float[] theirs = new float[ours.length];
      for (int block = 0; block < 4; block++) {
        System.arraycopy(ours, ORDER[block] * hiddenSize, theirs, block * hiddenSize, hiddenSize);
      }
      return theirs;
    }

    /** {@code [4·H,H]} in our order of gates to {@code [H,4·H]} in theirs. */
    private float[] transposedBlocks(float[] ours) {
      float[] theirs = new float[ours.length];
      forEachWeight((our, their) -> theirs[their] = ours[our]);
      return theirs;
    }

    private float[] oursOfTransposed(INDArray gradient) {
      float[] theirs = gradient.dup('c').data().asFloat();
      float[] ours = new float[theirs.length];
      forEachWeight((our, their) -> ours[our] = theirs[their]);
      return ours;
    }

    private interface IndexPair {
      void visit(int ours, int theirs);
    }

    private void forEachWeight(IndexPair visitor) {
      for (int block = 0; block < 4; block++) {
        for (int unit = 0; unit < hiddenSize; unit++) {
          int row = ORDER[block] * hiddenSize + unit;
          for (int column = 0; column < hiddenSize; column++) {
            visitor.visit(
                row * hiddenSize + column, column * 4 * hiddenSize + block * hiddenSize + unit);
          }
        }
      }
    }

    @Override
    public void run() {
      if (training) {
        network.setInput(x);
        y = network.feedForward(true, false).get(1);
        gradients = network.backpropGradient(dy, LayerWorkspaceMgr.noWorkspaces());
      } else {
        y = network.output(x);
      }
    }

    @Override
    public Map<String, float[]> results() {
      Map<String, float[]> results = new LinkedHashMap<>();
      results.put("y", timeMajor(y));
      if (training) {
        Gradient gradient = gradients.getFirst();
        results.put("dx", timeMajor(gradients.getSecond()));
        results.put("dW", oursOfTransposed(gradient.getGradientFor("0_W")));
        results.put("dR", oursOfTransposed(gradient.getGradientFor("0_RW")));
        float[] theirs = gradient.getGradientFor("0_b").dup('c').data().asFloat();
        float[] bias = new float[theirs.length];
        for (int block = 0; block < 4; block++) {
          System.arraycopy(theirs, block * hiddenSize, bias, ORDER[block] * hiddenSize, hiddenSize);
        }
        // One bias for both of ours, which have the same gradient.
        results.put("dbW", bias);
        results.put("dbR", bias);
      }
      return results;
    }

    @Override
    public void close() {
      network.close();
    }
  }
}
