package dev.sequor.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.sequor.backend.Activation;
import dev.sequor.backend.CellOptions;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Direction;
import dev.sequor.backend.GateFunction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.Missing;
import dev.sequor.data.TableColumn;
import dev.sequor.data.TableGoal;
import dev.sequor.data.TableSpec;
import dev.sequor.data.Transformation;
import dev.sequor.model.EncoderDecoderSpec;
import dev.sequor.model.ModelSpec;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.Optimizer;
import dev.sequor.model.ParameterGroup;
import dev.sequor.model.SequenceModelSpec;
import dev.sequor.module.Activate;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Affine;
import dev.sequor.module.ColumnSum;
import dev.sequor.module.Columns;
import dev.sequor.module.ColumnsToSteps;
import dev.sequor.module.Concatenation;
import dev.sequor.module.Dropout;
import dev.sequor.module.Each;
import dev.sequor.module.Embedding;
import dev.sequor.module.InitialState;
import dev.sequor.module.LastStep;
import dev.sequor.module.LayerNorm;
import dev.sequor.module.LearnedVector;
import dev.sequor.module.Linear;
import dev.sequor.module.LogSoftmax;
import dev.sequor.module.MergeDirections;
import dev.sequor.module.Network;
import dev.sequor.module.OneHot;
import dev.sequor.module.Pool;
import dev.sequor.module.Product;
import dev.sequor.module.Recurrent;
import dev.sequor.module.RepeatAlong;
import dev.sequor.module.RepeatSteps;
import dev.sequor.module.Reverse;
import dev.sequor.module.ScheduledTokens;
import dev.sequor.module.Softmax;
import dev.sequor.module.StateBridge;
import dev.sequor.module.StateVectors;
import dev.sequor.module.StepsToColumns;
import dev.sequor.module.Sum;
import dev.sequor.module.TeacherForcing;
import dev.sequor.module.TimeStep;
import dev.sequor.module.ValueShape;
import dev.sequor.module.VectorsState;
import dev.sequor.reference.SampleOptions;
import java.util.List;
import org.junit.jupiter.api.Test;

/** How models, losses and optimisers stand in {@code config.json}. */
class StoredTypesTest {
  private static JsonMapper json() {
    JsonMapper.Builder builder = ConfigFile.builder();
    builder.disable(com.fasterxml.jackson.databind.SerializationFeature.INDENT_OUTPUT);
    return builder.build();
  }

  @Test
  void aSequenceModelIsWrittenSo() throws Exception {
    SequenceModelSpec spec =
        SequenceModelSpec.languageModel(7, 3)
            .cell(CellType.RNN_TANH)
            .hiddenSize(2)
            .bidirectional(true)
            .dropout(0.25f)
            .dense(5, Activation.RELU)
            .build();
    String written = json().writerFor(ModelSpec.class).writeValueAsString(spec);
    assertEquals(
        "{\"type\":\"sequence\",\"input\":{\"kind\":\"EMBEDDING\",\"vocabularySize\":7,\"width\":3},"
            + "\"stack\":{\"cell\":\"RNN_TANH\",\"inputSize\":3,\"hiddenSize\":2,\"layers\":1,"
            + "\"direction\":\"BIDIRECTIONAL\",\"dropout\":0.25,\"options\":{\"projectionSize\":0,"
            + "\"layerNorm\":false,\"hiddenZoneout\":0.0,\"cellZoneout\":0.0,"
            + "\"recurrentDropConnect\":0.0,\"inputDropout\":0.0,\"recurrentDropout\":0.0,"
            + "\"coupledGates\":false,\"gateClip\":0.0,\"cellClip\":0.0,\"activations\":[]}},"
            + "\"denseLayers\":[{\"size\":5,\"activation\":\"RELU\"}],\"outputSize\":7,"
            + "\"readout\":\"EVERY_STEP\",\"loss\":{\"type\":\"softmax-cross-entropy\"},"
            + "\"learnedInitialState\":false,\"clusters\":{\"cutoffs\":[],\"divisor\":1}}",
        written);
    assertEquals(spec, json().readValue(written, ModelSpec.class));
    int added = written.indexOf(",\"learnedInitialState\"");
    String before = written.substring(0, added) + "}";
    assertEquals(spec, json().readValue(before, ModelSpec.class));
    SequenceModelSpec both =
        SequenceModelSpec.languageModel(9, 3)
            .learnedInitialState(true)
            .adaptiveSoftmax(2, 3, 6)
            .build();
    written = json().writerFor(ModelSpec.class).writeValueAsString(both);
    assertEquals(both, json().readValue(written, ModelSpec.class));
    String wrong = written.replace("[3,6]", "[3,3]");
    JsonMappingException e =
        assertThrows(JsonMappingException.class, () -> json().readValue(wrong, ModelSpec.class));
    assertEquals("cutoffs is [3, 3]; needed rising numbers, 1 to 8", JsonFault.describe(e));
  }

  @Test
  void everyOptionAndDirectionOfEveryCellIsReadAsItWasWritten() throws Exception {
    for (CellType cell : CellType.values()) {
      for (Direction direction : Direction.values()) {
        RnnSpec spec =
            RnnSpec.of(cell, 3, 8)
                .withDirection(direction)
                .withOptions(SampleOptions.everything(cell));
        String written = json().writeValueAsString(spec);
        assertEquals(spec, json().readValue(written, RnnSpec.class));
      }
    }
    for (GateFunction.Kind kind : GateFunction.Kind.values()) {
      CellOptions options = CellOptions.builder().activations(GateFunction.of(kind)).build();
      String written = json().writeValueAsString(options);
      assertEquals(options, json().readValue(written, CellOptions.class));
    }
  }

  @Test
  void aTableIsWrittenSo() throws Exception {
    TableColumn column = new TableColumn("v", Transformation.SQUARE_ROOT, 0.1, 1e-300);
    TableColumn constant = new TableColumn("w", Transformation.NONE, -2.5, 0);
    TableSpec spec =
        new TableSpec(
            new TableGoal.Forecast(column, 3),
            List.of(column, constant),
            "",
            Missing.PREVIOUS,
            0.2);
    String written = json().writeValueAsString(spec);
    assertEquals(
        "{\"goal\":{\"type\":\"forecast\",\"target\":{\"name\":\"v\","
            + "\"transformation\":\"SQUARE_ROOT\",\"mean\":0.1,\"deviation\":1.0E-300},"
            + "\"horizon\":3},\"inputs\":[{\"name\":\"v\",\"transformation\":\"SQUARE_ROOT\","
            + "\"mean\":0.1,\"deviation\":1.0E-300},{\"name\":\"w\",\"transformation\":\"NONE\","
            + "\"mean\":-2.5,\"deviation\":0.0}],\"by\":\"\",\"missing\":\"PREVIOUS\","
            + "\"heldOut\":0.2}",
        written);
    assertEquals(spec, json().readValue(written, TableSpec.class));
    for (TableGoal goal :
        List.of(
            new TableGoal.RowLabels("y", List.of("b", "a é\n\"")),
            new TableGoal.SequenceLabels("y", List.of("1", "1.0")))) {
      TableSpec labels = new TableSpec(goal, List.of(constant), "id", Missing.REFUSED, 0);
      assertEquals(labels, json().readValue(json().writeValueAsString(labels), TableSpec.class));
    }
    JsonMappingException e =
        assertThrows(
            JsonMappingException.class,
            () -> json().readValue(written.replace("1.0E-300", "0.0"), TableSpec.class));
    assertEquals(
        "goal: column 'v' is constant in the training part; needed values that differ, to predict",
        JsonFault.describe(e));
  }

  /** What these records had before they could say more. */
  @Test
  void filesOfBeforeAreRead() throws Exception {
    RnnSpec stack =
        RnnSpec.of(CellType.GRU_RESET_BEFORE, 3, 2).withBidirectional(true).withDropout(0.25f);
    String before =
        "{\"cell\":\"GRU\",\"inputSize\":3,\"hiddenSize\":2,\"layers\":1,\"bidirectional\":true,"
            + "\"dropout\":0.25}";
    assertEquals(stack, json().readValue(before, RnnSpec.class));
    String one = before.replace("true", "false");
    assertEquals(stack.withBidirectional(false), json().readValue(one, RnnSpec.class));
    String last = "{\"type\":\"last-step\",\"directions\":2}";
    assertEquals(new LastStep(2), json().readValue(last, dev.sequor.module.Module.class));
    JsonMappingException e =
        assertThrows(
            JsonMappingException.class,
            () -> json().readValue(before.replace("\"layers\":1", "\"layers\":0"), RnnSpec.class));
    assertEquals("layers is 0; needed at least 1", JsonFault.describe(e));
  }

  /** One that has every module there is. */
  static NetworkModelSpec everything() {
    Network network =
        Network.builder()
            .tokens("source", 7)
            .vectors("series", 2)
            .input("more", new ValueShape.Sequence("series", 3))
            .input("start", new ValueShape.State(1, 1, 4))
            .input("static", new ValueShape.Vector("", 4))
            .add("embedding", new Embedding(7, 3), "source")
            .add("one_hot", new OneHot(7), "source")
            .add("both", new Concatenation(), "embedding", "one_hot")
            .add(
                "encoder",
                new Recurrent(new RnnSpec(CellType.GRU_RESET_BEFORE, 10, 4, 1, true, 0.1f)),
                "both")
            .add("merged", new MergeDirections(MergeDirections.How.MEAN), "encoder")
            .add("read", new LastStep(1), "merged")
            .add("joined", new Concatenation(), "series", "more")
            .add("decoder", Recurrent.of(CellType.GRU_RESET_BEFORE, 5, 4), "joined", "start")
            .add("last", new LastStep(1), "decoder")
            .add("first", new InitialState(1, 1, 4))
            .add("dropped", new Dropout(0.5f), "last")
            .add("normal", new LayerNorm(4), "dropped")
            .add("shares", new Softmax(), "normal")
            .add("active", new Activate(Activation.TANH), "normal")
            .add("dense", new Linear(4, 4, Activation.RELU, false), "static")
            .add("sum", new Sum(), "active", "active")
            .add("output", new Linear(4, 2), "sum")
            .add(
                "columns",
                new Columns(4, List.of(new Columns.Range(2, 2), new Columns.Range(0, 1))),
                "static")
            .add("each", new Each(2, new Linear(2, 3, Activation.TANH)), "static")
            .add("affine", new Affine(-0.5f, 2), "static")
            .add("learned", new LearnedVector(3), "static")
            .add("along", new RepeatAlong(), "static", "series")
            .add("repeated", new RepeatSteps("repeated", 3), "static")
            .add("apart", new ColumnsToSteps("apart", 2), "static")
            .add("beside", new StepsToColumns(3), "repeated")
            .add("step", new TimeStep(-1), "series")
            .add("backward", new Reverse(), "series")
            .add("vectors", new StateVectors(0), "start")
            .add("state", new VectorsState(1, 2, 4), "vectors", "static")
            .add(
                "bridge",
                new StateBridge(
                    new ValueShape.State(2, 1, 4),
                    2,
                    new ValueShape.State(1, 1, 3),
                    Activation.TANH,
                    true),
                "encoder.final_state")
            .add("scores", new Linear(10, 7), "both")
            .add(
                "scheduled",
                new ScheduledTokens(TeacherForcing.linear(0.1, 0.2)),
                "source",
                "scores")
            .add("logarithms", new LogSoftmax(), "normal")
            .add("product", new Product(), "active", "normal")
            .add("largest", new Pool(Pool.How.MAXIMUM), "joined")
            .add("mean", new ColumnSum(true), "largest")
            .add("again", new Linear(4, 2), "sum")
            .sharing("output")
            .output("output")
            .build();
    return new NetworkModelSpec(network, Loss.meanSquaredError());
  }

  @Test
  void aNetworkOfEveryModuleIsReadAsItWasWritten() throws Exception {
    NetworkModelSpec spec = everything();
    String written = json().writerFor(ModelSpec.class).writeValueAsString(spec);
    assertEquals(spec, json().readValue(written, ModelSpec.class));
    assertEquals(-1, written.indexOf("dev.sequor"), written);
  }

  @Test
  void anAdaptiveSoftmaxIsReadAsItWasWritten() throws Exception {
    NetworkModelSpec spec =
        new NetworkModelSpec(
            Network.builder()
                .vectors("x", 4)
                .add("y", new AdaptiveSoftmax(4, 90, List.of(10, 30), 2), "x")
                .build(),
            Loss.softmaxCrossEntropy());
    String written = json().writerFor(ModelSpec.class).writeValueAsString(spec);
    assertEquals(spec, json().readValue(written, ModelSpec.class));
  }

  @Test
  void anEncoderAndADecoderAreReadAsTheyWereWritten() throws Exception {
    EncoderDecoderSpec spec =
        EncoderDecoderSpec.of(
                5,
                6,
                0,
                1,
                RnnSpec.of(CellType.GRU_RESET_BEFORE, 3, 4).withBidirectional(true),
                RnnSpec.of(CellType.LSTM, 3, 2))
            .withDropout(0.25f)
            .withTeacherForcing(TeacherForcing.inverseSigmoid(30, 0.1));
    String written = json().writerFor(ModelSpec.class).writeValueAsString(spec);
    assertTrue(
        written.startsWith(
            "{\"type\":\"encoder-decoder\",\"sourceVocabulary\":5,\"targetVocabulary\":6,"
                + "\"begin\":0,\"end\":1,\"encoder\":{"),
        written);
    assertTrue(
        written.endsWith(
            "\"bridge\":\"TANH\",\"sharedEmbeddings\":false,\"dropout\":0.25,"
                + "\"teacherForcing\":{\"decay\":\"INVERSE_SIGMOID\",\"start\":1.0,"
                + "\"rate\":30.0,\"floor\":0.1},\"loss\":{\"type\":\"softmax-cross-entropy\"}}"),
        written);
    assertEquals(spec, json().readValue(written, ModelSpec.class));
  }

  @Test
  void everyLossAndOptimizerIsReadAsItWasWritten() throws Exception {
    for (Class<?> type : Loss.class.getPermittedSubclasses()) {
      Loss loss = (Loss) Samples.of(type);
      String written = json().writerFor(Loss.class).writeValueAsString(loss);
      assertEquals(loss, json().readValue(written, Loss.class));
    }
    for (Class<?> type : Optimizer.class.getPermittedSubclasses()) {
      Optimizer optimizer = (Optimizer) Samples.of(type);
      String written = json().writerFor(Optimizer.class).writeValueAsString(optimizer);
      assertEquals(optimizer, json().readValue(written, Optimizer.class));
    }
  }

  @Test
  void unknownTypesAreNamed() {
    for (String wrong : List.of("{\"type\":\"sgdd\"}", "{}", "{\"type\":\"java.lang.String\"}")) {
      JsonMappingException e =
          assertThrows(JsonMappingException.class, () -> json().readValue(wrong, Optimizer.class));
      String told = JsonFault.describe(e);
      assertEquals(
          wrong.equals("{}")
              ? "its \"type\" is missing"
              : "type '" + wrong.substring(9, wrong.length() - 2) + "' is unknown",
          told);
    }
  }

  /** Records of numbers, made by their constructors. */
  private static final class Samples {
    static Object of(Class<?> type) throws ReflectiveOperationException {
      var components = type.getRecordComponents();
      Class<?>[] types = new Class<?>[components.length];
      Object[] values = new Object[components.length];
      for (int i = 0; i < types.length; i++) {
        types[i] = components[i].getType();
        values[i] =
            types[i] == int.class
                ? (Object) 3
                : types[i] == boolean.class
                    ? (Object) true
                    : types[i] == Loss.class
                        ? Loss.softmaxCrossEntropy()
                        : types[i] == Optimizer.class
                            ? Optimizer.lion(0.5f, 0.25f)
                            : types[i] != List.class
                                ? (Object) 0.5f
                                : type == Optimizer.Grouped.class
                                    ? List.of(new ParameterGroup(List.of("a.*", "*b"), 0.5f, 0.25f))
                                    : List.of(0.5f, 0f);
      }
      var constructor = type.getDeclaredConstructor(types);
      return constructor.newInstance(values);
    }
  }

  private static String refusal(String json) {
    return JsonFault.describe(
        assertThrows(
            JsonMappingException.class,
            () -> json().readValue(json, dev.sequor.module.Module.class)));
  }

  @Test
  void modulesThatCannotBeAreRefused() throws Exception {
    String linear =
        json().writerFor(dev.sequor.module.Module.class).writeValueAsString(new Linear(2, 3));
    String each = "{\"type\":\"each\",\"parts\":2,\"module\":" + linear + "}";
    assertEquals(
        new Each(2, new Linear(2, 3)), json().readValue(each, dev.sequor.module.Module.class));
    assertEquals(
        each,
        json()
            .writerFor(dev.sequor.module.Module.class)
            .writeValueAsString(new Each(2, new Linear(2, 3))));
    assertEquals(
        new Each(2, new Linear(2, 3))
            + " is to work on parts; needed a module that treats rows alike",
        refusal(each.replace(linear, each)));
    assertEquals(
        "parts is 0; needed at least 1", refusal(each.replace("2,\"module", "0,\"module")));
    assertEquals(
        "module: inputSize is -2; needed at least 1",
        refusal(each.replace("\"inputSize\":2", "\"inputSize\":-2")));
    assertEquals(
        "the columns 3 to 4 are asked for; there are 4",
        refusal("{\"type\":\"columns\",\"inputWidth\":4,\"ranges\":[{\"first\":3,\"count\":2}]}"));
    assertEquals(
        "steps is 0; needed at least 1",
        refusal("{\"type\":\"repeat-steps\",\"axis\":\"y\",\"steps\":0}"));
    assertEquals(
        "step is 2147483647; needed -2147483647 to 2147483646",
        refusal("{\"type\":\"time-step\",\"step\":2147483647}"));
  }
}
