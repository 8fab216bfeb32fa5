package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.data.SeriesWindow;
import dev.sequor.data.Values;
import dev.sequor.data.Window;
import dev.sequor.model.Clipping;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.Trainer;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import java.nio.DoubleBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.ASMoutput;
import org.bytedeco.pytorch.AdaptiveLogSoftmaxWithLossImpl;
import org.bytedeco.pytorch.AdaptiveLogSoftmaxWithLossOptions;
import org.bytedeco.pytorch.LongVector;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The loss and every gradient of an adaptive softmax, against PyTorch's in float64. */
class AdaptiveSoftmaxOracleTest {
  private static final int H = 9;
  private static final int I = 4;

  static Stream<String> devices() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name);
  }

  /** PyTorch's loss and its gradients, by the tensors in our order. */
  @SuppressWarnings("try") // the scope frees every tensor made inside it
  private static List<double[]> solve(
      AdaptiveSoftmax module, List<NamedTensor> tensors, float[] x, int[] targets) {
    try (PointerScope scope = new PointerScope()) {
      LongVector cutoffs = new LongVector();
      module.cutoffs().forEach(c -> cutoffs.push_back(c));
      AdaptiveLogSoftmaxWithLossOptions options =
          new AdaptiveLogSoftmaxWithLossOptions(H, module.classes(), cutoffs);
      options.div_value().put(module.divisor());
      AdaptiveLogSoftmaxWithLossImpl impl = new AdaptiveLogSoftmaxWithLossImpl(options);
      impl.to(torch.ScalarType.Double, false);
      Tensor dense = leaf(tensors.get(0));
      Tensor bias = leaf(tensors.get(1));
      TensorVector theirs = impl.parameters();
      assertEquals(tensors.size() - 2, theirs.size());
      for (int i = 2; i < tensors.size(); i++) {
        Tensor value = leaf(tensors.get(i)).detach();
        assertEquals(value.numel(), theirs.get(i - 2).numel());
        theirs.get(i - 2).set_data(value);
      }
      List<double[]> rows = new ArrayList<>();
      List<Long> valid = new ArrayList<>();
      for (int r = 0; r < targets.length; r++) {
        if (targets[r] >= 0) {
          double[] row = new double[I];
          for (int i = 0; i < I; i++) {
            row[i] = x[r * I + i];
          }
          rows.add(row);
          valid.add((long) targets[r]);
        }
      }
      double[] flat = rows.stream().flatMapToDouble(Arrays::stream).toArray();
      Tensor features = Tensor.create(flat, rows.size(), I).mm(dense.t()).add(bias);
      long[] classes = valid.stream().mapToLong(Long::longValue).toArray();
      ASMoutput output = impl.forward(features, Tensor.create(classes, classes.length));
      Tensor loss = output.output().mean().neg();
      loss.backward();
      List<double[]> results = new ArrayList<>();
      results.add(values(loss));
      results.add(values(dense.grad()));
      results.add(values(bias.grad()));
      for (int i = 0; i < theirs.size(); i++) {
        Tensor gradient = theirs.get(i).grad();
        // PyTorch takes none by a cluster that no target is in.
        boolean none = !gradient.defined();
        results.add(none ? new double[(int) theirs.get(i).numel()] : values(gradient));
      }
      return results;
    }
  }

  private static Tensor leaf(NamedTensor tensor) {
    double[] values = new double[tensor.values().length];
    for (int i = 0; i < values.length; i++) {
      values[i] = tensor.values()[i];
    }
    Tensor leaf =
        Tensor.create(values, tensor.shape().stream().mapToLong(Integer::longValue).toArray());
    leaf.set_requires_grad(true);
    return leaf;
  }

  private static double[] values(Tensor tensor) {
    DoubleBuffer buffer = tensor.detach().contiguous().createBuffer();
    double[] values = new double[(int) tensor.numel()];
    buffer.get(values);
    return values;
  }

  @ParameterizedTest
  @MethodSource("devices")
  void lossAndGradientsEqualPyTorch(String device) {
    // T, B, V, cutoffs; the third has more rows in a cluster than one chunk takes.
    int[][] cases = {{1, 1, 40, 4, 20}, {5, 3, 60, 10, 30}, {60, 5, 90, 5, 70}, {20, 15, 30, 29}};
    for (int[] c : cases) {
      List<Integer> cutoffs = Arrays.stream(c).skip(3).boxed().toList();
      AdaptiveSoftmax module = new AdaptiveSoftmax(H, c[2], cutoffs, 2);
      Network network =
          Network.builder()
              .vectors("x", I)
              .add("dense", new Linear(I, H), "x")
              .add("classes", module, "dense")
              .build();
      NetworkModelSpec spec = new NetworkModelSpec(network, Loss.softmaxCrossEntropy());
      Random random = new Random(c[0]);
      int rows = c[0] * c[1];
      float[] x = new float[rows * I];
      for (int i = 0; i < x.length; i++) {
        x[i] = (float) random.nextGaussian();
      }
      int[] targets = random.ints(rows, 0, c[2]).toArray();
      for (int r = 1; r < rows; r += 4) {
        targets[r] = -1;
      }
      Window window =
          new SeriesWindow(c[0], c[1], new Values.Reals(x), new Values.Tokens(targets), null, true);
      try (Backend backend = Devices.open(device);
          SequenceModel model = new SequenceModel(backend, spec, 5);
          Trainer trainer = new Trainer(model, Optimizer.sgd(1f), Clipping.none(), 1)) {
        List<NamedTensor> before = model.tensors();
        List<double[]> expected = solve(module, before, x, targets);
        String what = device + " " + Arrays.toString(c);
        double loss = expected.get(0)[0];
        assertEquals(loss, model.loss(window, null).mean(), 1e-5 * loss, what);
        assertEquals(loss, trainer.step(window).loss().mean(), 1e-5 * loss, what);
        // An update of rate 1 takes the gradient off.
        List<NamedTensor> after = model.tensors();
        for (int i = 0; i < before.size(); i++) {
          float[] old = before.get(i).values();
          boolean any = false;
          for (int j = 0; j < old.length; j++) {
            double gradient = (double) old[j] - after.get(i).values()[j];
            assertEquals(expected.get(1 + i)[j], gradient, 2e-6, what + " " + before.get(i).name());
            any |= gradient != 0;
          }
          boolean trivial = c[0] == 1 || c[2] == 30; // a row, or a cluster of a single class
          assertTrue(any || trivial, what + ": no gradient by " + before.get(i).name());
        }
      }
    }
  }
}
