package dev.sequor.cli;

import dev.sequor.backend.Backend;
import dev.sequor.backend.WeightStorage;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.io.DurableFile;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.SafetensorsFile;
import dev.sequor.io.SafetensorsWriter;
import dev.sequor.io.Tensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Runs a model on the tensors in a file, and writes those that come of them to another. */
final class TensorPrediction {
  private TensorPrediction() {}

  /** What came of it, for the result of the command. */
  static Map<String, Object> run(
      TensorFlags flags, DeviceOption device, WeightStorage storage, Console console)
      throws IOException {
    Path from = flags.model();
    Path in = flags.input();
    Path out = flags.output();
    requireOther(out, from, "--model");
    requireOther(out, in, "--input");
    requireTensors(out);
    ExchangedModel model = ModelFiles.read(from);
    List<Tensor> inputs = named(SafetensorsFile.readAll(in), model, console);
    List<Tensor> outputs;
    String name;
    try (Backend backend = device.open(console.notes());
        ModelRunner runner = new ModelRunner(backend, model, storage)) {
      name = backend.name();
      outputs = runner.run(inputs);
    }
    DurableFile.write(out, channel -> SafetensorsWriter.write(channel, Map.of(), outputs));
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("device", name);
    List<Map<String, Object>> tensors = new ArrayList<>();
    for (Tensor output : outputs) {
      Map<String, Object> tensor = new LinkedHashMap<>();
      tensor.put("name", output.name());
      tensor.put("type", output.type().name());
      tensor.put("shape", output.shape());
      tensors.add(tensor);
    }
    result.put("outputs", tensors);
    result.put("file", out.toString());
    return result;
  }

  /** Of a model with one input it is clear which that is, whatever it is called. */
  private static List<Tensor> named(List<Tensor> given, ExchangedModel model, Console console) {
    List<ExchangedModel.Input> needed =
        model.inputs().stream().filter(input -> !input.optional()).toList();
    if (given.size() != 1 || needed.size() != 1) {
      return given;
    }
    Tensor only = given.get(0);
    String name = needed.get(0).name();
    if (only.name().equals(name)
        || model.inputs().stream().anyMatch(input -> input.name().equals(only.name()))) {
      return given;
    }
    console
        .notes()
        .println(
            "tensor '" + only.name() + "' is taken for the model's only input, '" + name + "'");
    return List.of(new Tensor(name, only.type(), only.shape(), only.data()));
  }

  /** Nothing that is read may be lost. */
  private static void requireOther(Path out, Path read, String option) throws IOException {
    if (Files.exists(out) && Files.exists(read) && Files.isSameFile(out, read)) {
      throw new IllegalArgumentException(
          "--output is " + out + ", and " + option + " as well; needed another file");
    }
  }

  /** Nor what is there and is no file of tensors. */
  private static void requireTensors(Path out) throws IOException {
    if (!Files.exists(out)) {
      return;
    }
    try {
      SafetensorsFile.open(out).close();
    } catch (MalformedFileException e) {
      throw new IllegalArgumentException(
          "--output is " + out + ", which is there and holds no tensors; needed another file", e);
    }
  }
}
