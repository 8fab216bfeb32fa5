package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.lang.reflect.Proxy;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * Sizes past what can be counted, of memory that is not there: refused before an engine is asked.
 */
final class BackendLimitsTest {
  /** So many elements, and no memory. */
  private static final class NoMemory extends Memory {
    NoMemory(DType type, long elements) {
      super(type, elements);
    }

    private NoMemory(Memory parent, long offset, long elements) {
      super(parent, offset, elements);
    }

    @Override
    public Memory slice(long offset, long count) {
      return new NoMemory(this, offset, count);
    }

    @Override
    public void free() {}
  }

  private final Backend backend = new Backend(engine());

  /** Allocates {@link NoMemory} and refuses to be asked for anything else. */
  private static Engine engine() {
    return (Engine)
        Proxy.newProxyInstance(
            Engine.class.getClassLoader(),
            new Class<?>[] {Engine.class},
            (self, method, arguments) ->
                switch (method.getName()) {
                  case "name" -> "test";
                  case "allocate" -> new NoMemory((DType) arguments[0], (Long) arguments[1]);
                  case "mostTokens" -> Integer.MAX_VALUE;
                  case "close" -> null;
                  default -> throw new AssertionError(method.getName() + " was called");
                });
  }

  @AfterEach
  void close() {
    backend.close();
  }

  private Buffer floats(long elements) {
    return backend.allocate(DType.FLOAT32, elements);
  }

  private Buffer integers(long elements) {
    return backend.allocate(DType.INT32, elements);
  }

  private static void assertRefused(String message, Runnable call) {
    assertEquals(message, assertThrows(IllegalArgumentException.class, call::run).getMessage());
  }

  @Test
  void aTableHasAtMostAsManyRowsAsAnIntCounts() {
    Buffer table = floats(2L << 31);
    Buffer y = floats(2);
    assertRefused(
        "dTable holds 2147483648 rows of 2; needed at most 2147483647",
        () -> backend.embeddingBackward(1, 2, integers(1), y, table));
    assertRefused(
        "table holds 2147483648 rows of 2; needed at most 2147483647",
        () -> backend.embeddingForward(1, 2, integers(1), table, y));
  }

  @Test
  void whatIsDecodedAtOnceFitsAHostBuffer() {
    int side = 1 << 15;
    Buffer logits = floats(1 << 30);
    assertRefused(
        "rows · vocabularySize is 1073741824; needed at most 536870911",
        () ->
            backend.drawTokens(
                new DrawShape(side, 1f, 0, 1f),
                side,
                integers(5L * side),
                integers(2),
                0,
                logits,
                null,
                integers(side)));
    assertRefused(
        "rows · vocabularySize is 1073741824; needed at most 536870911",
        () -> new LikeliestShape(side, side, 1));
    assertRefused(
        "timeSteps · batchSize is 1073741824; needed at most 536870911",
        () -> new TokenMix(side, side, 5));
  }

  @Test
  void inputsAreAsManyAsAnIntCountsOnceRoundedUp() {
    assertEquals(2147483640, RnnSpec.of(CellType.RNN_TANH, Integer.MAX_VALUE - 7, 1).inputSize());
    assertRefused(
        "inputSize is 2147483641; needed at most 2147483640",
        () -> RnnSpec.of(CellType.RNN_TANH, Integer.MAX_VALUE - 6, 1));
  }

  @Test
  void elementsThatAreCountedByAnIntAreNoMore() {
    assertRefused(
        "timeSteps · batchSize · width is 2147483648; needed at most 2147483647",
        () -> new MaximumShape(1 << 15, 1 << 15, 2));
  }

  @Test
  void directionsAreOneOrTwo() {
    assertEquals(2, new ParameterLayout(CellType.GRU_RESET_BEFORE, 1, 2, 3, 4).directions());
    assertRefused(
        "directions is 3; needed 1 or 2",
        () -> new ParameterLayout(CellType.GRU_RESET_BEFORE, 1, 3, 3, 4));
  }

  @Test
  @SuppressWarnings("NullAway") // what a caller without its checks may do
  void whatIsMissingWhereAnyLengthWouldDoIsSaidToBeMissing() {
    assertRefused(
        "x is missing; TANH needs one", () -> backend.activation(Activation.TANH, null, floats(3)));
    assertRefused("target is missing; fill needs one", () -> backend.fill(null, 1f));
    assertRefused(
        "a is missing; a product of elements needs one",
        () -> backend.multiply(null, floats(3), floats(3), false));
  }
}
