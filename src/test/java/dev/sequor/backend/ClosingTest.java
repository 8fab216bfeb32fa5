package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What fails while things are closed keeps nothing else from being closed. */
final class ClosingTest {
  private final List<String> calls = new ArrayList<>();

  /** What is in {@code failing} by name throws; all else answers with what is harmless. */
  private <T> T failing(Class<T> type, String... failing) {
    Object proxy =
        Proxy.newProxyInstance(
            type.getClassLoader(),
            new Class<?>[] {type},
            (self, method, arguments) -> {
              String call = type.getSimpleName() + "." + method.getName();
              calls.add(call);
              if (List.of(failing).contains(method.getName())) {
                throw new BackendException(call + " fails");
              }
              return switch (method.getName()) {
                case "plan" -> failing(EnginePlan.class, "close");
                case "keeps" -> true;
                case "savedElements" -> 0L;
                case "name" -> "test";
                default -> null;
              };
            });
    return type.cast(proxy);
  }

  private RnnPlan plan(Backend backend) {
    return backend.plan(new RnnShape(CellType.LSTM, 1, 1, 1, 1, 1, 1, 0f), Mode.INFERENCE);
  }

  private static void assertFailures(BackendException failure, String first, String... others) {
    assertEquals(first, failure.getMessage());
    assertArrayEquals(
        others,
        List.of(failure.getSuppressed()).stream()
            .map(Throwable::getMessage)
            .toArray(String[]::new));
  }

  @Test
  void aPlanIsClosedThoughWaitingForTheDeviceFails() {
    Backend backend = new Backend(failing(Engine.class, "synchronize"));
    RnnPlan plan = plan(backend);
    BackendException failure = assertThrows(BackendException.class, plan::close);
    assertFailures(failure, "Engine.synchronize fails", "EnginePlan.close fails");
    assertTrue(plan.isClosed());
    backend.close();
    assertEquals(1, calls.stream().filter("EnginePlan.close"::equals).count());
  }

  @Test
  void aBackendClosesAllThatItHoldsAndThenItself() {
    Backend backend = new Backend(failing(Engine.class, "close"));
    RnnPlan one = plan(backend);
    RnnPlan two = plan(backend);
    BackendException failure = assertThrows(BackendException.class, backend::close);
    assertFailures(
        failure, "EnginePlan.close fails", "EnginePlan.close fails", "Engine.close fails");
    assertTrue(one.isClosed() && two.isClosed() && backend.isClosed());
    backend.close();
  }

  @Test
  void errorsAreKeptLikeExceptionsAndTheSameOneIsNotItsOwnCompany() {
    Error error = new OutOfMemoryError("first");
    Runnable fails =
        () -> {
          throw error;
        };
    Closing closing = new Closing().then(fails).then(fails).then(() -> calls.add("last"));
    assertSame(error, assertThrows(OutOfMemoryError.class, closing::end));
    assertEquals(0, error.getSuppressed().length);
    assertEquals(List.of("last"), calls);
  }
}
