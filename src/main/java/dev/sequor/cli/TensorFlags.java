package dev.sequor.cli;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which model to run, and on which tensors. */
final class TensorFlags {
  @Option(
      names = "--model",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "Instead of MODEL: any model, of this library or another's (ONNX, Keras, Deeplearning4j),"
              + " with tensors in and out.")
  private @Nullable Path model;

  @Option(
      names = "--input",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description =
          "With --model: safetensors with a tensor for each input of the model, named, shaped and"
              + " laid out as it has them (see sequor inspect).")
  private @Nullable Path input;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      preprocessor = Verbatim.class,
      description = "With --model: where to write the outputs, as safetensors.")
  private @Nullable Path output;

  /** Whether any of these options is given. */
  boolean isGiven() {
    return model != null || input != null || output != null;
  }

  /** The model's file. */
  Path model() {
    return needed(model, "--model FILE, the model");
  }

  /** The inputs' file. */
  Path input() {
    return needed(input, "--input FILE with the model's inputs");
  }

  /** The outputs' file. */
  Path output() {
    return needed(output, "--output FILE for the model's outputs");
  }

  private static Path needed(@Nullable Path path, String what) {
    if (path == null) {
      throw new IllegalArgumentException("needed " + what);
    }
    return path;
  }
}
