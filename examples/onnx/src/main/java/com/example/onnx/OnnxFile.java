package com.example.onnx;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.exchange.onnx.OnnxModel;
import dev.sequor.io.Tensor;
import dev.sequor.io.TrainedModel;
import dev.sequor.model.InputSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.model.SequenceModelSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Writes a model to an ONNX file, reads it from there, and says how far their outputs are apart. */
class OnnxFile {
  public static void main(String[] args) throws IOException {
    Path file = Path.of(args[0]);
    SequenceModelSpec spec = SequenceModelSpec.builder(InputSpec.dense(3), 2).hiddenSize(8).build();
    try (Backend backend = Devices.auto();
        SequenceModel model = new SequenceModel(backend, spec, 1)) {
      ExchangedModel written = ExchangedModel.of(TrainedModel.of(model)).withoutLengths();
      OnnxModel.write(written, file);
      float[] numbers = {0.1f, 0.2f, 0.3f, -0.4f, 0.5f, -0.6f, 0.7f, 0.8f, 0.9f, 1, -1, 0};
      Tensor x = Tensor.ofFloats(written.inputs().get(0).name(), numbers, 4, 1, 3);
      float[] expected = run(backend, written, x);
      float[] actual = run(backend, OnnxModel.read(file), x);
      double apart = 0;
      for (int i = 0; i < expected.length; i++) {
        apart = Math.max(apart, Math.abs(expected[i] - actual[i]));
      }
      System.out.println(actual.length + " outputs, apart " + apart);
    }
  }

  private static float[] run(Backend backend, ExchangedModel model, Tensor x) {
    try (ModelRunner runner = new ModelRunner(backend, model)) {
      Tensor y = runner.run(List.of(x)).get(0);
      return y.type().floats(y.data());
    }
  }
}
