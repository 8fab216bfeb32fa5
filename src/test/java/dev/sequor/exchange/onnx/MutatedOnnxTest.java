package dev.sequor.exchange.onnx;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.onnx.proto.OnnxMl.ModelProto;
import dev.sequor.backend.Backend;
import dev.sequor.backend.BackendException;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.exchange.MutatedFiles;
import dev.sequor.exchange.TensorLayout;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.Tensor;
import dev.sequor.module.LastStep;
import dev.sequor.module.Network;
import dev.sequor.module.Pool;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Reverse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/** Whatever happens to an ONNX file: it is read, and then runs, or is refused with a reason. */
class MutatedOnnxTest {
  /**
   * Besides twice the size of the file: what a translation may work out ({@link Allowance}), once
   * as numbers and once as a network, and the classes that the first files load.
   */
  private static final long MOST_BYTES = 64L << 20;

  /** More numbers than this are not made up for a model to run with. */
  private static final long LARGEST_INPUT = 1 << 20;

  /** Of exporters' files those in which much goes on, and which are not refused as they are. */
  private static final List<String> CASES =
      List.of(
          "bare_lstm_nobias/torchscript_opset17.onnx",
          "char_lm_lstm/dynamo.onnx",
          "char_lm_rnn/dynamo.onnx",
          "classifier_bi_gru/torchscript_opset14.onnx",
          "encoder_decoder/dynamo.onnx",
          "learned_initial_state/torchscript_opset14.onnx",
          "lstm_cell_loop/torchscript_opset17.onnx",
          "lstm_state/torchscript_opset17.onnx",
          "mean_pool/dynamo.onnx",
          "packed_lstm_bi/torchscript_opset17.onnx",
          "residual/torchscript_opset17.onnx",
          "tagger/torchscript_opset14.onnx");

  private static Backend backend;

  @TempDir static Path written;

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    backend = Devices.open("java");
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  @TestFactory
  Stream<DynamicTest> mutatedFilesAreReadOrRefused() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    for (Path path : files()) {
      byte[] good = Files.readAllBytes(path);
      SplittableRandom random = new SplittableRandom(11);
      tests.add(test("bytes of " + path, path, () -> MutatedFiles.mutated(good, random)));
      MutatedModels models = new MutatedModels(ModelProto.parseFrom(good), 12);
      tests.add(test("fields of " + path, path, models::next));
    }
    return tests.stream();
  }

  private static List<Path> files() throws IOException {
    List<Path> files = new ArrayList<>();
    for (Exported exported : ExportedCases.endingIn(".onnx")) {
      if (CASES.contains(exported.toString()) && exported.why().isEmpty()) {
        files.add(exported.path());
      }
    }
    assumeTrue(!files.isEmpty(), "no ../shared/conformance/exported");
    Path small = ExportedCases.folder().resolveSibling("malformed_onnx/000_valid_control.onnx");
    if (Files.isRegularFile(small)) {
      files.add(small);
    }
    files.add(own());
    return files;
  }

  /** One of ours: cells that are a Scan, and what is made of lengths. */
  private static Path own() throws IOException {
    CellOptions options =
        CellOptions.builder().layerNorm(true).zoneout(0.25f, 0.125f).projectionSize(2).build();
    RnnSpec stack =
        RnnSpec.of(CellType.LSTM_PEEPHOLE, 3, 4).withBidirectional(true).withOptions(options);
    Network network =
        Network.builder()
            .vectors("x", 3)
            .add("rnn", new Recurrent(stack), "x")
            .add("last", new LastStep(2), "rnn")
            .add("mean", new Pool(Pool.How.MEAN), "rnn")
            .add("maximum", new Pool(Pool.How.MAXIMUM), "x")
            .add("reverse", new Reverse(), "x")
            .output("last")
            .output("mean")
            .output("maximum")
            .output("reverse")
            .build();
    Path file = written.resolve("own.onnx");
    OnnxModel.write(ExchangedModel.of(network, WrittenModel.parameters(network, 1)), file, 16);
    return file;
  }

  private DynamicTest test(String name, Path good, Supplier<byte[]> next) {
    return DynamicTest.dynamicTest(name, () -> readAndRun(good, next, MutatedFiles.count(40)));
  }

  private void readAndRun(Path good, Supplier<byte[]> next, int count) throws IOException {
    List<ExchangedModel> last = new ArrayList<>();
    run(read(good));
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.onnx"),
            () -> {
              last.forEach(MutatedOnnxTest::run);
              last.clear();
              return next.get();
            },
            count,
            bytes -> 2 * bytes + MOST_BYTES,
            path -> last.add(read(path)));
    last.forEach(MutatedOnnxTest::run);
    assertTrue(refused > count / 10, refused + " were refused");
  }

  /** What is refused is so for something that was found, not for what came of it. */
  private static ExchangedModel read(Path path) throws IOException {
    try {
      return OnnxModel.read(path);
    } catch (MalformedFileException e) {
      for (Throwable cause = e; cause != null; cause = cause.getCause()) {
        if (cause instanceof IndexOutOfBoundsException
            || cause instanceof ArithmeticException
            || cause instanceof NegativeArraySizeException
            || cause instanceof ClassCastException
            || cause instanceof NullPointerException) {
          throw new AssertionError("refused for what came of it", e);
        }
      }
      throw e;
    }
  }

  private static void run(ExchangedModel model) {
    List<Tensor> inputs = new ArrayList<>();
    for (ExchangedModel.Input input : model.inputs()) {
      List<Long> sizes = sizes(input.layout());
      long count = 1;
      for (long size : sizes) {
        count *= size;
        if (count > LARGEST_INPUT) {
          return;
        }
      }
      if (input.type().isInteger()) {
        long[] numbers = new long[(int) count];
        Arrays.fill(numbers, input.areLengths() ? 1 : 0);
        inputs.add(Tensor.ofIntegers(input.name(), numbers, sizes));
      } else {
        float[] numbers = new float[(int) count];
        Arrays.fill(numbers, 0.5f);
        long[] all = sizes.stream().mapToLong(Long::longValue).toArray();
        inputs.add(Tensor.ofFloats(input.name(), numbers, all));
      }
    }
    try (ModelRunner runner = new ModelRunner(backend, model)) {
      runner.run(inputs);
    } catch (IllegalArgumentException | BackendException e) {
      assertTrue(e.getMessage() != null, e.toString());
    }
  }

  /** Three steps, two sequences, where any number may be. */
  private static List<Long> sizes(TensorLayout layout) {
    List<Long> sizes = new ArrayList<>();
    for (List<TensorLayout.Part> parts : layout.dimensions()) {
      long size = 1;
      for (TensorLayout.Part part : parts) {
        size *= part.size() > 0 ? part.size() : part.kind() == TensorLayout.Kind.BATCH ? 2 : 3;
      }
      sizes.add(size);
    }
    return sizes;
  }
}
