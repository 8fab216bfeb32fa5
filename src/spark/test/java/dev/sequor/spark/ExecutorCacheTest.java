package dev.sequor.spark;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What tasks have in common is made once, and closed when it is not in use. */
class ExecutorCacheTest {
  private final AtomicInteger made = new AtomicInteger();
  private final AtomicInteger closed = new AtomicInteger();

  private final class Thing implements AutoCloseable {
    Thing() {
      made.incrementAndGet();
    }

    @Override
    public void close() {
      closed.incrementAndGet();
    }
  }

  @AfterEach
  void nothingIsLeft() {
    ExecutorCache.closeAll();
    assertEquals(0, ExecutorCache.count(Thing.class));
    assertEquals(made.get(), closed.get());
  }

  @Test
  void sharedByAllOrForOneAlone() throws Exception {
    try (var one = ExecutorCache.shared("a", Thing.class, Thing::new);
        var two = ExecutorCache.shared("a", Thing.class, Thing::new);
        var other = ExecutorCache.shared("b", Thing.class, Thing::new)) {
      assertSame(one.get(), two.get());
      assertNotSame(one.get(), other.get());
    }
    Thing first;
    try (var one = ExecutorCache.alone("c", Thing.class, Thing::new);
        var two = ExecutorCache.alone("c", Thing.class, Thing::new)) {
      assertNotSame(one.get(), two.get());
      first = one.get();
    }
    try (var again = ExecutorCache.alone("c", Thing.class, Thing::new)) {
      assertSame(first, again.get());
    }
    assertEquals(4, made.get());
    assertEquals(0, closed.get());
  }

  @Test
  void whatIsInUseIsClosedWhenItIsGivenBack() throws Exception {
    var one = ExecutorCache.shared("a", Thing.class, Thing::new);
    ExecutorCache.closeAll();
    assertEquals(0, closed.get());
    one.close();
    one.close();
    assertEquals(1, closed.get());
  }

  @Test
  void aFailureIsNotKept() throws Exception {
    for (int i = 0; i < 2; i++) {
      assertThrows(
          IOException.class,
          () ->
              ExecutorCache.shared(
                  "a",
                  Thing.class,
                  () -> {
                    throw new IOException("no");
                  }));
    }
    try (var one = ExecutorCache.shared("a", Thing.class, Thing::new)) {
      assertEquals(1, ExecutorCache.count(Thing.class), one.get().getClass().getName());
    }
  }
}
