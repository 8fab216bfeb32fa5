package dev.sequor.exchange.onnx;

import dev.sequor.backend.Backend;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.exchange.TensorLayout.Part;
import dev.sequor.io.Tensor;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.ValueShape;
import dev.sequor.rnn.TensorRegion;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

/** Models with random weights and inputs, and what becomes of them in a file. */
final class WrittenModel {
  private WrittenModel() {}

  static List<NamedTensor> parameters(Network network, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<NamedTensor> parameters = new ArrayList<>();
    for (TensorRegion region : network.layout().regions()) {
      float[] values = new float[Math.toIntExact(region.elements())];
      for (int i = 0; i < values.length; i++) {
        values[i] = (float) random.nextDouble(-0.5, 0.5);
      }
      parameters.add(new NamedTensor(region.name(), region.shape(), values));
    }
    return parameters;
  }

  /**
   * The same of so many sequences.
   *
   * @param timeSteps of the time axes that are not to be open either
   */
  static ExchangedModel fixed(ExchangedModel model, int batchSize, Map<String, Integer> timeSteps) {
    Map<String, ValueShape> shapes = model.network().shapes();
    return new ExchangedModel(
        model.network(),
        model.parameters(),
        model.inputs().stream()
            .map(
                input ->
                    new ExchangedModel.Input(
                        input.name(),
                        input.type(),
                        fixed(
                            input.layout(),
                            batchSize,
                            input.areLengths()
                                ? 0
                                : timeSteps.getOrDefault(
                                    Objects.requireNonNull(shapes.get(input.value())).axis(), 0)),
                        input.value(),
                        input.areLengths(),
                        input.mask(),
                        input.optional()))
            .toList(),
        model.outputs().stream()
            .map(
                output ->
                    new ExchangedModel.Output(
                        output.name(),
                        fixed(
                            output.layout(),
                            batchSize,
                            timeSteps.getOrDefault(
                                Objects.requireNonNull(shapes.get(output.value())).axis(), 0)),
                        output.value(),
                        output.likeliest()))
            .toList());
  }

  private static TensorLayout fixed(TensorLayout layout, int batchSize, int steps) {
    return new TensorLayout(
        layout.dimensions().stream()
            .map(parts -> parts.stream().map(part -> fixed(part, batchSize, steps)).toList())
            .toList(),
        layout.columns());
  }

  private static Part fixed(Part part, int batchSize, int steps) {
    return switch (part.kind()) {
      case BATCH -> new Part(part.kind(), batchSize, 0);
      case STEPS -> new Part(part.kind(), Math.max(part.size(), steps), 0);
      case COLUMNS -> part;
    };
  }

  /** Something for each input; lengths of 0, too, if there are any. */
  static List<Tensor> inputs(
      ExchangedModel model, int batchSize, Map<String, Integer> timeSteps, int least, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    List<Tensor> tensors = new ArrayList<>();
    for (ExchangedModel.Input input : model.inputs()) {
      if (input.areLengths()) {
        int steps = Objects.requireNonNull(timeSteps.get(input.value()));
        long[] lengths = random.longs(batchSize, Math.min(least, steps), steps + 1L).toArray();
        tensors.add(Tensor.ofIntegers(input.name(), lengths, List.of((long) batchSize)));
        continue;
      }
      ValueShape shape = Objects.requireNonNull(model.network().shapes().get(input.value()));
      List<Long> sizes = input.layout().shape(timeSteps.getOrDefault(shape.axis(), 1), batchSize);
      int count = (int) sizes.stream().mapToLong(Long::longValue).reduce(1, (a, b) -> a * b);
      if (shape instanceof ValueShape.Tokens tokens) {
        long[] values = random.longs(count, 0, tokens.vocabularySize()).toArray();
        tensors.add(Tensor.ofIntegers(input.name(), values, sizes));
      } else {
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
          values[i] = (float) random.nextDouble(-1, 1);
        }
        tensors.add(
            Tensor.ofFloats(
                input.name(), values, sizes.stream().mapToLong(Long::longValue).toArray()));
      }
    }
    return tensors;
  }

  static List<Tensor> run(Backend backend, ExchangedModel model, List<Tensor> inputs) {
    try (ModelRunner runner = new ModelRunner(backend, model)) {
      return runner.run(inputs);
    }
  }

  static List<Tensor> runWritten(ExchangedModel model, Path file, int opset, List<Tensor> inputs)
      throws IOException {
    OnnxModel.write(model, file, opset);
    try (OnnxSession session = new OnnxSession(file)) {
      return session.run(inputs);
    }
  }

  /** Throws if tensors differ by more than 1e-5 of 1 and of themselves. */
  static void requireClose(List<Tensor> expected, List<Tensor> actual) {
    if (actual.size() != expected.size()) {
      throw new AssertionError(actual.size() + " outputs; expected " + expected.size());
    }
    for (int i = 0; i < expected.size(); i++) {
      Tensor want = expected.get(i);
      Tensor got = actual.get(i);
      if (!got.name().equals(want.name()) || !got.shape().equals(want.shape())) {
        throw new AssertionError(
            got.name() + got.shape() + "; expected " + want.name() + want.shape());
      }
      if (want.type().isInteger()) {
        if (!java.util.Arrays.equals(
            want.type().integers(want.data()), got.type().integers(got.data()))) {
          throw new AssertionError(want.name() + " has other integers");
        }
        continue;
      }
      float[] wanted = want.type().floats(want.data());
      float[] given = got.type().floats(got.data());
      for (int j = 0; j < wanted.length; j++) {
        boolean close =
            Math.abs(wanted[j] - given[j]) <= 1e-5f + 1e-5f * Math.abs(wanted[j])
                || Float.compare(wanted[j], given[j]) == 0;
        if (!close) {
          throw new AssertionError(
              want.name() + "[" + j + "] is " + given[j] + "; expected " + wanted[j]);
        }
      }
    }
  }
}
