package dev.sequor.contract;

import dev.sequor.backend.UpdateRule;
import java.nio.DoubleBuffer;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Adagrad;
import org.bytedeco.pytorch.AdagradOptions;
import org.bytedeco.pytorch.Adam;
import org.bytedeco.pytorch.AdamOptions;
import org.bytedeco.pytorch.AdamW;
import org.bytedeco.pytorch.AdamWOptions;
import org.bytedeco.pytorch.Optimizer;
import org.bytedeco.pytorch.RMSprop;
import org.bytedeco.pytorch.RMSpropOptions;
import org.bytedeco.pytorch.SGD;
import org.bytedeco.pytorch.SGDOptions;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** PyTorch's optimisers and losses in float64. */
final class LibTorchTraining {
  private static final double RATE = 0.01f;
  private static final double MOMENTUM = 0.9f;
  private static final double ALPHA = 0.95f;

  /** β₁ of Adam is {@link #MOMENTUM}; PyTorch has both by itself. */
  private static final double BETA2 = 0.999f;

  private static final double EPSILON = 1e-3f;

  /** In PyTorch's enumeration of reductions. */
  private static final long MEAN = 1;

  private LibTorchTraining() {}

  /** Ours, in the order of {@link UpdateRule}. */
  static List<Float> constants(UpdateRule rule, double weightDecay) {
    float decay = (float) weightDecay;
    return switch (rule) {
      case SGD, NESTEROV -> List.of((float) MOMENTUM, decay);
      case ADAM, ADAMW -> List.of((float) MOMENTUM, (float) BETA2, (float) EPSILON, decay);
      case RMSPROP -> List.of((float) ALPHA, (float) EPSILON, decay);
      case CENTERED_RMSPROP -> List.of((float) ALPHA, (float) EPSILON, decay, (float) MOMENTUM);
      case ADAGRAD -> List.of((float) EPSILON, decay);
      case LION -> throw new IllegalArgumentException("PyTorch has no " + rule);
    };
  }

  /** {@code start} after an update by each of {@code gradients}. */
  @SuppressWarnings("try") // the scope frees every tensor made inside it
  static double[] updated(
      UpdateRule rule, double weightDecay, double[] start, List<double[]> gradients) {
    try (PointerScope scope = new PointerScope()) {
      Tensor w = Tensor.create(start, start.length);
      w.set_requires_grad(true);
      Optimizer optimizer = optimizer(rule, (float) weightDecay, new TensorVector(w));
      for (double[] gradient : gradients) {
        // The gradient of a sum of products is the factors.
        optimizer.zero_grad();
        w.mul(Tensor.create(gradient, gradient.length)).sum().backward();
        optimizer.step();
      }
      return values(w);
    }
  }

  private static Optimizer optimizer(UpdateRule rule, double decay, TensorVector parameters) {
    switch (rule) {
      case SGD, NESTEROV -> {
        SGDOptions options = new SGDOptions(RATE);
        options.momentum().put(MOMENTUM);
        options.weight_decay().put(decay);
        options.nesterov().put(rule == UpdateRule.NESTEROV);
        return new SGD(parameters, options);
      }
      case ADAM -> {
        AdamOptions options = new AdamOptions(RATE);
        options.eps().put(EPSILON);
        options.weight_decay().put(decay);
        return new Adam(parameters, options);
      }
      case ADAMW -> {
        AdamWOptions options = new AdamWOptions(RATE);
        options.eps().put(EPSILON);
        options.weight_decay().put(decay);
        return new AdamW(parameters, options);
      }
      case RMSPROP, CENTERED_RMSPROP -> {
        boolean centered = rule == UpdateRule.CENTERED_RMSPROP;
        RMSpropOptions options = new RMSpropOptions(RATE);
        options.alpha().put(ALPHA);
        options.eps().put(EPSILON);
        options.weight_decay().put(decay);
        options.momentum().put(centered ? MOMENTUM : 0);
        options.centered().put(centered);
        return new RMSprop(parameters, options);
      }
      case ADAGRAD -> {
        AdagradOptions options = new AdagradOptions(RATE);
        options.eps().put(EPSILON);
        options.weight_decay().put(decay);
        return new Adagrad(parameters, options);
      }
      case LION -> {}
    }
    throw new IllegalArgumentException("PyTorch has no " + rule);
  }

  /** The mean loss, and then its gradient by {@code a [rows,N]}; a negative class is none. */
  @SuppressWarnings("try")
  static double[] crossEntropy(double[] a, int[] classes, float[] weights) {
    try (PointerScope scope = new PointerScope()) {
      Tensor outputs = Tensor.create(a, classes.length, weights.length);
      outputs.set_requires_grad(true);
      long[] targets = Arrays.stream(classes).asLongStream().toArray();
      double[] byClass = new double[weights.length];
      for (int i = 0; i < byClass.length; i++) {
        byClass[i] = weights[i];
      }
      return gradient(
          torch.cross_entropy_loss(
              outputs,
              Tensor.create(targets, targets.length),
              new TensorOptional(Tensor.create(byClass, byClass.length)),
              MEAN,
              -1,
              0),
          outputs);
    }
  }

  /** The same by the mean over all elements of {@code a [rows,N]}. */
  @SuppressWarnings("try")
  static double[] binaryCrossEntropy(double[] a, double[] t, int n, double positiveWeight) {
    try (PointerScope scope = new PointerScope()) {
      Tensor outputs = Tensor.create(a, a.length / n, n);
      outputs.set_requires_grad(true);
      double[] positive = new double[n];
      Arrays.fill(positive, positiveWeight);
      return gradient(
          torch.binary_cross_entropy_with_logits(
              outputs,
              Tensor.create(t, t.length / n, n),
              new TensorOptional(),
              new TensorOptional(Tensor.create(positive, n)),
              MEAN),
          outputs);
    }
  }

  private static double[] gradient(Tensor loss, Tensor by) {
    loss.backward();
    double[] gradient = values(by.grad());
    double[] all = new double[1 + gradient.length];
    all[0] = loss.item_double();
    System.arraycopy(gradient, 0, all, 1, gradient.length);
    return all;
  }

  private static double[] values(Tensor tensor) {
    DoubleBuffer buffer = tensor.detach().contiguous().createBuffer();
    double[] values = new double[(int) tensor.numel()];
    buffer.get(values);
    return values;
  }
}
