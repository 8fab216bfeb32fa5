package dev.sequor.exchange.onnx;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.onnx.proto.OnnxMl.AttributeProto;
import ai.onnx.proto.OnnxMl.GraphProto;
import ai.onnx.proto.OnnxMl.ModelProto;
import ai.onnx.proto.OnnxMl.NodeProto;
import ai.onnx.proto.OnnxMl.TensorProto;
import com.google.protobuf.ByteString;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.RnnSpec;
import dev.sequor.exchange.ExchangedModel;
import dev.sequor.io.MalformedFileException;
import dev.sequor.io.Tensor;
import dev.sequor.module.LastStep;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.Pool;
import dev.sequor.module.Recurrent;
import dev.sequor.module.Reverse;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of ours in which one thing is changed, in a node, in a number or within the body of a Scan:
 * they are refused, or are read as what ONNX Runtime makes of them. So nothing is recognised by
 * less than all that it does.
 */
class ChangedFilesTest {
  private static final List<List<String>> ALIKE =
      List.of(
          List.of("Sigmoid", "Tanh", "Relu", "Softsign"),
          List.of("Add", "Sub", "Mul"),
          List.of("ReduceSum", "ReduceMax"),
          List.of("Less", "Greater"));

  private static Backend plainJava;

  @TempDir Path folder;

  @BeforeAll
  static void open() {
    plainJava = Devices.open("java");
  }

  @AfterAll
  static void close() {
    plainJava.close();
  }

  @TestFactory
  Stream<DynamicTest> changedFilesAreRefusedOrReadAsTheyAre() {
    AtomicInteger opset = new AtomicInteger(14); // norms have an operator from 17 on
    CellOptions lstm =
        CellOptions.builder()
            .layerNorm(true)
            .gateClip(0.5f)
            .cellClip(0.6f)
            .zoneout(0.25f, 0.125f)
            .projectionSize(2)
            .build();
    CellOptions gru =
        CellOptions.builder()
            .zoneout(0.3f, 0)
            .activations(
                GateFunction.of(GateFunction.Kind.HARD_SIGMOID),
                new GateFunction(GateFunction.Kind.SCALED_TANH, 0.7f, 1.3f))
            .build();
    return Stream.of(
            recurrent(RnnSpec.of(CellType.LSTM_PEEPHOLE, 3, 4).withOptions(lstm)),
            recurrent(
                RnnSpec.of(CellType.LSTM_CELL_RECURRENT, 3, 4)
                    .withOptions(CellOptions.builder().coupledGates(true).build())),
            recurrent(RnnSpec.of(CellType.GRU_RESET_BEFORE, 3, 4).withOptions(gru)),
            recurrent(
                RnnSpec.of(CellType.GRU_RESET_AFTER, 3, 4)
                    .withOptions(gru)
                    .withDirection(Direction.REVERSE)),
            recurrent(
                RnnSpec.of(CellType.RNN_LINEAR, 3, 4)
                    .withOptions(CellOptions.builder().zoneout(0.4f, 0).build())),
            pools())
        .map(
            network ->
                DynamicTest.dynamicTest(
                    network.nodes().get(0).module().toString(),
                    () -> changed(network, opset.getAndIncrement())));
  }

  private static Network recurrent(RnnSpec stack) {
    return Network.builder()
        .vectors("x", 3)
        .add("rnn", new Recurrent(stack), "x")
        .add("last", new LastStep(stack.direction()), "rnn")
        .output("rnn")
        .output("last")
        .build();
  }

  /** All that is made of lengths without a recurrence. */
  private static Network pools() {
    return Network.builder()
        .vectors("x", 4)
        .add("dense", new Linear(4, 4), "x")
        .add("mean", new Pool(Pool.How.MEAN), "dense")
        .add("sum", new Pool(Pool.How.SUM), "dense")
        .add("maximum", new Pool(Pool.How.MAXIMUM), "dense")
        .add("last", new LastStep(Direction.FORWARD), "dense")
        .add("ends", new LastStep(Direction.BIDIRECTIONAL), "dense")
        .add("reverse", new Reverse(), "dense")
        .output("mean")
        .output("sum")
        .output("maximum")
        .output("last")
        .output("ends")
        .output("reverse")
        .build();
  }

  private void changed(Network network, int opset) throws IOException {
    ExchangedModel model = ExchangedModel.of(network, WrittenModel.parameters(network, 7));
    List<Tensor> inputs = WrittenModel.inputs(model, 3, Map.of("x", 5), 1, 8);
    Path file = folder.resolve("changed.onnx");
    int refused = 0;
    int read = 0;
    List<String> wrong = new ArrayList<>();
    OnnxModel.write(model, file, opset);
    ModelProto good = ModelProto.parseFrom(Files.readAllBytes(file));
    for (GraphProto graph : changes(good.getGraph())) {
      Files.write(file, good.toBuilder().setGraph(graph).build().toByteArray());
      ExchangedModel other;
      try {
        other = OnnxModel.read(file);
      } catch (MalformedFileException e) {
        refused++;
        continue;
      }
      List<Tensor> there;
      try (OnnxSession session = new OnnxSession(file)) {
        there = session.run(inputs);
      } catch (AssertionError e) {
        continue; // no model for ONNX Runtime, or not of these inputs
      }
      read++;
      try {
        WrittenModel.requireClose(there, WrittenModel.run(plainJava, other, inputs));
      } catch (AssertionError | IllegalArgumentException e) {
        wrong.add(difference(good.getGraph(), graph) + ": " + e.getMessage());
      }
    }
    assertEquals("", String.join("\n", wrong));
    assertTrue(refused > 20 && read > 0, refused + " refused, " + read + " read");
  }

  private static String difference(GraphProto good, GraphProto changed) {
    for (int i = 0; i < good.getInitializerCount(); i++) {
      if (!good.getInitializer(i).equals(changed.getInitializer(i))) {
        return changed.getInitializer(i).getName();
      }
    }
    for (int i = 0; i < good.getNodeCount(); i++) {
      if (!good.getNode(i).equals(changed.getNode(i))) {
        NodeProto node = changed.getNode(i);
        for (int a = 0; a < node.getAttributeCount(); a++) {
          if (node.getAttribute(a).hasG()) {
            return difference(good.getNode(i).getAttribute(a).getG(), node.getAttribute(a).getG());
          }
        }
        return String.valueOf(node);
      }
    }
    return "nothing";
  }

  // ---- changes ----------------------------------------------------------------------------------

  private static List<GraphProto> changes(GraphProto graph) {
    List<GraphProto> all = new ArrayList<>();
    for (int i = 0; i < graph.getNodeCount(); i++) {
      for (NodeProto node : changes(graph.getNode(i))) {
        all.add(graph.toBuilder().setNode(i, node).build());
      }
    }
    for (int i = 0; i < graph.getInitializerCount(); i++) {
      all.add(graph.toBuilder().setInitializer(i, changed(graph.getInitializer(i))).build());
    }
    return all;
  }

  private static List<NodeProto> changes(NodeProto node) {
    List<NodeProto> all = new ArrayList<>();
    for (List<String> operators : ALIKE) {
      for (String operator : operators) {
        if (operators.contains(node.getOpType()) && !operator.equals(node.getOpType())) {
          all.add(node.toBuilder().setOpType(operator).build());
        }
      }
    }
    for (int i = 1; i < node.getInputCount(); i++) {
      all.add(
          node.toBuilder()
              .setInput(i, node.getInput(i - 1))
              .setInput(i - 1, node.getInput(i))
              .build());
    }
    for (int i = 0; i < node.getAttributeCount(); i++) {
      AttributeProto attribute = node.getAttribute(i);
      List<AttributeProto> others = new ArrayList<>();
      if (attribute.hasG()) {
        changes(attribute.getG())
            .forEach(body -> others.add(attribute.toBuilder().setG(body).build()));
      } else if (attribute.hasI()) {
        others.add(attribute.toBuilder().setI(1 - attribute.getI()).build());
      } else if (attribute.hasF()) {
        others.add(attribute.toBuilder().setF(attribute.getF() + 0.125f).build());
      }
      for (int j = 0; j < attribute.getIntsCount(); j++) {
        others.add(attribute.toBuilder().setInts(j, 1 - attribute.getInts(j)).build());
      }
      for (AttributeProto other : others) {
        all.add(node.toBuilder().setAttribute(i, other).build());
      }
    }
    return all;
  }

  /** The last number is another. */
  private static TensorProto changed(TensorProto tensor) {
    byte[] raw = tensor.getRawData().toByteArray();
    ByteBuffer numbers = ByteBuffer.wrap(raw).order(ByteOrder.LITTLE_ENDIAN);
    if (tensor.getDataType() == TensorProto.DataType.FLOAT.getNumber()) {
      int at = raw.length - Float.BYTES;
      numbers.putFloat(at, numbers.getFloat(at) + 0.125f);
    } else {
      int at = raw.length - Long.BYTES;
      numbers.putLong(at, numbers.getLong(at) + 1);
    }
    return tensor.toBuilder().setRawData(ByteString.copyFrom(raw)).build();
  }
}
