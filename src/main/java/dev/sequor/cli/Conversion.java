package dev.sequor.cli;

import dev.sequor.cli.ModelFiles.Kind;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.StateDict;
import dev.sequor.exchange.TorchModel;
import dev.sequor.exchange.onnx.OnnxModel;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.TrainedModel;
import dev.sequor.module.NamedTensor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A model from a file of one kind to a file of another. */
final class Conversion {
  private final Path in;
  private final Kind from;
  private final Path out;
  private final Kind to;

  /**
   * How a model is written.
   *
   * @param opset of ONNX
   * @param lengths whether inputs of lengths that may be left out are kept in ONNX
   * @param batchFirst whether sequences become batch by batch
   */
  record Options(int opset, boolean lengths, boolean batchFirst) {}

  /**
   * A conversion.
   *
   * @param from what {@code in} is; null for what its content says
   * @param to what {@code out} is to be; null for what its name says
   * @throws IllegalArgumentException if its name does not say it, or something else is there
   */
  Conversion(Path in, @Nullable Kind from, Path out, @Nullable Kind to) throws IOException {
    this.in = in;
    this.from = from == null ? ModelFiles.kind(in) : from;
    this.out = out;
    this.to = to == null ? byName(out, this.from) : to;
    requireReplaceable();
  }

  Kind from() {
    return from;
  }

  Kind to() {
    return to;
  }

  private static Kind byName(Path out, Kind from) {
    String name = String.valueOf(out.getFileName()).toLowerCase(Locale.ROOT);
    if (name.endsWith(".onnx")) {
      return Kind.ONNX;
    } else if (name.endsWith(".safetensors")) {
      return from == Kind.STATE_DICT ? Kind.STATE_DICT : Kind.SEQUOR;
    }
    throw new IllegalArgumentException(
        "OUT is " + out + "; needed a name that ends in .onnx or .safetensors, or --to");
  }

  /** Nothing is lost: what is read, or what is there and of another kind. */
  private void requireReplaceable() throws IOException {
    if (!Files.exists(out)) {
      return;
    }
    if (Files.exists(in) && Files.isSameFile(in, out)) {
      throw new IllegalArgumentException("OUT is " + out + ", and IN as well; needed another file");
    }
    if (to != Kind.SEQUOR && !ModelFiles.isOf(to, out)) { // saving looks for itself
      throw new IllegalArgumentException(
          "OUT is " + out + ", which is there and no " + to + "; needed another name");
    }
  }

  /** Does it, and says how many parameters there are. */
  long run(Options options) throws IOException {
    if (from == Kind.STATE_DICT) {
      return ofStateDict(options);
    }
    if (from == Kind.SEQUOR && to == Kind.SEQUOR && !options.batchFirst() && isTrained()) {
      TrainedModel trained = TrainedModel.load(in); // with what its numbers mean
      trained.save(out);
      return count(trained.parameters());
    }
    return write(ModelFiles.read(from, in), options);
  }

  private boolean isTrained() throws IOException {
    return Files.isDirectory(in) || TrainedModel.isIn(in);
  }

  private long ofStateDict(Options options) throws IOException {
    try (StateDict dict = StateDict.open(in)) {
      if (to != Kind.STATE_DICT) {
        return write(TorchModel.readLayer(dict), options);
      }
      long parameters = 0;
      for (String name : dict.names()) {
        parameters += dict.shape(name).stream().reduce(1L, Math::multiplyExact);
      }
      dict.copy(out);
      return parameters;
    }
  }

  private long write(ExchangedModel read, Options options) throws IOException {
    ExchangedModel model = options.batchFirst() ? read.batchFirst() : read;
    if (to == Kind.SEQUOR) {
      model.save(out);
      return count(model.parameters());
    }
    try {
      if (to == Kind.ONNX) {
        OnnxModel.write(options.lengths() ? model : model.withoutLengths(), out, options.opset());
      } else {
        TorchModel.write(model.network(), model.parameters(), Map.of(), out);
      }
    } catch (IllegalArgumentException e) {
      throw new MalformedFileException(in, "cannot be written as " + to + ": " + e.getMessage(), e);
    }
    return count(model.parameters());
  }

  private static long count(List<NamedTensor> tensors) {
    return tensors.stream().mapToLong(tensor -> tensor.values().length).sum();
  }
}
