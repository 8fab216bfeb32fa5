package dev.sequor.benchmarks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ShapeTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  @ParameterizedTest
  @ValueSource(
      strings = {
        "128,32,256",
        "128,1,256,L4",
        "128,8,256,D2",
        "128,32,256,L2,D2",
        "256,32,256,ragged",
        "64,3,7,L3,D2,ragged"
      })
  void isReadAsItIsWritten(String text) throws IOException {
    Shape shape = Shape.parse(text);
    assertEquals(text, shape.toString());
    Case what = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, shape);
    Message.Request request = new Message.Request(Message.Command.PREPARE, what, 1, 0, 0);
    assertEquals(request, JSON.readValue(JSON.writeValueAsString(request), Message.Request.class));
  }

  @Test
  void oneLayerIsToldAsItWasBeforeThereWereWholes() throws IOException {
    assertEquals(
        "{\"cell\":\"LSTM\",\"pass\":\"FORWARD\",\"timeSteps\":128,\"batchSize\":32,\"hiddenSize\":256}",
        JSON.writeValueAsString(new Case(Case.Cell.LSTM, Case.Pass.FORWARD, 128, 32, 256)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "128,32",
        "128,32,x",
        "128,32,256,",
        "128,32,256,X2",
        "128,32,256,L",
        "128,32,256,L0",
        "128,32,256,D3",
        "128,32,256,D0",
        "0,32,256",
        "128,32,-1",
        "100000,1000,1000"
      })
  void whatIsNoShapeIsRefusedWithWhatIsNeeded(String text) {
    IllegalArgumentException refusal =
        assertThrows(IllegalArgumentException.class, () -> Shape.parse(text));
    assertTrue(refusal.getMessage().contains("needed"), refusal.getMessage());
  }

  @Test
  void raggedLengthsAreTheSameEveryTimeAndCoverTheWholeRange() {
    int[] lengths = Shape.parse("256,32,256,ragged").lengths();
    assertTrue(Arrays.equals(lengths, Shape.parse("256,32,512,ragged").lengths()));
    assertEquals(256, Arrays.stream(lengths).max().orElse(0));
    assertTrue(Arrays.stream(lengths).min().orElse(0) >= 1);
    double mean = Arrays.stream(Shape.parse("256,4096,1,ragged").lengths()).average().orElse(0);
    assertEquals(128.5, mean, 4 * 256 / Math.sqrt(12 * 4096));
    assertEquals(
        List.of(32, 1),
        List.of(
            Shape.parse("256,32,256,ragged").rowsOfSteps()[0],
            (int) Arrays.stream(lengths).filter(l -> l == 256).count()));
  }

  @Test
  void operationsAreThoseOfAllLayersDirectionsAndSteps() {
    Case layer = new Case(Case.Cell.LSTM, Case.Pass.FORWARD, 10, 3, 8);
    assertEquals(2.0 * 10 * 3 * 32 * 16, layer.flops());
    Case whole =
        new Case(
            Case.Cell.GRU_RESET_AFTER, Case.Pass.FORWARD_BACKWARD, Shape.parse("10,3,8,L3,D2"));
    assertEquals(3 * 2.0 * 10 * 3 * 24 * 2 * (16 + 24 + 24), whole.flops());
    Shape ragged = Shape.parse("10,3,8,ragged");
    assertEquals(
        2.0 * Arrays.stream(ragged.lengths()).sum() * 32 * 16,
        new Case(Case.Cell.LSTM, Case.Pass.FORWARD, ragged).flops());
  }

  @Test
  void nothingPastTheEndOfASequenceIsLeft() {
    Shape shape = Shape.parse("5,3,2,D2,ragged");
    float[] tensor = new float[shape.outputElements()];
    Arrays.fill(tensor, 1f);
    Problem.masked(shape, tensor, 2);
    double ones = 0;
    for (float value : tensor) {
      ones += value;
    }
    assertEquals(shape.rows() * 4, ones);
  }
}
