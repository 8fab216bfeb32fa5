package dev.sequor.contract;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
    write(good(), rnn("gradient", ", \"proj_size\": 1", "", "", ""));
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

  /** Read as "not coupled", such a case would be run and fail, or pass by chance. */
  @ParameterizedTest
  @ValueSource(strings = {"true", "1", "\"true\"", "\"1\"", "\"i = 1 - f\"", "\"yes\""})
  void coupledGatesAreRefusedHoweverTheyAreWritten(String value) throws IOException {
    write(good(), rnn("forward", ", \"coupled_input_forget\": " + value, "", "", ""));
    assertNothingFails();
    List<ConformanceCase> cases = ConformanceFiles.read(folder, "some.json");
    assertEquals("coupled input and forget gates", cases.get(1).unsupported());
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
