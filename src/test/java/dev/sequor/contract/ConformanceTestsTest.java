package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.DynamicContainer;
import org.junit.jupiter.api.DynamicNode;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Whatever cases the folder holds, each is run, refused with a reason, or fails loudly. */
class ConformanceTestsTest {
  private static final String ONE = tensor("[1, 1, 1]", "[1]");

  @TempDir Path folder;

  private static String tensor(String dims, String data) {
    return "{\"dtype\": \"float32\", \"dims\": " + dims + ", \"data\": " + data + "}";
  }

  /** RNN with one unit and weights 1: h = tanh(x), and then tanh(x + h). */
  private static String rnn(
      String kind, String settings, String inputs, String expected, String members) {
    return String.format(
        """
        {"id": "a", "cell": "rnn", "kind": "%s", "config": {"hidden_size": 1 %s},
         "inputs": {"X": %s, "W": %s, "R": %s %s},
         "expected": {"Y": {"dtype": "float32", "dims": [2, 1, 1, 1],
                            "data": [0.462117157260, 0.745219742330]} %s} %s}
        """,
        kind, settings, tensor("[2, 1, 1]", "[0.5, 0.5]"), ONE, ONE, inputs, expected, members);
  }

  private static String good() {
    return rnn("forward", "", "", "", "");
  }

  private void write(String... cases) throws IOException {
    Files.writeString(
        folder.resolve("some.json"),
        "{\"schema\": \"rnn-case/1\", \"cases\": [" + String.join(",", cases) + "]}");
  }

  /** Runs all; what fails, by name. */
  private List<String> failures() {
    return ConformanceTests.of(Solver.REFERENCE, folder)
        .flatMap(this::flat)
        .map(ConformanceTestsTest::failure)
        .filter(text -> !text.isEmpty())
        .toList();
  }

  private Stream<DynamicTest> flat(DynamicNode node) {
    return node instanceof DynamicContainer container
        ? container.getChildren().flatMap(this::flat)
        : Stream.of((DynamicTest) node);
  }

  private static String failure(DynamicTest test) {
    try {
      test.getExecutable().execute();
      return "";
    } catch (Throwable e) {
      return test.getDisplayName() + ": " + e.getMessage();
    }
  }

  private void assertFailsOnly(String part) {
    List<String> failed = failures();
    assertEquals(1, failed.size(), failed::toString);
    assertTrue(failed.get(0).contains(part), failed::toString);
  }

  private void assertNothingFails() {
    assertEquals(List.of(), failures());
  }

  @Test
  void aFolderWithOtherCasesPasses() throws IOException {
    write(good(), good(), good());
    assertNothingFails();
  }

  @Test
  void aWrongNumberFails() throws IOException {
    write(good().replace("0.7452", "0.7552"));
    assertFailsOnly("Y[1] is");
  }

  @Test
  void anEmptyFolderFails() throws IOException {
    write();
    assertFailsOnly("there are cases");
  }

  @Test
  void aKindOfWhichNoneIsRunFails() throws IOException {
    write(good(), rnn("gradient", ", \"num_layers\": 2", "", "", ""));
    assertFailsOnly("of each kind one is run");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        ", \"peephole_kind\": 3 | | | | has the setting 'peephole_kind'",
        "| , \"Q\": {} | | | not understood",
        "| , \"Q\": {\"dtype\": \"float32\", \"dims\": [1], \"data\": [1]} | | | the input 'Q'",
        "| | , \"Z\": {\"dtype\": \"float32\", \"dims\": [1], \"data\": [1]} | | unknown expected tensor Z",
        "| | | , \"scale\": 2 | has the member 'scale'",
        ", \"direction\": \"sideways\" | | | | the direction 'sideways'",
        ", \"clip\": \"much\" | | | | clip is \"much\"; needed a number",
      })
  void whatIsNotKnownFailsByItsName(
      @Nullable String settings,
      @Nullable String inputs,
      @Nullable String expected,
      @Nullable String members,
      String part)
      throws IOException {
    write(good(), rnn("forward", text(settings), text(inputs), text(expected), text(members)));
    assertFailsOnly(part);
  }

  private static String text(@Nullable String cell) {
    return cell == null ? "" : cell;
  }

  @Test
  void anUnknownSchemaFails() throws IOException {
    write(good());
    Files.writeString(
        folder.resolve("other.json"), "{\"schema\": \"rnn-case/9\", \"cases\": [" + good() + "]}");
    assertFailsOnly("schema 'rnn-case/9' of other.json");
  }

  private static double sigmoid(double x) {
    return 1 / (1 + Math.exp(-x));
  }

  /** LSTM with one unit and one step of x = 0.5 from c = 0.8, gates' sums i, o, f, c in W. */
  private static String lstm(String settings, double i, double f, double most) {
    double g = Math.tanh(0.2);
    double c = Math.min(most, i * g + f * 0.8);
    double h = sigmoid(0.3) * Math.tanh(c);
    return String.format(
        Locale.ROOT,
        """
        {"id": "b", "cell": "lstm", "kind": "forward", "config": {"hidden_size": 1 %s},
         "inputs": {"X": %s, "W": %s, "R": %s, "initial_c": %s},
         "expected": {"Y": %s, "Y_c": %s}}
        """,
        settings,
        tensor("[1, 1, 1]", "[0.5]"),
        tensor("[1, 4, 1]", "[1.2, 0.6, -1.6, 0.4]"),
        tensor("[1, 4, 1]", "[0, 0, 0, 0]"),
        tensor("[1, 1, 1]", "[0.8]"),
        tensor("[1, 1, 1, 1]", "[" + h + "]"),
        tensor("[1, 1, 1]", "[" + c + "]"));
  }

  /** Read as "not coupled", or as coupled the other way, such a case would fail. */
  @ParameterizedTest
  @ValueSource(strings = {"true", "1", "\"true\"", "\"1\"", "\"i = 1 - f\"", "\"yes\""})
  void anInputGateIsCoupledHoweverThatIsWritten(String value) throws IOException {
    double f = sigmoid(-0.8);
    write(lstm(", \"coupled_input_forget\": " + value, 1 - f, f, 9));
    assertNothingFails();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"input_forget\": 1",
        "\"input_forget\": true",
        "\"coupled_input_forget\": \"f = 1 - i\""
      })
  void aForgetGateIsCoupledHoweverThatIsWritten(String setting) throws IOException {
    double i = sigmoid(0.6);
    write(lstm(", " + setting, i, 1 - i, 9));
    assertNothingFails();
  }

  @Test
  void clipsAreOfGatesSumsOrOfTheCell() throws IOException {
    write(
        lstm(", \"clip\": 0.7", sigmoid(0.6), sigmoid(-0.7), 9),
        lstm(", \"cell_clip\": 0.3", sigmoid(0.6), sigmoid(-0.8), 0.3));
    assertNothingFails();
    write(lstm(", \"clip\": 0.7", sigmoid(0.6), sigmoid(-0.8), 9));
    assertFailsOnly("Y[0] is");
  }

  @Test
  void eachDirectionHasFunctionsOfItsOwnWhichConsumeConstantsInOrder() throws IOException {
    String two = tensor("[2, 1, 1]", "[1, 1]");
    write(
        String.format(
            """
            {"id": "c", "cell": "rnn", "kind": "gradient", "config": {"hidden_size": 1,
               "direction": "bidirectional", "activations": ["LeakyRelu", "Affine"],
               "activation_alpha": [0.5, 2], "activation_beta": [0.25]},
             "inputs": {"X": %s, "W": %s, "R": %s},
             "output_gradient": {"Y": %s},
             "expected": {"Y": %s, "Y_h": %s, "dX": %s, "dW": %s}}
            """,
            tensor("[2, 1, 1]", "[-1, 1]"),
            two,
            two,
            // [t, direction]: by the forward one's last step and the reverse one's last, t = 0.
            tensor("[2, 2, 1, 1]", "[0, 1, 1, 0]"),
            // forward: -0.5, then 1 - 0.5; reverse: 2.25, then 2(-1 + 2.25) + 0.25 = 2.75.
            tensor("[2, 2, 1, 1]", "[-0.5, 2.75, 0.5, 2.25]"),
            tensor("[2, 1, 1]", "[0.5, 2.75]"),
            // forward: 0.5 through the first step and 1; reverse: 2, and 2 · 2.
            tensor("[2, 1, 1]", "[2.5, 5]"),
            // x times these: -0.5 + 1; -2 + 4.
            tensor("[2, 1, 1]", "[0.5, 2]")));
    assertNothingFails();
  }

  @Test
  void cellsOfUnequalWidthAreRunOneAfterTheOther() throws IOException {
    double a = Math.tanh(0.5);
    double y = Math.tanh(2 * a);
    double z = Math.tanh(-a);
    String narrow =
        String.format(
            "{\"W\": %s, \"R\": %s}", tensor("[1, 1, 1]", "[1]"), tensor("[1, 1, 1]", "[1]"));
    String wide =
        String.format(
            "{\"W\": %s, \"R\": %s}",
            tensor("[1, 2, 1]", "[2, -1]"), tensor("[1, 2, 2]", "[0, 1, 1, 0]"));
    Files.writeString(
        folder.resolve("keras.json"),
        String.format(
            """
            {"schema": "rnn-case/1-keras", "cases": [
              {"id": "d", "cell": "rnn", "kind": "forward", "calls_with_same_input": 1,
               "config": {"layer": "RNN", "units": [1, 2], "return_sequences": true},
               "inputs": {"x": %s}, "weights": [%s, %s],
               "expected": {"output": %s, "state0": %s, "state1": %s}}]}
            """,
            tensor("[1, 1, 1]", "[0.5]"),
            narrow,
            wide,
            tensor("[1, 1, 2]", "[" + y + ", " + z + "]"),
            tensor("[1, 1]", "[" + a + "]"),
            tensor("[1, 2]", "[" + y + ", " + z + "]")));
    assertNothingFails();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        ", \"activations\": [\"Gelu\"] | activations that ONNX does not name",
        ", \"activations\": [\"Tanh\", \"Tanh\"] | activations that ONNX does not name",
        ", \"num_layers\": 2 | several layers in one node",
        ", \"proj_clip\": 0.5 | clipping of a projection",
        ", \"coupled_input_forget\": 1 | an input gate coupled to one that is no sigmoid",
      })
  void whatTheLibraryHasNotIsRefusedWithTheReason(String settings, String reason)
      throws IOException {
    write(good(), rnn("forward", settings, "", "", ""));
    assertNothingFails();
    assertEquals(reason, ConformanceFiles.read(folder, "some.json").get(1).unsupported());
  }

  @ParameterizedTest
  @ValueSource(strings = {"false", "0", "\"false\"", "\"0\"", "\"\"", "null"})
  void uncoupledGatesAreRunHoweverTheyAreWritten(String value) throws IOException {
    write(rnn("forward", ", \"coupled_input_forget\": " + value, "", "", ""));
    assertNothingFails();
    assertEquals(null, ConformanceFiles.read(folder, "some.json").get(0).unsupported());
  }

  /** dY = [0, 1]: dX = [(1 − y1²)(1 − y0²), 1 − y1²]. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        ", \"grad_HAll\": G | | GOOD",
        "| , \"output_gradient\": {\"Y\": G} | GOOD",
        "| , \"output_gradient\": {\"Y_h\": H} | GOOD",
        ", \"grad_final_h\": H | | GOOD",
        "| | BAD",
      })
  void gradientsOfOutputsAreTakenFromWhereverTheyAre(
      @Nullable String inputs, @Nullable String members, String outcome) throws IOException {
    String g = tensor("[2, 1, 1, 1]", "[0, 1]");
    String h = tensor("[1, 1, 1]", "[1]");
    String dx = ", \"dX\": " + tensor("[2, 1, 1]", "[0.35000, 0.444647535642]");
    dx =
        dx.replace(
            "0.35000", Double.toString(0.444647535642 * (1 - 0.462117157260 * 0.462117157260)));
    write(
        rnn(
            "gradient",
            "",
            text(inputs).replace(" G", g).replace(" H", h),
            dx,
            text(members).replace(" G", g).replace(" H", h)));
    if (outcome.equals("GOOD")) {
      assertNothingFails();
    } else {
      assertFailsOnly("dX[0] is");
    }
  }

  @Test
  void theOutputOfALayerOnTopIsNoRecurrentLayers() throws IOException {
    write(good(), rnn("forward", "", "", ", \"head_output\": " + ONE, ""));
    assertNothingFails();
    assertEquals(
        "a further layer on top", ConformanceFiles.read(folder, "some.json").get(1).unsupported());
  }
}
