package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.function.Executable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Options that are out of range, or that a cell cannot have, are refused in one line. */
final class CellOptionsTest {
  private static void refused(String message, Executable call) {
    RuntimeException e = assertThrows(RuntimeException.class, call);
    assertEquals(message, e.getMessage());
  }

  private static Arguments wrong(String message, Consumer<CellOptions.Builder> set) {
    return Arguments.of(message, set);
  }

  static Stream<Arguments> valuesOutOfRange() {
    String probability = "; needed 0 <= %s < 1";
    String limit = "; needed a number greater than 0, or 0 for no clipping";
    return Stream.of(
        wrong("projectionSize is -1; needed at least 1, or 0 for none", o -> o.projectionSize(-1)),
        wrong(
            "hiddenZoneout is 1.0" + probability.formatted("hiddenZoneout"), o -> o.zoneout(1, 0)),
        wrong(
            "cellZoneout is -0.5" + probability.formatted("cellZoneout"), o -> o.zoneout(0, -0.5f)),
        wrong(
            "recurrentDropConnect is NaN" + probability.formatted("recurrentDropConnect"),
            o -> o.recurrentDropConnect(Float.NaN)),
        wrong(
            "inputDropout is 2.0" + probability.formatted("inputDropout"), o -> o.inputDropout(2)),
        wrong(
            "recurrentDropout is Infinity" + probability.formatted("recurrentDropout"),
            o -> o.recurrentDropout(Float.POSITIVE_INFINITY)),
        wrong("gateClip is -1.0" + limit, o -> o.gateClip(-1)),
        wrong("gateClip is NaN" + limit, o -> o.gateClip(Float.NaN)),
        wrong("cellClip is Infinity" + limit, o -> o.cellClip(Float.POSITIVE_INFINITY)));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("valuesOutOfRange")
  void eachOptionIsNamedWithItsValue(String message, Consumer<CellOptions.Builder> set) {
    CellOptions.Builder builder = CellOptions.builder();
    set.accept(builder);
    refused(message, builder::build);
  }

  static Stream<Arguments> whatCellsCannotHave() {
    return Stream.of(
        Arguments.of(
            CellType.GRU_RESET_BEFORE,
            "coupledGates is given with GRU_RESET_BEFORE; needed an LSTM",
            CellOptions.builder().coupledGates(true).build()),
        Arguments.of(
            CellType.RNN_TANH,
            "cellZoneout is given with RNN_TANH; needed an LSTM",
            CellOptions.builder().zoneout(0.5f, 0.5f).build()),
        Arguments.of(
            CellType.GRU_RESET_AFTER,
            "cellClip is given with GRU_RESET_AFTER; needed an LSTM",
            CellOptions.builder().cellClip(1).build()),
        Arguments.of(
            CellType.GRU_RESET_BEFORE,
            "projectionSize is given with GRU_RESET_BEFORE; needed an LSTM whose gates see h",
            CellOptions.builder().projectionSize(2).build()),
        Arguments.of(
            CellType.LSTM_CELL_RECURRENT,
            "projectionSize is given with LSTM_CELL_RECURRENT; needed an LSTM whose gates see h",
            CellOptions.builder().projectionSize(2).build()),
        Arguments.of(
            CellType.LSTM,
            "projectionSize is 8; needed less than hiddenSize=8",
            CellOptions.builder().projectionSize(8).build()),
        Arguments.of(
            CellType.LSTM,
            "activations holds 1 functions; LSTM needs 3, or none for its own",
            CellOptions.builder().activations(GateFunction.TANH).build()),
        Arguments.of(
            CellType.RNN_TANH,
            "activations holds 2 functions; RNN_TANH needs 1, or none for its own",
            CellOptions.builder().activations(GateFunction.TANH, GateFunction.RELU).build()));
  }

  @ParameterizedTest(name = "{1}")
  @MethodSource("whatCellsCannotHave")
  void whatACellCannotHaveIsRefused(CellType cell, String message, CellOptions options) {
    refused(message, () -> RnnSpec.of(cell, 4, 8).withOptions(options));
  }

  @Test
  void constantsOfAFunctionAreFiniteAndOnlyWhereItHasThem() {
    refused(
        "alpha of elu is NaN; needed a finite number",
        () -> new GateFunction(GateFunction.Kind.ELU, Float.NaN, 0));
    refused("beta of elu is 1.0; needed 0", () -> new GateFunction(GateFunction.Kind.ELU, 1, 1));
    refused(
        "alpha of tanh is 0.5; needed 0", () -> new GateFunction(GateFunction.Kind.TANH, 0.5f, 0));
  }

  @Test
  @SuppressWarnings("NullAway") // what a caller without its checks may do
  void whatIsMissingIsNamed() {
    refused(
        "options is missing; needed one", () -> RnnSpec.of(CellType.LSTM, 4, 8).withOptions(null));
    refused("kind is missing; needed one", () -> GateFunction.of(null));
    refused(
        "functions is missing; needed one",
        () -> CellOptions.builder().activations((GateFunction[]) null));
    refused(
        "a function of activations is missing; needed one",
        () -> CellOptions.builder().activations(GateFunction.TANH, null, null).build());
    refused(
        "a function of activations is missing; needed one",
        () ->
            new CellOptions(
                0, false, 0, 0, 0, 0, 0, false, 0, 0, Arrays.asList((GateFunction) null)));
  }

  @Test
  void optionsKeepTheirFunctionsWhateverBecomesOfTheArray() {
    GateFunction[] functions = {GateFunction.TANH};
    CellOptions.Builder builder = CellOptions.builder().activations(functions);
    functions[0] = GateFunction.RELU;
    assertEquals(List.of(GateFunction.TANH), builder.build().activations());
  }
}
