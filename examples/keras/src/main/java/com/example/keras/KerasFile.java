package com.example.keras;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.exchange.keras.KerasModel;
import dev.sequor.io.Tensor;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/** Runs small.keras, of which Keras says 0.5072699 for this sequence, or another model of two numbers a step. */
class KerasFile {
  public static void main(String[] args) throws IOException {
    ExchangedModel model = KerasModel.read(Path.of(args[0]));
    float[] numbers = {0.1f, -0.2f, 0.3f, 0.4f, -0.5f, 0.6f};
    try (Backend backend = Devices.auto();
        ModelRunner runner = new ModelRunner(backend, model)) {
      Tensor y = runner.run(List.of(Tensor.ofFloats(model.inputs().get(0).name(), numbers, 1, 3, 2))).get(0);
      System.out.println("output " + y.type().floats(y.data())[0]);
    }
  }
}
