package dev.sequor.cli;

import dev.sequor.exchange.onnx.OnnxModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Writes a model as a file of another kind. */
@Command(
    name = "convert",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Writes a model as a file of another kind.",
    description =
        "Reads a model of this library, an ONNX, Keras or Deeplearning4j file, or a state dict of"
            + " PyTorch, and writes one of this library, an ONNX file or a state dict. Inputs and"
            + " outputs keep their names and layouts. A state dict has no graph: it becomes another"
            + " state dict, or a model if all it holds is one recurrent layer.")
final class ConvertCommand implements Callable<Integer> {
  @Parameters(index = "0", paramLabel = "IN", description = "The model to read.")
  private @Nullable Path in;

  @Parameters(
      index = "1",
      paramLabel = "OUT",
      description = "The file to write; one of the same kind is replaced.")
  private @Nullable Path out;

  /** Kinds that can be read. */
  static final class KindsRead extends Choice<ModelFiles.Kind> {
    KindsRead() {
      super(List.of(ModelFiles.Kind.values()), ModelFiles.Kind::id);
    }
  }

  /** Kinds that can be written. */
  static final class KindsWritten extends Choice<ModelFiles.Kind> {
    KindsWritten() {
      super(
          List.of(ModelFiles.Kind.SEQUOR, ModelFiles.Kind.ONNX, ModelFiles.Kind.STATE_DICT),
          ModelFiles.Kind::id);
    }
  }

  @Option(
      names = "--from",
      paramLabel = "sequor|pytorch|onnx|keras|dl4j",
      converter = KindsRead.class,
      completionCandidates = KindsRead.class,
      description = "What IN is (default: what its content says).")
  private ModelFiles.@Nullable Kind from;

  @Option(
      names = "--to",
      paramLabel = "sequor|onnx|pytorch",
      converter = KindsWritten.class,
      completionCandidates = KindsWritten.class,
      description =
          "What OUT becomes (default: onnx for NAME.onnx; for NAME.safetensors a model of this"
              + " library, of a state dict a state dict).")
  private ModelFiles.@Nullable Kind to;

  @Option(
      names = "--opset",
      paramLabel = "N",
      description = "The opset of an ONNX file (default: ${DEFAULT-VALUE}).",
      defaultValue = "" + OnnxModel.USUAL_OPSET)
  @Range("[" + OnnxModel.OLDEST_WRITTEN + "," + OnnxModel.NEWEST_WRITTEN + "]")
  private int opset;

  @Option(
      names = "--lengths",
      description =
          "The ONNX file takes lengths of padded sequences; else all have all steps. (Only of"
              + " models whose lengths may be left out.)")
  private boolean lengths;

  @Option(
      names = "--batch-first",
      description = "Sequences that are step by step, [T,B,W], become batch by batch, [B,T,W].")
  private boolean batchFirst;

  @Mixin private Console console = new Console();

  @Override
  public Integer call() throws IOException {
    Conversion conversion =
        new Conversion(Objects.requireNonNull(in), from, Objects.requireNonNull(out), to);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("from", conversion.from().id());
    result.put("to", conversion.to().id());
    result.put("file", String.valueOf(out));
    long parameters = conversion.run(new Conversion.Options(opset, lengths, batchFirst));
    result.put("parameters", parameters);
    if (!console.isJson()) {
      console
          .words()
          .println(
              String.format(
                  Locale.ROOT,
                  "%s to %s, %,d parameters: %s",
                  conversion.from(),
                  conversion.to(),
                  parameters,
                  out));
    }
    console.result(result);
    return 0;
  }
}
