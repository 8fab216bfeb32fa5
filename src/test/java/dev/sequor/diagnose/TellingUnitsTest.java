package dev.sequor.diagnose;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.CharacterVocabulary;
import dev.sequor.data.TokenWindow;
import dev.sequor.model.NetworkModelSpec;
import dev.sequor.model.SequenceModel;
import dev.sequor.module.Linear;
import dev.sequor.module.NamedTensor;
import dev.sequor.module.Network;
import dev.sequor.module.OneHot;
import dev.sequor.module.Recurrent;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class TellingUnitsTest {
  private static final String CHARACTERS = "\n abcdeA1()\u201C\u201D";
  private static final CharacterVocabulary VOCABULARY = CharacterVocabulary.of(CHARACTERS);

  /** Lines of words, some of them in quotation marks. */
  private static String text(int length, SplittableRandom random) {
    StringBuilder text = new StringBuilder();
    boolean open = false;
    int line = 0;
    while (text.length() < length) {
      boolean quotes = random.nextInt(8) == 0;
      if (quotes && !open) {
        text.append('\u201C');
      }
      for (int i = random.nextInt(1, 7); i > 0; i--) {
        text.append("abcdeA1()".charAt(random.nextInt(random.nextInt(1, 10))));
      }
      if (quotes && open) {
        text.append('\u201D');
      }
      open ^= quotes;
      line++;
      text.append(line % 6 == 0 || random.nextInt(7) == 0 ? '\n' : ' ');
    }
    return text.substring(0, length);
  }

  private static List<String> pieces(String text) {
    return text.codePoints().mapToObj(Character::toString).toList();
  }

  private static Activations activations(SequenceModel model, String text) {
    int[] tokens = VOCABULARY.encode("the text", text);
    return Activations.of(model, new TokenWindow(tokens.length, 1, tokens, tokens, null, true));
  }

  private static SequenceModel model(Backend backend, CellType cell, int hidden, long seed) {
    int size = VOCABULARY.size();
    Network network =
        Network.builder()
            .tokens("text", size)
            .add("letters", new OneHot(size), "text")
            .add("rnn", new Recurrent(RnnSpec.of(cell, size, hidden)), "letters")
            .add("logits", new Linear(hidden, size), "rnn")
            .build();
    return new SequenceModel(
        backend, new NetworkModelSpec(network, new Loss.SoftmaxCrossEntropy()), seed);
  }

  /** Unit 5 is 1 inside quotation marks, unit 2 grows with every character of a line. */
  private static void setByHand(SequenceModel model, int hidden) {
    int size = VOCABULARY.size();
    List<NamedTensor> tensors = new ArrayList<>();
    for (NamedTensor tensor : model.tensors()) {
      float[] values = tensor.values().clone();
      for (int unit : new int[] {2, 5}) {
        for (int j = 0; j < hidden && tensor.name().endsWith("recurrent_weights"); j++) {
          values[unit * hidden + j] = j == unit ? 1 : 0;
        }
        for (int c = 0; c < size && tensor.name().endsWith("input_weights"); c++) {
          values[unit * size + c] = unit == 2 ? 0.01f : 0;
        }
        if (tensor.name().startsWith("rnn.") && tensor.name().endsWith("bias")) {
          values[unit] = 0;
        }
      }
      if (tensor.name().endsWith("input_weights")) {
        values[2 * size + VOCABULARY.token('\n')] = -1000;
        values[5 * size + VOCABULARY.token('\u201C')] = 1;
        values[5 * size + VOCABULARY.token('\u201D')] = -1000;
      }
      tensors.add(new NamedTensor(tensor.name(), tensor.shape(), values));
    }
    model.load(tensors);
  }

  private static TellingUnits.Found found(TellingUnits units, TextFeature feature) {
    return units.found().stream().filter(each -> each.feature() == feature).findFirst().get();
  }

  @Test
  void unitsThatWereMadeToTellAreFound() {
    int hidden = 12;
    String text = text(900, new SplittableRandom(4));
    try (Backend backend = Devices.open("java");
        SequenceModel model = model(backend, CellType.RNN_RELU, hidden, 3)) {
      setByHand(model, hidden);
      Activations activations = activations(model, text);
      TellingUnits units = TellingUnits.in(activations, pieces(text));
      assertEquals(900, units.steps());
      assertEquals(hidden, units.units());
      TellingUnits.Found quotes = found(units, TextFeature.IN_QUOTES);
      assertEquals(new TellingUnits.Unit(0, TellingUnits.Of.HIDDEN, 5), quotes.unit());
      assertEquals(1, quotes.match().correlation(), 1e-9);
      assertTrue(quotes.match().telling());
      TellingUnits.Found line = found(units, TextFeature.LINE_POSITION);
      assertEquals(new TellingUnits.Unit(0, TellingUnits.Of.HIDDEN, 2), line.unit());
      assertEquals(1, line.match().correlation(), 1e-6);
      assertTrue(line.match().telling());
      assertEquals(900, line.unit().in(activations, 0).length);
      // The most telling first, and none that is not.
      List<TellingUnits.Found> telling = units.telling();
      for (int i = 1; i < telling.size(); i++) {
        assertTrue(telling.get(i).match().telling());
        assertTrue(
            Math.abs(telling.get(i).match().correlation())
                <= Math.abs(telling.get(i - 1).match().correlation()));
      }
    }
  }

  /**
   * Networks with random weights say much of the characters that they read, and nothing of others.
   */
  @Test
  void unitsTellNothingOfAnotherText() {
    SplittableRandom random = new SplittableRandom(8);
    int told = 0;
    int trials = 60;
    CellType[] cells = {CellType.LSTM, CellType.GRU_RESET_BEFORE, CellType.RNN_TANH};
    try (Backend backend = Devices.open("java")) {
      for (int trial = 0; trial < trials; trial++) {
        try (SequenceModel model = model(backend, cells[trial % 3], 8, trial)) {
          TellingUnits units =
              TellingUnits.in(activations(model, text(400, random)), pieces(text(400, random)));
          assertTrue(units.found().size() >= 7, units::toString);
          told += units.telling().isEmpty() ? 0 : 1;
        }
      }
    }
    // At 5 % three are expected, and ten or more once in a thousand times.
    assertTrue(told < 10, "told " + told);
  }

  @Test
  void cellsOfAnLstmAreLookedAtAsTheirTanh() {
    String text = text(64, new SplittableRandom(1));
    try (Backend backend = Devices.open("java");
        SequenceModel model = model(backend, CellType.LSTM, 3, 1)) {
      Activations activations = activations(model, text);
      assertEquals(6, TellingUnits.in(activations, pieces(text)).units());
      double[] c = activations.layers().get(0).cell(0, 1);
      double[] shown = new TellingUnits.Unit(0, TellingUnits.Of.CELL, 1).in(activations, 0);
      for (int t = 0; t < c.length; t++) {
        assertEquals(Math.tanh(c[t]), shown[t]);
      }
      // What is the same throughout is no feature, and of such a text there may be none.
      assertFalse(
          TellingUnits.in(activations, pieces(text)).found().stream()
              .anyMatch(each -> Double.isNaN(each.match().correlation())));
      assertThrows(
          IllegalArgumentException.class,
          () -> TellingUnits.in(activations, pieces(text.substring(1))));
      int[] two = new int[2 * 64];
      Activations ofTwo = Activations.of(model, new TokenWindow(64, 2, two, two, null, true));
      assertThrows(IllegalArgumentException.class, () -> TellingUnits.in(ofTwo, pieces(text)));
    }
  }

  @Test
  void largeModelsAreSearchedInFewerSteps() {
    try (Backend backend = Devices.open("java");
        SequenceModel small = model(backend, CellType.LSTM, 128, 1)) {
      assertEquals(8192, TellingUnits.mostSteps(small.spec()));
    }
    int size = VOCABULARY.size();
    RnnSpec large = RnnSpec.of(CellType.LSTM, size, 1024).withLayers(3);
    Network network =
        Network.builder()
            .tokens("text", size)
            .add("letters", new OneHot(size), "text")
            .add("rnn", new Recurrent(large), "letters")
            .add("logits", new Linear(1024, size), "rnn")
            .build();
    // 6,144 units: 2,048 steps are 12.6 million activations, 4,096 more than 2^24.
    assertEquals(
        2048,
        TellingUnits.mostSteps(new NetworkModelSpec(network, new Loss.SoftmaxCrossEntropy())));
  }
}
