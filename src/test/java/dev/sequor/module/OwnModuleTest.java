package dev.sequor.module;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Activation;
import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.RnnSpec;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Modules of one's own, and the kit that checks their gradients. */
class OwnModuleTest {
  /** Of float32 differences, three digits are right; of a wrong gradient none is. */
  private static final double BAR = 5e-3;

  static Stream<String> devices() {
    return Devices.survey().stream()
        .filter(status -> status.availability().usable())
        .map(Devices.Status::name);
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aRightBackwardPassIsFoundRight(String device) {
    try (Backend backend = Devices.open(device)) {
      for (ValueShape shape :
          List.of(
              new ValueShape.Sequence("x", 5),
              new ValueShape.Vector("", 5),
              new ValueShape.State(2, 2, 5))) {
        GradientCheck check =
            GradientCheck.of(backend, new OwnModule(5, true), List.of(shape), 4, 3);
        check.requireWithin(BAR);
        assertEquals(2, check.errors().size());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aWrongBackwardPassIsFoundOutAndNamed(String device) {
    try (Backend backend = Devices.open(device)) {
      GradientCheck check =
          GradientCheck.of(
              backend, new OwnModule(5, false), List.of(new ValueShape.Sequence("x", 5)), 4, 3);
      AssertionError found = assertThrows(AssertionError.class, () -> check.requireWithin(0.05));
      assertTrue(String.valueOf(found.getMessage()).contains("{x="), found::getMessage);
      assertNotEquals(null, check.errors().get("module.weights"));
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void itStandsAmongTheLibrarysOwn(String device) {
    Network network =
        Network.builder()
            .tokens("x", 4)
            .add("embedding", new Embedding(4, 5), "x")
            .add("own", new OwnModule(5, true), "embedding")
            .add(
                "stack",
                new Recurrent(RnnSpec.of(CellType.GRU_RESET_BEFORE, 5, 6).withBidirectional(true)),
                "own")
            .add("merged", new MergeDirections(MergeDirections.How.SUM), "stack")
            .add("again", new OwnModule(6, true), "merged")
            .add("y", new Linear(6, 3, Activation.TANH), "again")
            .build();
    try (Backend backend = Devices.open(device)) {
      GradientCheck.of(backend, network, Extent.of("x", 4, 3), 2).requireWithin(2 * BAR);
    }
  }

  /** The kit passes all that is right, so that nobody distrusts it. */
  @ParameterizedTest
  @MethodSource("devices")
  void everyModuleOfTheLibraryIsFoundRight(String device) {
    ValueShape sequence = new ValueShape.Sequence("x", 4);
    try (Backend backend = Devices.open(device)) {
      for (Module module :
          List.of(
              new Linear(4, 3, Activation.TANH),
              new Activate(Activation.TANH),
              new Dropout(0.5f),
              new LayerNorm(4),
              new Softmax(),
              new LastStep(1),
              new LastStep(2),
              new MergeDirections(MergeDirections.How.MEAN),
              Recurrent.of(CellType.LSTM_PEEPHOLE, 4, 3),
              new LogSoftmax(),
              new ColumnSum(false),
              new ColumnSum(true),
              new Pool(Pool.How.SUM),
              new Pool(Pool.How.MEAN),
              new Pool(Pool.How.MAXIMUM))) {
        GradientCheck.of(backend, module, List.of(sequence), 5, 3).requireWithin(BAR);
      }
      for (Module module : List.of(new Concatenation(), new Sum(), new Product())) {
        GradientCheck.of(backend, module, List.of(sequence, sequence), 5, 3).requireWithin(BAR);
      }
      GradientCheck.of(backend, new Embedding(7, 3), List.of(new ValueShape.Tokens("x", 7)), 5, 3)
          .requireWithin(BAR);
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void whatMovesRowsAndColumnsIsFoundRight(String device) {
    ValueShape sequence = new ValueShape.Sequence("x", 24);
    ValueShape vector = new ValueShape.Vector("", 6);
    int[] scattered = IntStream.range(0, 20).map(i -> i * 7 % 24).toArray();
    int[] again = scattered.clone();
    again[19] = again[0];
    try (Backend backend = Devices.open(device)) {
      for (Module module :
          List.of(
              Columns.range(24, 3, 9),
              Columns.of(24, scattered),
              Columns.of(24, again),
              new Each(4, new Linear(6, 3, Activation.TANH)),
              new Each(3, new LayerNorm(8)),
              new Affine(-2, 0.5f),
              new LearnedVector(5),
              new TimeStep(-2),
              new StepsToColumns(5),
              new Reverse())) {
        GradientCheck.of(backend, module, List.of(sequence), 5, 3).requireWithin(BAR);
      }
      GradientCheck.of(backend, new LearnedVector(5), List.of(new ValueShape.Tokens("x", 7)), 5, 3)
          .requireWithin(BAR);
      for (Module module : List.of(new RepeatSteps("module", 3), new ColumnsToSteps("module", 3))) {
        GradientCheck.of(backend, module, List.of(vector), 1, 3).requireWithin(BAR);
      }
      ValueShape state = new ValueShape.State(2, 2, 3);
      GradientCheck.of(backend, new StateVectors(1), List.of(state), 1, 3).requireWithin(BAR);
      GradientCheck.of(backend, new VectorsState(2, 2, 3), List.of(vector, vector), 1, 3)
          .requireWithin(BAR);
    }
  }
}
