package dev.sequor.exchange.dl4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.Devices;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.exchange.ExportedCases;
import dev.sequor.exchange.ExportedCases.Exported;
import dev.sequor.exchange.ModelRunner;
import dev.sequor.exchange.MutatedFiles;
import dev.sequor.exchange.TorchFiles;
import dev.sequor.exchange.Zips;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.Tensor;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Networks that Deeplearning4j has written say what they said there. */
@Tag("gpu")
class Dl4jModelTest {
  private static final String RNN =
      "{'@class': 'a.SimpleRnn', 'layerName': 'r', 'nin': 2, 'nout': 1,"
          + " 'activationFn': {'@class': 'a.ActivationIdentity'}}";
  private static final String DENSE =
      "{'@class': 'a.DenseLayer', 'layerName': 'd', 'nin': 1, 'nout': 2,"
          + " 'activationFn': {'@class': 'a.ActivationIdentity'}}";

  private static final String[] COMMITTED = {
    "embedding/model.zip",
    "graves_bidirectional/model.zip",
    "repeat/model.zip",
    "time_distributed/model.zip",
    "graph_dense_between/model.zip",
    "graph_largest/model.zip",
    "graph_seq2seq/model.zip",
    "graph_shared_axis/model.zip",
    "graph_two_outputs/model.zip",
    "graph_without_order/model.zip"
  };

  @TempDir Path folder;

  @TestFactory
  Stream<DynamicTest> exportedNetworksSayTheSame() throws IOException {
    return ExportedCases.tests(".zip", Dl4jModel::read, Dl4jModelTest::refuses).stream();
  }

  @TestFactory
  Stream<DynamicTest> committedNetworksSayTheSame() throws Exception {
    return ExportedCases.committed(Dl4jModelTest.class, Dl4jModel::read, COMMITTED).stream();
  }

  private static void refuses(Exported exported) {
    assertThrows(MalformedFileException.class, () -> Dl4jModel.read(exported.path()));
  }

  private static String network(String preprocessors, String... layers) {
    StringBuilder confs = new StringBuilder();
    for (String layer : layers) {
      confs.append(confs.length() == 0 ? "" : ", ").append("{'layer': ").append(layer).append("}");
    }
    return "{'confs': [" + confs + "], 'inputPreProcessors': {" + preprocessors + "}}";
  }

  private Path file(String configuration, float... parameters) throws IOException {
    Map<String, byte[]> members = new LinkedHashMap<>();
    members.put(
        "configuration.json", configuration.replace('\'', '"').getBytes(StandardCharsets.UTF_8));
    members.put("coefficients.bin", Nd4jFiles.row(parameters));
    return TorchFiles.write(folder.resolve("model.zip"), Zips.of(members));
  }

  /** Dense layers read the steps of all sequences as rows, between preprocessors. */
  @Test
  void denseLayersReadSequences() throws Exception {
    Path file =
        file(
            network(
                "'1': {'@class': 'a.RnnToFeedForwardPreProcessor', 'rnnDataFormat': 'NWC'},"
                    + " '2': {'@class': 'a.FeedForwardToRnnPreProcessor'}",
                RNN,
                DENSE,
                RNN),
            1,
            10,
            2,
            0.5f, /* dense */
            3,
            -1,
            0,
            1, /* second */
            1,
            1,
            0,
            0);
    ExchangedModel model = Dl4jModel.read(file);
    try (Backend backend = Devices.open("java");
        ModelRunner runner = new ModelRunner(backend, model)) {
      // h = x + 10 y + 2 h + 0.5; then 3 h + (1 − h).
      Tensor y =
          runner.run(List.of(Tensor.ofFloats("input", new float[] {1, 0, 0, 1}, 1, 2, 2))).get(0);
      assertEquals(List.of(1L, 2L, 1L), y.shape());
      assertEquals(List.of(4f, 28f), List.of(y.data().getFloat(0), y.data().getFloat(4)));
    }
  }

  private void refused(String message, Path file) {
    String got =
        String.valueOf(
            assertThrows(MalformedFileException.class, () -> Dl4jModel.read(file)).getMessage());
    assertTrue(got.startsWith(file + ": ") && got.contains(message) && !got.contains("\n"), got);
  }

  @Test
  void whatIsNotSupportedIsRefusedByItsLayer() throws Exception {
    refused("layer 0 'r' (SimpleRnn) needs 1 parameters", file(network("", RNN), 1, 2, 3));
    refused("has 5 parameters; its layers need 4", file(network("", RNN), 1, 2, 3, 4, 5));
    refused(
        "layer 0 'r' (SimpleRnn) has layer normalisation",
        file(network("", RNN.replace("'nin'", "'hasLayerNorm': true, 'nin'")), 1, 2, 3, 4));
    refused(
        "layer 0 'r' (SimpleRnn) has a gate with the activation ActivationCube",
        file(network("", RNN.replace("Identity", "Cube")), 1, 2, 3, 4));
    refused(
        "layer 0 'r' (Convolution1D) is of a class that is not supported",
        file(network("", RNN.replace("SimpleRnn", "Convolution1D")), 1, 2, 3, 4));
    refused(
        "layer 1 'd' (DenseLayer) reads a sequence without a RnnToFeedForwardPreProcessor",
        file(network("", RNN, DENSE), 1, 2, 3, 4, 5, 6, 7, 8));
    refused(
        "gives the steps of all sequences as rows",
        file(
            network("'1': {'@class': 'a.RnnToFeedForwardPreProcessor'}", RNN, DENSE),
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8));
    refused(
        "has a CnnToRnnPreProcessor in front of it",
        file(network("'0': {'@class': 'a.CnnToRnnPreProcessor'}", RNN), 1, 2, 3, 4));
    refused("nin is missing", file(network("", RNN.replace("'nin': 2,", "")), 1, 2, 3, 4));
    refused(
        "layer 0 'r' (SimpleRnn) the rows times columns",
        file(network("", RNN.replace("1,", "2147483647,")), 1));
    refused("confs is of type array; needed at least one layer", file(network(""), 1));
  }

  private static String graph(String vertices, String reads) {
    return "{'networkInputs': ['x'], 'networkOutputs': ['y'], 'vertices': {"
        + vertices
        + "}, 'vertexInputs': {"
        + reads
        + "}}";
  }

  private static String layer(String name) {
    return "'" + name + "': {'@class': 'a.LayerVertex', 'layerConf': {'layer': " + RNN + "}}";
  }

  @Test
  void graphsThatAreNotSupportedAreRefusedByTheirVertex() throws Exception {
    refused(
        "vertex 'y' (StackVertex) is of a class that is not supported",
        file(graph("'y': {'@class': 'a.StackVertex'}", "'y': ['x']"), 1));
    refused(
        "layer 'y' (SimpleRnn) reads 'z', which nothing gives",
        file(graph(layer("y"), "'y': ['z']"), 1, 2, 3, 4));
    refused(
        "has 2 vertices, of which 0 can run; the others wait for each other",
        file(graph(layer("y") + ", " + layer("z"), "'y': ['z'], 'z': ['y']"), 1, 2, 3, 4));
    refused(
        "networkOutputs is of type array; needed names of vertices",
        file(graph(layer("z"), "'z': ['x']"), 1, 2, 3, 4));
    refused(
        "vertexInputs.y is missing; needed a list of names",
        file(graph(layer("y"), ""), 1, 2, 3, 4));
    refused(
        "input 'x' has a number of features that no layer says",
        file(graph("'y': {'@class': 'a.ScaleVertex', 'scaleFactor': 2}", "'y': ['x']"), 1));
    refused(
        "op is \"Min\"; needed Add, Subtract, Product, Average or Max",
        file(
            graph(
                layer("z") + ", 'y': {'@class': 'a.ElementWiseVertex', 'op': 'Min'}",
                "'z': ['x'], 'y': ['z', 'z']"),
            1,
            2,
            3,
            4));
  }

  /** Whatever has happened to the configuration of a graph: it is read, or refused. */
  @Test
  void mutatedGraphsAreReadOrRefused() throws Exception {
    byte[] good;
    try (java.io.InputStream in =
        Dl4jModelTest.class.getResourceAsStream("graph_seq2seq/model.zip")) {
      good = Objects.requireNonNull(in).readAllBytes();
    }
    Map<String, byte[]> members = Zips.members(good);
    int files = MutatedFiles.count(600);
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.zip"),
            Objects.requireNonNull(members.get("configuration.json")),
            mutated -> Zips.of(members, "configuration.json", mutated),
            files,
            1 << 20,
            Dl4jModel::read);
    assertTrue(refused > files / 10, "only " + refused + " were refused");
  }

  @ParameterizedTest
  @CsvSource({"configuration.json", "coefficients.bin"})
  void mutatedMembersAreReadOrRefused(String member) throws Exception {
    Map<String, byte[]> members =
        Zips.members(java.nio.file.Files.readAllBytes(file(network("", RNN), 1, 2, 3, 4)));
    int files = MutatedFiles.count(1000);
    int refused =
        MutatedFiles.readOrRefuse(
            folder.resolve("mutated.zip"),
            Objects.requireNonNull(members.get(member)),
            mutated -> Zips.of(members, member, mutated),
            files,
            1 << 20,
            Dl4jModel::read);
    assertTrue(refused > files / 4, "only " + refused + " were refused");
  }
}
