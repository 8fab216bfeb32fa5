package dev.sequor.benchmarks.peers;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import dev.sequor.benchmarks.Case;
import dev.sequor.benchmarks.Child;
import dev.sequor.benchmarks.Contender;
import dev.sequor.benchmarks.Problem;
import dev.sequor.benchmarks.Trial;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.exchange.onnx.OnnxModel;
import dev.sequor.io.Tensor;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import dev.sequor.rnn.TensorRegion;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A whole model on Sequor's native engine, named tensors in and out: read from the ONNX file that
 * PyTorch writes of a layer with {@code batch_first=True}, or built here with the same sizes.
 */
public final class FileContender implements Contender {
  private final Backend backend = Devices.open("cpu");
  private final boolean imported;

  private FileContender(boolean imported) {
    this.imported = imported;
  }

  /** Arguments: whether the model comes from an ONNX file. */
  public static void main(String[] arguments) throws IOException {
    Child.serve(() -> new FileContender(Boolean.parseBoolean(arguments[0])));
  }

  @Override
  public String describe() {
    return "Sequor "
        + backend.name()
        + (imported ? ", model from an ONNX file" : ", model built with it");
  }

  @Override
  public Trial prepare(Case what, Problem numbers) throws IOException {
    return new FileTrial(what, numbers);
  }

  private final class FileTrial implements Trial {
    private final Case what;
    private final ModelRunner runner;
    private final Tensor x;
    private List<Tensor> result = List.of();

    FileTrial(Case what, Problem numbers) throws IOException {
      this.what = what;
      this.runner = new ModelRunner(backend, imported ? read(what, numbers) : built(what, numbers));
      this.x =
          imported
              ? Tensor.ofFloats(
                  "x",
                  OnnxRuntimeContender.sequences(what, numbers.x()),
                  OnnxRuntimeContender.batchFirstShape(what))
              : Tensor.ofFloats("x", numbers.x(), OnnxRuntimeContender.timeFirstShape(what));
    }

    @Override
    public void run() {
      result = runner.run(List.of(x));
    }

    @Override
    public Map<String, float[]> results() {
      Tensor tensor = result.get(0);
      float[] y = tensor.type().floats(tensor.data());
      return Map.of("y", imported ? OnnxRuntimeContender.steps(what, y) : y);
    }

    @Override
    public void close() {
      runner.close();
    }
  }

  private static ExchangedModel read(Case what, Problem numbers) throws IOException {
    Path file = Files.createTempFile("layer", ".onnx");
    try {
      Files.write(file, OnnxRuntimeContender.batchFirst(what, numbers).toByteArray());
      return OnnxModel.read(file);
    } finally {
      Files.delete(file);
    }
  }

  private static ExchangedModel built(Case what, Problem numbers) {
    int h = what.hiddenSize();
    RnnSpec layer = RnnSpec.of(CellType.valueOf(what.cell().name()), h, h);
    Network network =
        Network.builder().vectors("x", h).add("rnn", new Recurrent(layer), "x").build();
    List<float[]> values =
        List.of(
            numbers.inputWeights(0, 0),
            numbers.recurrentWeights(0, 0),
            numbers.inputBias(0, 0),
            numbers.recurrentBias(0, 0));
    List<NamedTensor> parameters = new ArrayList<>();
    List<TensorRegion> regions = network.layout().regions();
    for (int i = 0; i < regions.size(); i++) {
      parameters.add(new NamedTensor(regions.get(i).name(), regions.get(i).shape(), values.get(i)));
    }
    return ExchangedModel.of(network, parameters);
  }
}
