package dev.sequor.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.sequor.backend.Backend;
import dev.sequor.backend.CellType;
import dev.sequor.backend.Devices;
import dev.sequor.backend.Direction;
import dev.sequor.backend.Loss;
import dev.sequor.backend.RnnSpec;
import dev.sequor.data.Tokens;
import dev.sequor.module.AdaptiveSoftmax;
import dev.sequor.module.Embedding;
import dev.sequor.module.Linear;
import dev.sequor.module.Network;
import dev.sequor.module.Recurrent;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NextTokenTest {
  private static final int CLASSES = 40;

  private static NetworkModelSpec spec(boolean adaptive, Direction direction) {
    RnnSpec stack = RnnSpec.of(CellType.GRU_RESET_AFTER, 5, 10).withDirection(direction);
    int width = stack.outputSize();
    return new NetworkModelSpec(
        Network.builder()
            .tokens("text", CLASSES)
            .add("vectors", new Embedding(CLASSES, 5), "text")
            .add("rnn", new Recurrent(stack), "vectors")
            .add(
                "logits",
                adaptive
                    ? new AdaptiveSoftmax(width, CLASSES, List.of(8, 20), 2)
                    : new Linear(width, CLASSES),
                "rnn")
            .build(),
        new Loss.SoftmaxCrossEntropy());
  }

  private static int[] tokens(int count) {
    return new SplittableRandom(count).ints(count, 0, CLASSES).toArray();
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void surpriseIsTheLossOfAnEvaluation(boolean adaptive) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec(adaptive, Direction.FORWARD), 3)) {
      for (int length : new int[] {2, 3, 64, 65, 66, 150}) {
        int[] tokens = tokens(length);
        List<NextToken> foretold = NextToken.of(model, Tokens.of(tokens), 3);
        BatchLoss loss = Evaluator.evaluateText(model, tokens, 16, 1);
        assertEquals(loss.predictions(), foretold.size());
        double bits = foretold.stream().mapToDouble(NextToken::bits).sum();
        assertEquals(loss.meanBits() * foretold.size(), bits, 1e-5 * bits);
        for (int i = 0; i < foretold.size(); i++) {
          assertEquals(tokens[i + 1], foretold.get(i).token());
          assertEquals(3, foretold.get(i).likeliest().size());
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void candidatesAreAllThatThereAreInTheirOrder(boolean adaptive) {
    try (Backend backend = Devices.open("java");
        SequenceModel model = new SequenceModel(backend, spec(adaptive, Direction.FORWARD), 3)) {
      for (NextToken next : NextToken.of(model, Tokens.of(tokens(20)), CLASSES + 5)) {
        List<NextToken.Candidate> all = next.likeliest();
        assertEquals(CLASSES, all.size());
        assertEquals(1, all.stream().mapToDouble(NextToken.Candidate::probability).sum(), 1e-12);
        assertEquals(
            next.probability(),
            all.stream()
                .filter(each -> each.token() == next.token())
                .findFirst()
                .get()
                .probability(),
            1e-15);
        for (int i = 1; i < CLASSES; i++) {
          assertTrue(all.get(i).probability() <= all.get(i - 1).probability());
        }
      }
    }
  }

  @Test
  void whatForetellsNothingIsRefused() {
    try (Backend backend = Devices.open("java");
        SequenceModel forward = new SequenceModel(backend, spec(false, Direction.FORWARD), 1);
        SequenceModel both = new SequenceModel(backend, spec(false, Direction.BIDIRECTIONAL), 1)) {
      refused("the text holds 1 tokens; needed at least 2", forward, 1, 3);
      refused("most is 0; needed at least 1", forward, 5, 0);
      refused("the model does not predict each next token; needed one that does", both, 5, 3);
    }
  }

  private static void refused(String message, SequenceModel model, int length, int most) {
    assertEquals(
        message,
        assertThrows(
                IllegalArgumentException.class,
                () -> NextToken.of(model, Tokens.of(tokens(length)), most))
            .getMessage());
  }
}
