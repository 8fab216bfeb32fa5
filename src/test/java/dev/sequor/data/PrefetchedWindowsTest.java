package dev.sequor.data;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class PrefetchedWindowsTest {
  private static final int WINDOWS = 5;

  /** A window that says which it is. */
  private static Window window(long epoch, long index) {
    return new TokenWindow(
        1, 1, new int[] {(int) epoch}, new int[] {(int) index}, null, index == 0);
  }

  private static void assertIs(long epoch, long index, Window window) {
    assertEquals(epoch, ((TokenWindow) window).tokens()[0]);
    assertEquals(index, ((TokenWindow) window).targets()[0]);
  }

  /** A source of some windows. */
  private interface Maker {
    Window make(long epoch, long index);
  }

  private static WindowSource source(Maker maker) {
    return new WindowSource() {
      @Override
      public long windowsPerEpoch() {
        return WINDOWS;
      }

      @Override
      public Window window(long epoch, long index) {
        return maker.make(epoch, index);
      }
    };
  }

  @Test
  void windowsAreThoseOfTheSourceInWhateverOrder() {
    try (PrefetchedWindows windows = new PrefetchedWindows(source(PrefetchedWindowsTest::window))) {
      assertEquals(WINDOWS, windows.windowsPerEpoch());
      for (int i = 7; i < 40; i++) {
        assertIs(i / WINDOWS, i % WINDOWS, windows.window(i / WINDOWS, i % WINDOWS));
      }
      SplittableRandom random = new SplittableRandom(1);
      for (int i = 0; i < 2000; i++) {
        int epoch = random.nextInt(2);
        int index = random.nextInt(3);
        assertIs(epoch, index, windows.window(epoch, index));
      }
    }
  }

  @Test
  void theNextTwoAreMadeBeforeTheyAreAskedForAndNoMore() throws InterruptedException {
    AtomicInteger made = new AtomicInteger();
    CountDownLatch three = new CountDownLatch(3);
    Set<Thread> threads = ConcurrentHashMap.newKeySet();
    PrefetchedWindows windows =
        new PrefetchedWindows(
            source(
                (epoch, index) -> {
                  made.incrementAndGet();
                  threads.add(Thread.currentThread());
                  three.countDown();
                  return window(epoch, index);
                }));
    assertIs(0, 4, windows.window(0, 4));
    three.await();
    Thread.sleep(20);
    assertEquals(3, made.get());
    assertIs(1, 0, windows.window(1, 0));
    assertIs(1, 1, windows.window(1, 1));
    assertEquals(1, threads.size());
    Thread maker = threads.iterator().next();
    assertTrue(maker.isDaemon());
    windows.close();
    maker.join();
    assertThrows(IllegalStateException.class, () -> windows.window(1, 2));
  }

  @Test
  void aWindowThatNobodyWantsAnyMoreIsDropped() throws InterruptedException {
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    try (PrefetchedWindows windows =
        new PrefetchedWindows(
            source(
                (epoch, index) -> {
                  if (epoch == 0 && index == 1) {
                    inside.countDown();
                    try {
                      go.await();
                    } catch (InterruptedException e) {
                      throw new IllegalStateException(e);
                    }
                  }
                  return window(epoch, index);
                }))) {
      assertIs(0, 0, windows.window(0, 0));
      inside.await();
      Thread asks = Thread.currentThread();
      new Thread(
              () -> {
                while (asks.getState() != Thread.State.WAITING) {
                  Thread.onSpinWait();
                }
                go.countDown();
              })
          .start();
      assertIs(7, 3, windows.window(7, 3));
      assertIs(7, 4, windows.window(7, 4));
    }
  }

  @Test
  void whatTheSourceThrowsComesOutWhereItBelongs() {
    IllegalArgumentException refusal = new IllegalArgumentException("no");
    AssertionError error = new AssertionError();
    AtomicInteger calls = new AtomicInteger();
    try (PrefetchedWindows windows =
        new PrefetchedWindows(
            source(
                (epoch, index) -> {
                  if (index == 2 && calls.incrementAndGet() < 3) {
                    throw refusal;
                  } else if (index == 4) {
                    throw error;
                  }
                  return window(epoch, index);
                }))) {
      assertIs(0, 0, windows.window(0, 0));
      assertIs(0, 1, windows.window(0, 1));
      for (int i = 0; i < 2; i++) {
        assertSame(
            refusal, assertThrows(IllegalArgumentException.class, () -> windows.window(0, 2)));
      }
      assertIs(0, 2, windows.window(0, 2));
      assertIs(0, 3, windows.window(0, 3));
      assertSame(error, assertThrows(AssertionError.class, () -> windows.window(0, 4)));
      assertIs(1, 0, windows.window(1, 0));
    }
  }

  @Test
  void closeNeverWaitsAndTellsWhoWaits() throws InterruptedException {
    new PrefetchedWindows(source(PrefetchedWindowsTest::window)).close(); // Never used.
    CountDownLatch inside = new CountDownLatch(1);
    CountDownLatch go = new CountDownLatch(1);
    AtomicReference<Thread> maker = new AtomicReference<>();
    PrefetchedWindows windows =
        new PrefetchedWindows(
            source(
                (epoch, index) -> {
                  maker.set(Thread.currentThread());
                  inside.countDown();
                  try {
                    go.await();
                  } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                  }
                  return window(epoch, index);
                }));
    AtomicReference<Throwable> told = new AtomicReference<>();
    Thread waiting =
        new Thread(
            () -> {
              try {
                windows.window(0, 0);
              } catch (IllegalStateException e) {
                told.set(e);
              }
            });
    waiting.start();
    inside.await();
    windows.close();
    windows.close();
    waiting.join();
    assertTrue(told.get() instanceof IllegalStateException);
    Thread making = Objects.requireNonNull(maker.get());
    assertTrue(making.isAlive());
    go.countDown();
    making.join();
  }

  @Test
  void anInterruptedThreadGetsItsWindowAndStaysInterrupted() {
    try (PrefetchedWindows windows = new PrefetchedWindows(source(PrefetchedWindowsTest::window))) {
      Thread.currentThread().interrupt();
      assertIs(0, 3, windows.window(0, 3));
      assertTrue(Thread.interrupted());
      assertFalse(Thread.interrupted());
    }
  }
}
