package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import ai.onnx.proto.OnnxMl.ModelProto;
import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.exchange.onnx.OnnxModel;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.Tensor;
import dev.sequor.model.UsableBackends;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of one recurrent node give other projects' published numbers, or are refused: by name if
 * the library has no such layer.
 */
@Tag("gpu")
class OnnxFilesTest {
  private static final double BAR = 1e-5;

  /** What the files begin with whose cases are ONNX's nodes. */
  private static final List<String> BEGINNINGS = List.of("migraphx", "ort_");

  /** Opened once each: there are hundreds of cases. */
  private static final Map<String, Backend> BACKENDS = new HashMap<>();

  @TempDir Path folder;

  @AfterAll
  static void close() {
    BACKENDS.values().forEach(Backend::close);
    BACKENDS.clear();
  }

  /** A case as a file. */
  private record Written(String name, OnnxNodeCase node, ModelProto model) {}

  @TestFactory
  Stream<DynamicTest> publishedCases() throws IOException {
    Path conformance = ConformanceFiles.folder();
    assumeTrue(Files.isDirectory(conformance), () -> "there is no folder " + conformance);
    List<Written> all = new ArrayList<>();
    for (Path each : ConformanceFiles.onnxNodes(conformance)) {
      all.add(
          new Written(
              String.valueOf(each.getFileName()),
              ConformanceFiles.onnxNode(each),
              OnnxCaseFile.withWeights(each)));
    }
    List<String> files = ConformanceFiles.names(conformance);
    for (String file : files) {
      if (BEGINNINGS.stream().noneMatch(file::startsWith)) {
        continue;
      }
      for (OnnxNodeCase node : ConformanceFiles.nodes(conformance, file)) {
        all.add(new Written(node.id() + " of any size", node, OnnxCaseFile.model(node, 14, false)));
        all.add(new Written(node.id() + " of its sizes", node, OnnxCaseFile.model(node, 22, true)));
      }
    }
    List<DynamicTest> tests = new ArrayList<>();
    for (Written written : all) {
      if (written.node.kind().equals("reject")) {
        tests.add(dynamicTest(written.name + " is rejected", () -> rejects(written)));
      } else if (written.node.kind().equals("gradient")) {
        // A file gives outputs; gradients are compared on the engines (ConformanceContract).
        tests.add(dynamicTest(written.name + " is read", () -> OnnxModel.read(write(written))));
      } else if (written.node.unsupported() != null) {
        tests.add(dynamicTest(written.name + " is refused", () -> refuses(written)));
      } else {
        for (String device : UsableBackends.names().toList()) {
          tests.add(dynamicTest(written.name + " on " + device, () -> check(written, device)));
        }
      }
    }
    return tests.stream();
  }

  private Path write(Written written) throws IOException {
    return Files.write(folder.resolve("case.onnx"), written.model.toByteArray());
  }

  private void check(Written written, String device) throws IOException {
    List<Tensor> outputs = run(written, device);
    OnnxNodeCase node = written.node;
    List<String> names = written.model.getGraph().getNode(0).getOutputList();
    int compared = 0;
    for (int i = 0; i < names.size(); i++) {
      String role = ConformanceFiles.NODE_OUTPUTS.get(i);
      CaseTensor expected = OnnxCaseFile.expected(node, role);
      if (expected == null || names.get(i).isEmpty()) {
        continue;
      }
      String name = names.get(i);
      Tensor actual =
          outputs.stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
      assertArrayEquals(
          Arrays.stream(expected.dims).asLongStream().toArray(),
          actual.shape().stream().mapToLong(Long::longValue).toArray(),
          role);
      float[] floats = actual.type().floats(actual.data());
      double[] values = new double[floats.length];
      for (int j = 0; j < values.length; j++) {
        values[j] = floats[j];
      }
      expected.check(role, values, node.slack(role), BAR + CaseTensor.PRINTED);
      compared++;
    }
    long asserted =
        node.expected().keySet().stream().filter(n -> !OnnxNodeCase.INTERNAL.contains(n)).count();
    assertEquals(asserted, compared, "outputs compared");
  }

  private List<Tensor> run(Written written, String device) throws IOException {
    ExchangedModel model = OnnxModel.read(write(written));
    List<String> names = written.model.getGraph().getNode(0).getInputList();
    Backend backend = BACKENDS.computeIfAbsent(device, Devices::open);
    try (ModelRunner runner = new ModelRunner(backend, model)) {
      return runner.run(OnnxCaseFile.inputs(written.node, names));
    }
  }

  /** For a reason that the library has not. */
  private void refuses(Written written) {
    MalformedFileException e =
        assertThrows(MalformedFileException.class, () -> OnnxModel.read(write(written)));
    assertTrue(String.valueOf(e.getMessage()).contains("node 'layer' ("), e.toString());
  }

  /** As a file, or with what it is given. */
  private void rejects(Written written) {
    Exception e = assertThrows(Exception.class, () -> run(written, "java"));
    boolean clear = e instanceof MalformedFileException || e instanceof IllegalArgumentException;
    assertTrue(clear, e.toString());
  }
}
