package dev.sequor.benchmarks.peers;

import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Child;
import dev.sequor.benchmarks.Contender;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.GRUImpl;
import org.bytedeco.pytorch.GRUOptions;
import org.bytedeco.pytorch.LSTMImpl;
import org.bytedeco.pytorch.LSTMOptions;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.PackedSequence;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;

/** {@code torch.nn.LSTM} and {@code torch.nn.GRU} of LibTorch, called through JavaCPP. */
public final class PyTorchContender implements Contender {
  /** Whether sequences of differing lengths run to the end of the longest, and are not packed. */
  private final boolean padded;

  private PyTorchContender(int threads, boolean padded) {
    this.padded = padded;
    torch.set_num_threads(threads);
    torch.set_num_interop_threads(1);
  }

  /**
   * Arguments: PyTorch's intra-op threads; whether sequences are padded rather than packed. {@code
   * OPENBLAS_NUM_THREADS} sets OpenBLAS's threads.
   */
  public static void main(String[] arguments) throws IOException {
    Child.serve(
        () ->
            new PyTorchContender(
                Integer.parseInt(arguments[0]), Boolean.parseBoolean(arguments[1])));
  }

  @Override
  public String describe() {
    String jar = torch.class.getProtectionDomain().getCodeSource().getLocation().getPath();
    String version = jar.substring(jar.lastIndexOf('/') + 1).replaceFirst("\\.jar$", "");
    return "LibTorch through JavaCPP, "
        + version
        + " (a build with OpenBLAS"
        + (torch.hasMKL() ? ", MKL" : "")
        + (torch.hasMKLDNN() ? ", oneDNN " + torch.get_mkldnn_version().getString() : "")
        + "), ATen's kernels for "
        + torch.get_cpu_capability().getString();
  }

  @Override
  public Trial prepare(Case what, Problem numbers) {
    return new TorchTrial(what, numbers);
  }

  private final class TorchTrial implements Trial {
    private final PointerScope scope = new PointerScope();
    private final Case what;
    private final boolean training;
    private final LSTMImpl lstm;
    private final GRUImpl gru;
    private final Module layer;
    private final Tensor x;
    private final Tensor dy;

    /** What is packed has its rows in an order of its own; null where all lengths are the same. */
    private final PackedSequence packedX;

    /** A handle that outlives the scope of a call; the next call frees what it held. */
    private final Tensor y = new Tensor();

    TorchTrial(Case what, Problem numbers) {
      this.what = what;
      training = what.pass() == Case.Pass.FORWARD_BACKWARD;
      lstm = what.cell() == Case.Cell.LSTM ? new LSTMImpl(lstmOptions()) : null;
      gru = what.cell() == Case.Cell.LSTM ? null : new GRUImpl(gruOptions());
      layer = lstm != null ? lstm : gru;
      int h = what.hiddenSize();
      for (int l = 0; l < what.layers(); l++) {
        for (int d = 0; d < what.directions(); d++) {
          int columns = what.shape().inputSize(l);
          set("weight_ih", l, d, numbers.inputWeights(l, d), what.gateRows(), columns);
          set("weight_hh", l, d, numbers.recurrentWeights(l, d), what.gateRows(), h);
          set("bias_ih", l, d, numbers.inputBias(l, d), what.gateRows());
          set("bias_hh", l, d, numbers.recurrentBias(l, d), what.gateRows());
        }
      }
      Tensor sequences = Tensor.create(numbers.x(), sequence(1));
      Tensor gradient =
          training ? Tensor.create(numbers.outputGradient(), sequence(what.directions())) : null;
      if (what.shape().ragged() && !padded) {
        // Outside of the timed calls, which is in PyTorch's favour.
        PackedSequence packed = packed(sequences);
        x = packed.data();
        packedX =
            new PackedSequence(
                x, packed.batch_sizes(), packed.sorted_indices(), packed.unsorted_indices());
        dy = training ? packed(gradient).data() : null;
      } else {
        x = sequences;
        packedX = null;
        dy = gradient;
      }
      x.set_requires_grad(training);
      layer.train(training);
    }

    private LSTMOptions lstmOptions() {
      LSTMOptions options = new LSTMOptions(what.hiddenSize(), what.hiddenSize());
      options.num_layers().put(what.layers());
      options.bidirectional().put(what.directions() == 2);
      return options;
    }

    private GRUOptions gruOptions() {
      GRUOptions options = new GRUOptions(what.hiddenSize(), what.hiddenSize());
      options.num_layers().put(what.layers());
      options.bidirectional().put(what.directions() == 2);
      return options;
    }

    /** {@code [T,B,width·H]}. */
    private long[] sequence(int width) {
      return new long[] {what.timeSteps(), what.batchSize(), (long) width * what.hiddenSize()};
    }

    private PackedSequence packed(Tensor padded) {
      long[] lengths = Arrays.stream(what.shape().lengths()).asLongStream().toArray();
      return torch.pack_padded_sequence(padded, Tensor.create(lengths), false, false);
    }

    private static String name(String parameter, int layer, int direction) {
      return parameter + "_l" + layer + (direction == 0 ? "" : "_reverse");
    }

    private void set(String parameter, int layerIndex, int direction, float[] v, long... dims) {
      try (PointerScope inner = new PointerScope();
          NoGradGuard guard = new NoGradGuard()) {
        String name = name(parameter, layerIndex, direction);
        layer.named_parameters().get(name).copy_(Tensor.create(v, dims));
      }
    }

    @Override
    public void run() {
      try (PointerScope inner = new PointerScope()) {
        y.reset();
        if (training) {
          layer.zero_grad(true);
          x.mutable_grad().reset();
          forward();
          y.backward(dy, new BoolOptional(), false, new TensorArrayRefOptional());
        } else {
          try (NoGradGuard guard = new NoGradGuard()) {
            forward();
          }
        }
      }
    }

    private void forward() {
      if (packedX != null) {
        PackedSequence out =
            lstm != null
                ? lstm.forward_with_packed_input(packedX).get0()
                : gru.forward_with_packed_input(packedX).get0();
        y.put(out.data());
      } else {
        y.put(lstm != null ? lstm.forward(x).get0() : gru.forward(x).get0());
      }
    }

    @Override
    public Map<String, float[]> results() {
      Map<String, float[]> results = new LinkedHashMap<>();
      try (PointerScope inner = new PointerScope()) {
        results.put("y", rows(y, what.directions()));
        if (training) {
          results.put("dx", rows(x.grad(), 1));
          for (int l = 0; l < what.layers(); l++) {
            for (int d = 0; d < what.directions(); d++) {
              results.put(Problem.gradient("W", l, d), gradientOf("weight_ih", l, d));
              results.put(Problem.gradient("R", l, d), gradientOf("weight_hh", l, d));
              results.put(Problem.gradient("bW", l, d), gradientOf("bias_ih", l, d));
              results.put(Problem.gradient("bR", l, d), gradientOf("bias_hh", l, d));
            }
          }
        }
      }
      return results;
    }

    /** {@code [T,B,width·H]}; what lies past the end of a sequence counts for nothing. */
    private float[] rows(Tensor tensor, int width) {
      if (packedX == null) {
        return Problem.masked(what.shape(), values(tensor), width);
      }
      PackedSequence sequences =
          new PackedSequence(
              tensor.detach(),
              packedX.batch_sizes(),
              packedX.sorted_indices(),
              packedX.unsorted_indices());
      return values(torch.pad_packed_sequence(sequences).get0());
    }

    private float[] gradientOf(String parameter, int layerIndex, int direction) {
      String name = name(parameter, layerIndex, direction);
      return values(layer.named_parameters().get(name).grad());
    }

    private static float[] values(Tensor tensor) {
      FloatBuffer buffer = tensor.detach().contiguous().createBuffer();
      float[] values = new float[Math.toIntExact(tensor.numel())];
      buffer.get(values);
      return values;
    }

    @Override
    public void close() {
      scope.close();
    }
  }
}
