package dev.sequor.exchange.onnx;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.onnx.proto.OnnxMl.ModelProto;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.exchange.MutatedFiles;
import dev.sequor.exchange.MutatedRuns;
import dev.sequor.module.LastStep;
import dev.sequor.module.Network;
import dev.sequor.module.Pool;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Reverse;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
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
    backend = MutatedRuns.backend();
  }

  @AfterAll
  static void close() {
    backend.close();
  }

  @TestFactory
  Stream<DynamicTest> mutatedFilesAreReadOrRefused() throws IOException {
    List<Path> files = files();
    int count = MutatedFiles.count(40 * 2 * files.size()) / (2 * files.size());
    List<DynamicTest> tests = new ArrayList<>();
    for (Path path : files) {
      byte[] good = Files.readAllBytes(path);
      SplittableRandom random = new SplittableRandom(MutatedFiles.seed());
      tests.add(test("bytes of " + path, path, () -> MutatedFiles.mutated(good, random), count));
      MutatedModels models = new MutatedModels(ModelProto.parseFrom(good), MutatedFiles.seed() + 1);
      tests.add(test("fields of " + path, path, models::next, count));
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

  private DynamicTest test(String name, Path good, Supplier<byte[]> next, int count) {
    return DynamicTest.dynamicTest(name, () -> readAndRun(good, next, count));
  }

  private void readAndRun(Path good, Supplier<byte[]> next, int count) throws IOException {
    MutatedRuns.run(backend, OnnxModel.read(good));
    int refused =
        MutatedRuns.readAndRun(
            folder.resolve("mutated.onnx"),
            next,
            count,
            bytes -> 2 * bytes + MOST_BYTES,
            backend,
            OnnxModel::read);
    assertTrue(refused > count / 10, refused + " were refused");
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
}
