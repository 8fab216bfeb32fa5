package dev.sequor.backend;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A backend belongs to one thread at a time: others are refused, neither hung nor obeyed. */
@Tag("gpu")
@Timeout(120)
final class ThreadGuardTest {
  private static final int ATTEMPTS = 1000;

  static Stream<String> devices() {
    return HostileCallsTest.devices();
  }

  private static void inThread(String name, Runnable work) throws InterruptedException {
    AtomicReference<Throwable> failure = new AtomicReference<>();
    Thread thread = new Thread(work, name);
    thread.setUncaughtExceptionHandler((t, e) -> failure.set(e));
    thread.start();
    thread.join();
    if (failure.get() != null) {
      throw new AssertionError(failure.get());
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void misuseBesideWorkIsRefusedEveryTimeAndDoesNotShowInResults(String device) throws Exception {
    LinearShape shape = new LinearShape(16, 32, 32, Activation.TANH);
    try (Backend backend = Devices.open(device);
        Buffer x = backend.allocate(DType.FLOAT32, 16 * 32);
        Buffer weight = backend.allocate(DType.FLOAT32, 32 * 32);
        Buffer key = backend.allocate(DType.INT32, RandomKey.ELEMENTS);
        Buffer y = backend.allocate(DType.FLOAT32, 16 * 32)) {
      backend.fill(x, 0.5f);
      backend.fill(weight, 0.01f);
      backend.linearForward(shape, x, weight, null, y);
      float[] expected = y.readFloats();
      AtomicInteger refused = new AtomicInteger();
      CountDownLatch started = new CountDownLatch(1);
      Thread second =
          new Thread(
              () -> {
                started.countDown();
                for (int i = 0; i < ATTEMPTS; i++) {
                  try {
                    misuse(backend, i, weight, key);
                  } catch (IllegalStateException e) {
                    refused.incrementAndGet();
                  }
                }
              });
      second.start();
      started.await();
      do {
        backend.linearForward(shape, x, weight, null, y);
        assertArrayEquals(expected, y.readFloats());
      } while (second.isAlive());
      assertEquals(ATTEMPTS, refused.get());
    }
  }

  /** One of the calls that would write to {@code weight}. */
  private static void misuse(Backend backend, int number, Buffer weight, Buffer key) {
    switch (number % 4) {
      case 0 -> backend.fill(weight, number);
      case 1 -> backend.activation(Activation.TANH, weight, weight);
      case 2 -> backend.dropout(0, 0.5f, key, weight, weight);
      default -> {
        Buffer half = weight.slice(0, weight.elements() / 2);
        Buffer rest = weight.slice(half.elements(), half.elements());
        backend.copyColumns(ColumnCopy.whole(1, (int) half.elements(), 2f, true), half, rest);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("devices")
  void aThreadThatTakesOverOwnsItFromThenOn(String device) throws Exception {
    Backend backend = Devices.open(device);
    Buffer values = backend.allocate(DType.FLOAT32, 3);
    values.write(1f, 2f, 3f);
    inThread(
        "the taker",
        () -> {
          backend.takeOver();
          assertArrayEquals(new float[] {1, 2, 3}, values.readFloats());
          values.write(4f, 5f, 6f);
        });
    // The taker has ended, so its backend is anybody's.
    assertArrayEquals(new float[] {4, 5, 6}, values.readFloats());
    CountDownLatch taken = new CountDownLatch(1);
    CountDownLatch done = new CountDownLatch(1);
    Thread taker =
        new Thread(
            () -> {
              backend.takeOver();
              taken.countDown();
              try {
                done.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "the taker");
    taker.start();
    taken.await();
    IllegalStateException refusal = assertThrows(IllegalStateException.class, values::readFloats);
    assertTrue(refusal.toString().contains("belongs to thread 'the taker'"), refusal::toString);
    assertThrows(IllegalStateException.class, backend::close);
    backend.takeOver();
    backend.close();
    assertTrue(values.isClosed());
    done.countDown();
    taker.join();
  }

  @ParameterizedTest
  @MethodSource("devices")
  void nobodyTakesOverInTheMiddleOfACall(String device) throws Exception {
    try (Backend backend = Devices.open(device);
        Buffer values = backend.allocate(DType.FLOAT32, 3)) {
      backend.step(
          "key",
          List.of(),
          () -> {
            try {
              inThread(
                  "the taker",
                  () -> {
                    IllegalStateException refusal =
                        assertThrows(IllegalStateException.class, backend::takeOver);
                    assertTrue(refusal.toString().contains("is in a call"));
                    assertThrows(IllegalStateException.class, () -> backend.fill(values, 1f));
                    for (AutoCloseable thing : List.of(values, backend)) {
                      IllegalStateException unclosed =
                          assertThrows(IllegalStateException.class, thing::close);
                      assertTrue(unclosed.toString().contains("is in a call"));
                      assertTrue(unclosed.toString().contains("'the taker' needs"));
                    }
                  });
            } catch (InterruptedException e) {
              throw new AssertionError(e);
            }
            backend.fill(values, 2f);
          });
      assertArrayEquals(new float[] {2, 2, 2}, values.readFloats());
    }
  }
}
