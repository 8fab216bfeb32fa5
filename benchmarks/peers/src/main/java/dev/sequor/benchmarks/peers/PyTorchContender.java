package dev.sequor.benchmarks.peers;

import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Child;
import dev.sequor.benchmarks.Contender;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.GRUImpl;
import org.bytedeco.pytorch.LSTMImpl;
import org.bytedeco.pytorch.Module;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;

/** {@code torch.nn.LSTM} and {@code torch.nn.GRU} of LibTorch, called through JavaCPP. */
public final class PyTorchContender implements Contender {
  private PyTorchContender(int threads) {
    torch.set_num_threads(threads);
    torch.set_num_interop_threads(1);
  }

  /** Arguments: PyTorch's intra-op threads; {@code OPENBLAS_NUM_THREADS} sets OpenBLAS's. */
  public static void main(String[] arguments) throws IOException {
    Child.serve(() -> new PyTorchContender(Integer.parseInt(arguments[0])));
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

  private static final class TorchTrial implements Trial {
    private final PointerScope scope = new PointerScope();
    private final boolean training;
    private final LSTMImpl lstm;
    private final GRUImpl gru;
    private final Module layer;
    private final Tensor x;
    private final Tensor dy;

    /** A handle that outlives the scope of a call; the next call frees what it held. */
    private final Tensor y = new Tensor();

    TorchTrial(Case what, Problem numbers) {
      training = what.pass() == Case.Pass.FORWARD_BACKWARD;
      int h = what.hiddenSize();
      lstm = what.cell() == Case.Cell.LSTM ? new LSTMImpl(h, h) : null;
      gru = what.cell() == Case.Cell.LSTM ? null : new GRUImpl(h, h);
      layer = lstm != null ? lstm : gru;
      set("weight_ih_l0", numbers.inputWeights(), what.gateRows(), h);
      set("weight_hh_l0", numbers.recurrentWeights(), what.gateRows(), h);
      set("bias_ih_l0", numbers.inputBias(), what.gateRows());
      set("bias_hh_l0", numbers.recurrentBias(), what.gateRows());
      long[] sequence = {what.timeSteps(), what.batchSize(), h};
      x = Tensor.create(numbers.x(), sequence);
      x.set_requires_grad(training);
      dy = training ? Tensor.create(numbers.outputGradient(), sequence) : null;
      layer.train(training);
    }

    private void set(String name, float[] values, long... dims) {
      try (PointerScope inner = new PointerScope();
          NoGradGuard guard = new NoGradGuard()) {
        layer.named_parameters().get(name).copy_(Tensor.create(values, dims));
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
      y.put(lstm != null ? lstm.forward(x).get0() : gru.forward(x).get0());
    }

    @Override
    public Map<String, float[]> results() {
      Map<String, float[]> results = new LinkedHashMap<>();
      try (PointerScope inner = new PointerScope()) {
        results.put("y", values(y));
        if (training) {
          results.put("dx", values(x.grad()));
          results.put("dW", gradientOf("weight_ih_l0"));
          results.put("dR", gradientOf("weight_hh_l0"));
          results.put("dbW", gradientOf("bias_ih_l0"));
          results.put("dbR", gradientOf("bias_hh_l0"));
        }
      }
      return results;
    }

    private float[] gradientOf(String parameter) {
      return values(layer.named_parameters().get(parameter).grad());
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
